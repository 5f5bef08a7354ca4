import { byteText } from 'crosslayer/report';
import type { Download } from '../../protocol.ts';
import { element, list } from '../dom.ts';

/** A download that was made, which stays in memory until it is let go. */
export interface SavedDownload extends Omit<Download, 'blob'> {
  readonly address: string;
  readonly bytes: number;
}

/** Has the browser save a download. */
export function save({ blob, ...download }: Download): SavedDownload {
  const address = URL.createObjectURL(blob);
  element('a', { href: address, download: download.fileName }).click();
  return { ...download, address, bytes: blob.size };
}

/** Lets a download go; its link is of no use then. */
export function letGo({ address }: SavedDownload): void {
  URL.revokeObjectURL(address);
}

/** A link to save it again, and what is to be known of it. */
export function savedLink({ fileName, address, bytes, notes }: SavedDownload): HTMLElement[] {
  return [
    element('p', {}, element('a', { href: address, download: fileName }, fileName), `, ${byteText(bytes)}`),
    ...(notes.length === 0 ? [] : [list(notes, { class: 'soft' })]),
  ];
}
