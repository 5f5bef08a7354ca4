import { byteText } from 'crosslayer/report';
import type { Download } from '../../protocol.ts';
import { element, list } from '../dom.ts';

/** Downloads that were made of a model, which stay in memory until they are let go. */
export class SavedDownloads {
  #addresses: string[] = [];

  /** Saves a download; gives a link to it, and what is to be known of it. */
  save({ fileName, blob, notes }: Download): HTMLElement[] {
    const address = URL.createObjectURL(blob);
    this.#addresses.push(address);
    const link = element('a', { href: address, download: fileName }, fileName);
    link.click();
    return [
      element('p', {}, link, `, ${byteText(blob.size)}`),
      ...(notes.length === 0 ? [] : [list(notes, { class: 'soft' })]),
    ];
  }

  /** Lets all of them go. */
  forget(): void {
    for (const address of this.#addresses) URL.revokeObjectURL(address);
    this.#addresses = [];
  }
}
