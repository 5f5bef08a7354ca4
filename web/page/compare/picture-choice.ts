/**
 * Pictures that a person chooses, and what they show.
 *
 * @module
 */

import { named } from 'crosslayer/report';
import type { PickedFile } from '../../protocol.ts';
import { button, element, setText } from '../dom.ts';
import { filePicker } from '../open/file-picker.ts';
import { byName, labelsFromNames, readLabels } from './picture-labels.ts';

/** Pictures with their labels, none, or why labels are wrong. */
export type ReadPictures =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'pictures';
      readonly pictures: readonly PickedFile[];
      readonly labels?: readonly number[];
    }
  | { readonly kind: 'wrong'; readonly message: string };

/** Where pictures are chosen; there may be several on the page. */
export class PictureChoice {
  /** What is chosen, in words. */
  readonly chosen: HTMLElement = element('p', { class: 'soft' });
  readonly opener: HTMLButtonElement;
  readonly #labels: HTMLInputElement | undefined;
  readonly #input: HTMLInputElement;
  readonly #clear = button('Use none', () => this.take([]));
  #pictures: readonly PickedFile[] = [];

  /** @param id of the field for labels; there is none where it is left out. */
  constructor(id: string | undefined) {
    this.#labels =
      id === undefined
        ? undefined
        : element('input', {
            type: 'text',
            id,
            class: 'labels',
            autocomplete: 'off',
            spellcheck: 'false',
          });
    const take = (files: readonly PickedFile[]): void => this.take(files);
    const { opener, input } = filePicker('Choose pictures', take, { accept: 'image/*', multiple: true });
    this.#input = input;
    this.opener = opener;
    this.#clear.hidden = true;
  }

  /** The button, what is chosen, and the field for labels. */
  controls(): HTMLElement[] {
    return [
      element('div', { class: 'buttons' }, this.opener, this.#clear, this.#input),
      this.chosen,
      ...(this.#labels ? [labelsField(this.#labels)] : []),
    ];
  }

  /** Takes pictures that were chosen or dropped. */
  take(files: readonly PickedFile[]): void {
    this.#pictures = [...files].sort((one, other) => byName(one.path, other.path));
    const names = this.#pictures.map(({ path }) => path);
    if (this.#labels) this.#labels.value = labelsFromNames(names)?.join(' ') ?? '';
    this.#clear.hidden = names.length === 0;
    setText(this.chosen, names.length === 0 ? '' : `Chosen: ${named(names)}.`);
  }

  /** What is chosen, with what was written down of it. */
  read(): ReadPictures {
    const pictures = this.#pictures;
    if (pictures.length === 0) return { kind: 'none' };
    const read = readLabels(this.#labels?.value ?? '', pictures.length);
    if (read.kind === 'wrong') return read;
    return { kind: 'pictures', pictures, ...(read.kind === 'labels' ? { labels: read.labels } : {}) };
  }
}

function labelsField(labels: HTMLInputElement): HTMLElement {
  return element(
    'div',
    { class: 'field' },
    element('label', { for: labels.id }, 'Labels, as class numbers (may be left empty)'),
    labels,
    element(
      'p',
      { class: 'soft' },
      'One number for each picture, in the order of their names, from 0 on. Names like 3_cat.png fill it in.',
    ),
  );
}
