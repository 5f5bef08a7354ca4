/**
 * The download of a `.tflite` file in whole numbers, with what is chosen for it and the proof of it.
 *
 * @module
 */

import { TFLITE_LABELS } from '../../option-labels.ts';
import type { OpenedModel, Operations, PickedFile } from '../../protocol.ts';
import { groupOf, optionsOf, showChosen, whenChosen } from '../choices/choice-cards.ts';
import { PictureChoice } from '../compare/picture-choice.ts';
import { button, byId, element, list, setEnabled } from '../dom.ts';
import { checkField, type Field, selectField, textField } from '../fields.ts';
import { readShapes, type Settings } from '../settings.ts';
import { hasChanged, type MadeTflite, type State } from '../state.ts';
import { savedLink } from './saved-download.ts';
import { IO_TEXTS, tfliteSentences, tfliteVerdict, WEIGHTS_TEXTS } from './tflite-texts.ts';

type Asked = Operations['takeTflite']['asked'];

/** What is chosen for the file. */
type Choice = Settings['tflite'];

/** What the section leads to. */
export interface TfliteActions {
  take(asked: Pick<Asked, 'pictures' | 'labels'>): void;
  change(part: Partial<Choice>): void;
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
  readonly #more: MoreSettings;
  #takesPictures = false;

  constructor(actions: TfliteActions) {
    this.#actions = actions;
    this.#opener = button('Make the .tflite file', () => this.#take(), { 'data-form': 'tflite' });
    whenChosen(this.#weights, (weights) => actions.change({ weights, dense: weights }));
    whenChosen(this.#io, (io) => actions.change({ io }));
    this.#more = new MoreSettings(actions.change);
    byId('tflite', HTMLElement).append(
      groupOf(
        'Weights',
        'What will run the file decides which weights share a scale.',
        this.#weights,
        WEIGHTS_TEXTS,
      ),
      groupOf('Inputs and outputs', 'Inside, the file is the same.', this.#io, IO_TEXTS),
      this.#more.element,
      this.#pictures,
      element('div', { class: 'buttons' }, this.#opener),
      this.#result,
    );
  }

  /** Shows what can be chosen for the model that is open, and the file that was made. */
  render(state: State, before: State | undefined): void {
    const { opened, tflite, settings, isBusy } = state;
    if (hasChanged(state, before, 'opened') && opened) this.#showPictures(opened);
    const choice = settings.tflite;
    showChosen(this.#weights, choice.weights);
    showChosen(this.#io, choice.float ? 'float32' : choice.io);
    for (const { input } of this.#io) input.disabled = choice.float;
    this.#more.show(choice);
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
      pictures: read.kind === 'pictures' ? read.pictures : [],
      ...(read.kind === 'pictures' && read.labels ? { labels: read.labels } : {}),
    });
  }
}

const ROUNDINGS = [
  ['cancelling', 'cancelling: errors of a channel cancel each other'],
  ['nearest', 'nearest: each weight to the level beside it'],
] as const;

/** What few will choose. */
class MoreSettings {
  readonly element: HTMLElement;
  /** Shows what is chosen. */
  readonly show: (choice: Choice) => void;

  constructor(change: (part: Partial<Choice>) => void) {
    const dense = checkField(
      'tflite-dense',
      `${TFLITE_LABELS.dense}, for older releases on microcontrollers`,
      (to) => change({ dense: to ? 'per-tensor' : 'per-channel' }),
    );
    const rounding = selectField('tflite-rounding', 'Rounding of kernels', ROUNDINGS, (to) =>
      change({ rounding: to }),
    );
    const correction = checkField('tflite-correction', 'Correct biases for what rounding changes', (to) =>
      change({ correction: to }),
    );
    const allowFloat = checkField('tflite-allow-float', TFLITE_LABELS.allowFloat, (to) =>
      change({ allowFloat: to }),
    );
    const float = checkField(
      'tflite-float',
      'Keep all of it in float, prepared for a tool that quantizes it',
      (to) => change({ float: to }),
    );
    const inputShape = textField(
      'tflite-shape',
      TFLITE_LABELS.inputShape,
      'Such as 224x224x3, one for each input; empty where the model has them.',
      (to) => change({ inputShape: to }),
    );
    const fields: readonly Field<never>[] = [rounding, inputShape, dense, correction, allowFloat, float];
    this.element = element(
      'details',
      { id: 'tflite-settings' },
      element('summary', {}, 'More settings'),
      element('div', { class: 'fields' }, ...fields.map((field) => field.element)),
    );
    this.show = (choice) => {
      const isWhole = !choice.float;
      dense.show(choice.dense === 'per-tensor', choice.weights === 'per-tensor' || choice.float);
      rounding.show(choice.rounding, choice.float);
      correction.show(isWhole && choice.correction, choice.float);
      allowFloat.show(choice.allowFloat, choice.float);
      float.show(choice.float);
      inputShape.show(choice.inputShape);
    };
  }
}

/** What is asked for; a sentence where a field does not say it. */
export function tfliteAsked(choice: Choice): Omit<Asked, 'pictures' | 'labels' | 'normalization'> | string {
  const inputShape = readShapes(choice.inputShape);
  if (!inputShape) {
    return `${TFLITE_LABELS.inputShape}: '${choice.inputShape}' is none; write whole numbers with x between them, such as 224x224x3.`;
  }
  return { ...choice, inputShape };
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
