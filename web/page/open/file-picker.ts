import type { PickedFile } from '../../protocol.ts';
import { type Attributes, button, element } from '../dom.ts';
import { chosenFiles } from './dropped-files.ts';

/** A button that opens the browser's choice of files; the field behind it is not shown. */
export function filePicker(
  text: string,
  take: (files: readonly PickedFile[]) => void,
  attributes: Attributes,
): { readonly opener: HTMLButtonElement; readonly input: HTMLInputElement } {
  const input = element('input', { type: 'file', hidden: true, ...attributes });
  listenForChoice(input, take);
  return { opener: button(text, () => input.click()), input };
}

/** Calls `take` with what is chosen in a field. */
export function listenForChoice(input: HTMLInputElement, take: (files: readonly PickedFile[]) => void): void {
  input.addEventListener('change', () => {
    const files = chosenFiles(input);
    // The same file can be picked again then.
    input.value = '';
    if (files.length > 0) take(files);
  });
}
