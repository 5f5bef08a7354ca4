import { LimitError } from '../../errors.ts';
import { MAX_HDF5_DEPTH, MAX_HDF5_PARTS } from '../limits.ts';
import type { Hdf5File } from './file.ts';

/** Each object takes more room in a file than this for every part of its path: groups some 1,000 bytes, datasets 300. */
const BYTES_OF_PART = 16;

/**
 * Counts what one walk over a file comes to, by the parts of its paths. Several links can lead to one group, so that a file of
 * some kilobytes has more paths than anybody can walk: no more are walked than a file of that size has room for without such
 * links.
 */
export class ObjectCount {
  readonly #file: Hdf5File;
  #parts = 0;

  constructor(file: Hdf5File) {
    this.#file = file;
  }

  /** @throws {@link LimitError} where the walk has come to too many objects, or too deep. */
  visit(depth: number): void {
    const { name, size } = this.#file;
    if (depth > MAX_HDF5_DEPTH) {
      throw new LimitError(`${name}: groups nested in one another`, depth, MAX_HDF5_DEPTH);
    }
    const most = Math.min(MAX_HDF5_PARTS, Math.ceil(size / BYTES_OF_PART));
    this.#parts += depth + 1;
    if (this.#parts > most)
      throw new LimitError(`${name}: parts of the paths of its objects`, this.#parts, most);
  }
}
