/**
 * The download of a `.tflite` file in whole numbers, with what is chosen for it and the proof of it.
 *
 * @module
 */

import type { OpenedModel, Operations, PickedFile } from '../../protocol.ts';
import { chosen, groupOf, optionsOf } from '../choices/choice-cards.ts';
import { PictureChoice } from '../compare/picture-choice.ts';
import { button, byId, element, list, setEnabled } from '../dom.ts';
import { hasChanged, type MadeTflite, type State } from '../state.ts';
import { savedLink } from './saved-download.ts';
import { IO_TEXTS, tfliteSentences, tfliteVerdict, WEIGHTS_TEXTS } from './tflite-texts.ts';

type Asked = Operations['takeTflite']['asked'];

/** What the section leads to. */
export interface TfliteActions {
  take(asked: Asked): void;
  fail(message: string): void;
}

/** The section of the file. */
export class TfliteView {
  readonly #actions: TfliteActions;
  readonly #weights = optionsOf('weights', WEIGHTS_TEXTS);
  readonly #io = optionsOf('io', IO_TEXTS);
  readonly #choice = new PictureChoice('tflite-labels');
  readonly #pictures = element('div');
  readonly #result = element('div', { class: 'taken', id: 'tflite-result' });
  readonly #opener: HTMLButtonElement;
  #takesPictures = false;

  constructor(actions: TfliteActions) {
    this.#actions = actions;
    this.#opener = button('Make the .tflite file', () => this.#take(), { 'data-form': 'tflite' });
    byId('tflite', HTMLElement).append(
      groupOf(
        'Weights',
        'What will run the file decides which weights share a scale.',
        this.#weights,
        WEIGHTS_TEXTS,
      ),
      groupOf('Inputs and outputs', 'Inside, the file is the same.', this.#io, IO_TEXTS),
      this.#pictures,
      element('div', { class: 'buttons' }, this.#opener),
      this.#result,
    );
  }

  /** Shows what can be chosen for the model that is open, and the file that was made. */
  render(state: State, before: State | undefined): void {
    const { opened, tflite, isBusy } = state;
    if (hasChanged(state, before, 'opened') && opened) this.#showPictures(opened);
    if (hasChanged(state, before, 'tflite'))
      this.#result.replaceChildren(...(tflite ? resultOf(tflite) : []));
    for (const one of [this.#opener, this.#choice.opener]) setEnabled(one, !isBusy);
  }

  #showPictures({ pictures, isExample }: OpenedModel): void {
    this.#takesPictures = pictures !== null;
    const proof = isExample ? 'on the labelled pictures of the example' : 'on inputs that are made up';
    const without = `Without data the ranges of tensors come from the statistics of batch norms, and the file is run ${proof}.`;
    this.#pictures.replaceChildren(
      ...(this.#takesPictures
        ? [
            element(
              'p',
              {},
              `${without} With pictures of your own, ranges are measured on these, and the file is run on them.`,
            ),
            ...this.#choice.controls(),
          ]
        : [
            element(
              'p',
              {},
              `${without} The command measures them on numpy arrays: `,
              element('code', {}, 'crosslayer quantize --inputs'),
            ),
          ]),
    );
  }

  /** Takes pictures that were dropped on the page. */
  takePictures(files: readonly PickedFile[]): void {
    this.#choice.take(files);
  }

  #take(): void {
    const read = this.#takesPictures ? this.#choice.read() : ({ kind: 'none' } as const);
    if (read.kind === 'wrong') {
      this.#actions.fail(read.message);
      return;
    }
    this.#actions.take({
      weights: chosen(this.#weights) ?? 'per-channel',
      io: chosen(this.#io) ?? 'int8',
      pictures: read.kind === 'pictures' ? read.pictures : [],
      ...(read.kind === 'pictures' && read.labels ? { labels: read.labels } : {}),
    });
  }
}

/** The proof, the file, and what else there is to say of it. */
function resultOf(made: MadeTflite): HTMLElement[] {
  const { isGood, text } = tfliteVerdict(made);
  return [
    element('p', { class: isGood ? 'verdict good' : 'verdict open' }, text),
    ...savedLink(made.saved),
    list(tfliteSentences(made)),
  ];
}
