/**
 * Small pictures beside predictions.
 *
 * @module
 */

import type { PickedFile } from '../../protocol.ts';
import { element } from '../dom.ts';

/** Where the picture of a row comes from. */
export interface Thumbnails {
  /** The picture of a row; undefined where there is none. */
  of(index: number, name: string): HTMLElement | undefined;
  /** Frees what was kept for it. */
  dispose(): void;
}

/** Pictures that a person chose; the alternative text is empty, for the name stands beside. */
export function fileThumbnails(files: readonly PickedFile[]): Thumbnails {
  const addresses: string[] = [];
  return {
    of(index) {
      const picked = files[index];
      if (!picked) return undefined;
      const address = URL.createObjectURL(picked.file);
      addresses.push(address);
      return element('img', {
        src: address,
        alt: '',
        width: 56,
        height: 56,
        loading: 'lazy',
        class: 'thumbnail',
      });
    },
    dispose() {
      for (const address of addresses) URL.revokeObjectURL(address);
    },
  };
}

/** No pictures at all. */
export const NO_THUMBNAILS: Thumbnails = { of: () => undefined, dispose: () => {} };
