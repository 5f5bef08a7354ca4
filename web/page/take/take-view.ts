/**
 * Downloads: one for each form of the model, and the report.
 *
 * @module
 */

import type { OpenedModel, TakenForm } from '../../protocol.ts';
import { button, byId, element, setEnabled } from '../dom.ts';
import { hasChanged, type State } from '../state.ts';
import { savedLink } from './saved-download.ts';

interface Form {
  readonly form: TakenForm;
  readonly title: string;
  readonly text: string;
}

/** The forms, in the order of the page. */
function formsOf({ format }: OpenedModel): Form[] {
  return [
    { form: 'as-it-came', title: 'In the format it came in', text: format },
    {
      form: 'keras-v3',
      title: 'As .keras',
      text: 'For Keras 3.5 and later; what came as .keras of Keras 2 stays one.',
    },
    {
      form: 'keras-h5',
      title: 'As .h5',
      text: 'For the generation of Keras that the model came from, 2 or 3.',
    },
    {
      form: 'tfjs-uint8',
      title: 'As an 8-bit model for TensorFlow.js',
      text: 'A zip of model.json and weights of 8 bits each, made from the model as you opened it.',
    },
    {
      form: 'report',
      title: 'The report',
      text: 'One HTML page of what was found and done, which opens without a connection.',
    },
  ];
}

/** The section of downloads. */
export class TakeView {
  readonly #take: (form: TakenForm) => void;
  readonly #results = new Map<TakenForm, HTMLElement>();
  #buttons: readonly HTMLButtonElement[] = [];

  constructor(take: (form: TakenForm) => void) {
    this.#take = take;
  }

  /** Shows what can be taken, and what was. */
  render(state: State, before: State | undefined): void {
    const { opened, equalized, taken, isBusy } = state;
    if (hasChanged(state, before, 'opened', 'equalized') && opened) {
      const cards = formsOf(opened).map((form) => this.#card(form));
      this.#buttons = cards.map(({ opener }) => opener);
      byId('take', HTMLElement).replaceChildren(
        element(
          'p',
          {},
          equalized
            ? `What you take is the model equalized for ${equalized.target}.`
            : 'The model was not equalized yet: what you take now is as you opened it.',
        ),
        element('div', { class: 'cards' }, ...cards.map(({ card }) => card)),
      );
    }
    for (const [form, result] of this.#results) {
      const saved = taken.get(form);
      if (saved !== before?.taken.get(form)) result.replaceChildren(...(saved ? savedLink(saved) : []));
    }
    for (const one of this.#buttons) setEnabled(one, !isBusy);
  }

  #card({ form, title, text }: Form): { readonly card: HTMLElement; readonly opener: HTMLButtonElement } {
    const opener = button(title, () => this.#take(form), { 'data-form': form });
    const result = element('div', { class: 'taken' });
    this.#results.set(form, result);
    return {
      card: element('div', { class: 'card' }, opener, element('p', { class: 'card-text' }, text), result),
      opener,
    };
  }
}
