/**
 * Predictions of the float model and its two 8-bit twins, picture by picture.
 *
 * @module
 */

import type { Comparison, EqualizedModel, OpenedModel, PickedFile } from '../../protocol.ts';
import { button, byId, element, setEnabled } from '../dom.ts';
import { hasChanged, type State } from '../state.ts';
import { PictureChoice } from './picture-choice.ts';
import { EXAMPLE_CLASSES } from './picture-labels.ts';
import { pictureTable, scoreTable } from './prediction-tables.ts';
import type { Thumbnails } from './thumbnails.ts';

/** What is compared. */
export interface Asked {
  readonly pictures: readonly PickedFile[] | 'example';
  readonly labels?: readonly number[];
}

/** What the section leads to. */
export interface CompareActions {
  compare(asked: Asked): void;
  fail(message: string): void;
}

/** The section of comparisons. */
export class CompareView {
  readonly #place = byId('compare', HTMLElement);
  readonly #actions: CompareActions;
  readonly #result = element('div', { class: 'compare-result' });
  readonly #choice = new PictureChoice('labels');
  #buttons: readonly HTMLButtonElement[] = [];

  constructor(actions: CompareActions) {
    this.#actions = actions;
  }

  /** Shows what can be done with a model, and what came of it. */
  render(state: State, before: State | undefined): void {
    const { opened, equalized, comparison, thumbnails, isBusy } = state;
    if (!opened) return;
    if (hasChanged(state, before, 'opened', 'equalized')) this.#show(opened, equalized);
    if (hasChanged(state, before, 'comparison')) {
      this.#result.replaceChildren(
        ...(comparison ? comparisonOf(comparison, opened.isExample, thumbnails) : []),
      );
    }
    for (const one of this.#buttons) setEnabled(one, !isBusy);
  }

  #show(opened: OpenedModel, equalized: EqualizedModel | undefined): void {
    const { pictures } = opened;
    if (pictures === null) {
      this.#buttons = [];
      this.#place.replaceChildren(
        element(
          'p',
          {},
          'This model does not take pictures, or not only a picture, so nothing can be compared here. The command ',
          element('code', {}, 'crosslayer evaluate'),
          ' compares on numpy arrays.',
        ),
      );
      return;
    }
    if (!equalized) {
      this.#buttons = [];
      this.#place.replaceChildren(
        element('p', {}, 'Equalize the model first; then its predictions can be compared here.'),
        this.#choice.chosen,
      );
      return;
    }
    this.#place.replaceChildren(
      element('p', {}, threeModelsText(equalized)),
      ...this.#controls(opened),
      this.#result,
    );
  }

  /** Takes pictures that were dropped on the page. */
  takePictures(files: readonly PickedFile[]): void {
    this.#choice.take(files);
  }

  #controls({ isExample, pictures }: OpenedModel): HTMLElement[] {
    const start = button('Compare', () => this.#compare(), { class: isExample ? undefined : 'primary' });
    const example = button(
      'Compare on the pictures of the example',
      () => this.#actions.compare({ pictures: 'example' }),
      {
        class: 'primary',
      },
    );
    this.#buttons = [this.#choice.opener, start, ...(isExample ? [example] : [])];
    const size = pictures ? `${pictures.width} x ${pictures.height}` : '';
    return [
      ...(isExample ? [element('div', { class: 'buttons' }, example)] : []),
      element(
        'p',
        {},
        `${isExample ? 'Or bring' : 'Bring'} pictures of your own: drop them on this page or choose them. They are cropped to their middle, scaled to ${size} pixels, and stay on this computer.`,
      ),
      ...this.#choice.controls(),
      element('div', { class: 'buttons' }, start),
    ];
  }

  #compare(): void {
    const read = this.#choice.read();
    switch (read.kind) {
      case 'none':
        this.#actions.fail(
          'No pictures are chosen yet. Choose some with "Choose pictures", or drop them on the page.',
        );
        return;
      case 'wrong':
        this.#actions.fail(read.message);
        return;
      case 'pictures': {
        const { kind: _, ...asked } = read;
        this.#actions.compare(asked);
      }
    }
  }
}

function comparisonOf(comparison: Comparison, isExample: boolean, thumbnails: Thumbnails): HTMLElement[] {
  const names = isExample ? EXAMPLE_CLASSES : [];
  return [
    element('h3', { id: 'comparison-title', tabindex: -1 }, 'Predictions side by side'),
    element('p', {}, `On ${comparison.inputs}.`),
    scoreTable(comparison),
    element(
      'p',
      { class: 'soft' },
      'Agreement: how often the top-1 class is that of the float model. SQNR: how far the error of the scores lies below them; more dB are better.',
    ),
    ...pictureTable(comparison, names, thumbnails),
  ];
}

/** What is compared; most converters fold batch norms before they round, and the plain model is what they would make. */
export function threeModelsText({ target }: Pick<EqualizedModel, 'target'>): string {
  const rounded = target.startsWith('int8-') ? 'kernels and the results of its layers' : 'kernels';
  const plain =
    target === 'tfjs-uint8'
      ? 'yours with its kernels rounded to 8 bits as they are'
      : `yours with its batch norms folded, as converters do it, and its ${rounded} then rounded to 8 bits`;
  return (
    `Each picture goes through three models: yours in 32-bit numbers (float), ${plain} (plain), and the equalized one with ` +
    `its ${rounded} rounded the same way.`
  );
}
