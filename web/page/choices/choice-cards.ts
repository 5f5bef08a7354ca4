/**
 * Radio buttons as cards, each with room for what it would bring.
 *
 * @module
 */

import { element } from '../dom.ts';
import type { ChoiceText } from './choice-texts.ts';

/** A radio button with room for its preview. */
export interface Option<Value extends string> {
  readonly value: Value;
  readonly input: HTMLInputElement;
  readonly preview: HTMLElement;
}

/** A radio button for each text; none is chosen yet. */
export function optionsOf<Value extends string>(
  name: string,
  texts: readonly ChoiceText<Value>[],
): Option<Value>[] {
  return texts.map(({ value }) => ({
    value,
    input: element('input', { type: 'radio', name, value }),
    preview: element('span', { class: 'preview' }),
  }));
}

/** A group of radio buttons as cards. */
export function groupOf<Value extends string>(
  legend: string,
  text: string,
  options: readonly Option<Value>[],
  texts: readonly ChoiceText<Value>[],
): HTMLFieldSetElement {
  const cards = options.map(({ input, preview, value }) => {
    const about = texts.find((one) => one.value === value);
    return element(
      'label',
      { class: 'card' },
      input,
      element(
        'span',
        { class: 'card-title' },
        about?.title ?? value,
        ' ',
        element('code', {}, about?.code ?? value),
      ),
      element('span', { class: 'card-text' }, about?.text ?? ''),
      preview,
    );
  });
  return element(
    'fieldset',
    {},
    element('legend', {}, legend),
    element('p', { class: 'soft' }, text),
    element('div', { class: 'cards' }, ...cards),
  );
}

/** Shows what is chosen of a group. */
export function showChosen<Value extends string>(
  options: readonly Option<Value>[],
  chosen: Value | undefined,
): void {
  for (const { value, input } of options) input.checked = value === chosen;
}

/** Calls `choose` with what is chosen of a group. */
export function whenChosen<Value extends string>(
  options: readonly Option<Value>[],
  choose: (value: Value) => void,
): void {
  for (const { value, input } of options) input.addEventListener('change', () => choose(value));
}
