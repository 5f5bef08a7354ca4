import { FormatError } from '../../errors.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { ByteSource } from '../bytes.ts';
import { openZip } from '../zip/read.ts';
import { type NpyOptions, readNpy } from './read.ts';

/** The arrays of a `.npz` file. */
export interface NpzArchive {
  /** In the order of the file. */
  readonly names: readonly string[];
  /**
   * The array of that name, as {@link readNpy} reads it.
   *
   * @throws RangeError where there is none; FormatError where it is damaged.
   */
  read(name: string, options?: NpyOptions): Promise<Tensor>;
}

const ENDING = '.npy';

/**
 * Opens a numpy archive (`.npz`), as `np.savez` or `np.savez_compressed` writes it. Arrays are read when they are asked
 * for, so `source` must stay open until then.
 *
 * @throws FormatError where it is damaged or has no arrays.
 */
export async function openNpz(source: ByteSource): Promise<NpzArchive> {
  const members = await openZip(source);
  const names = [...members.keys()].filter((name) => name.endsWith(ENDING)).map((name) => name.slice(0, -4));
  if (names.length === 0) {
    throw new FormatError(
      source.name,
      '',
      'a zip file without numpy arrays; make one with np.savez(name, x=array)',
    );
  }
  return {
    names,
    async read(name, options) {
      const member = members.get(name + ENDING);
      if (!member) {
        throw new RangeError(`${source.name} has no array ${name}; it has ${names.join(', ')}`);
      }
      return readNpy(await member.open(), options);
    },
  };
}
