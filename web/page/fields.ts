/**
 * Fields that show what the state has, and tell what a person makes of it.
 *
 * @module
 */

import { element, setAttributes } from './dom.ts';

/** A field with its label. */
export interface Field<Value> {
  readonly element: HTMLElement;
  /** Shows a value; a field that makes no difference now is off. */
  show(value: Value, isOff?: boolean): void;
}

/** What can be chosen of, with a text each. */
export type SelectTexts<Value extends string> = readonly (readonly [value: Value, text: string])[];

/** A list to choose from. */
export function selectField<Value extends string>(
  id: string,
  label: string,
  texts: SelectTexts<Value>,
  changed: (value: Value) => void,
): Field<Value> {
  const select = element(
    'select',
    { id },
    ...texts.map(([value, text]) => element('option', { value }, text)),
  );
  select.addEventListener('change', () => {
    const found = texts.find(([value]) => value === select.value);
    if (found) changed(found[0]);
  });
  return {
    element: element('div', { class: 'field' }, element('label', { for: id }, label), select),
    show(value, isOff = false) {
      select.value = value;
      select.disabled = isOff;
    },
  };
}

/** Yes or no. */
export function checkField(id: string, label: string, changed: (value: boolean) => void): Field<boolean> {
  const input = element('input', { type: 'checkbox', id });
  input.addEventListener('change', () => changed(input.checked));
  return {
    element: element('label', { class: 'check' }, input, ` ${label}`),
    show(value, isOff = false) {
      input.checked = value;
      input.disabled = isOff;
    },
  };
}

/** A line of text; `hint` says what is meant. */
export function textField(
  id: string,
  label: string,
  hint: string,
  changed: (value: string) => void,
): Field<string> {
  const input = element('input', { type: 'text', id, autocomplete: 'off', spellcheck: 'false' });
  const about = element('p', { class: 'soft', id: `${id}-hint` }, hint);
  setAttributes(input, { 'aria-describedby': about.id });
  input.addEventListener('input', () => changed(input.value));
  return {
    element: element('div', { class: 'field' }, element('label', { for: id }, label), input, about),
    show(value, isOff = false) {
      if (input.value !== value) input.value = value;
      input.disabled = isOff;
    },
  };
}
