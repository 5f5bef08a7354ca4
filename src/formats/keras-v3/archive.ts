/**
 * The parts of a `.keras` file.
 *
 * @module
 */

import type { ByteSource } from '../bytes.ts';
import type { ZipMember } from '../zip/read.ts';

/** The configuration. */
export const CONFIG_ENTRY = 'config.json';
/** What the file says of itself. */
export const METADATA_ENTRY = 'metadata.json';
/** The weights. */
export const WEIGHTS_ENTRY = 'model.weights.h5';

/** A file of a `.keras` that is a folder. */
export interface Unpacked {
  open(): Promise<ByteSource>;
}

/** The members of the zip file, or the files of the folder, by name. */
export interface KerasArchive extends ReadonlyMap<string, ZipMember | Unpacked> {
  /** On the whole zip file. */
  readonly comment?: Uint8Array;
}

/** A member of a zip file, which can be copied as it is stored. */
export function zipMember(member: ZipMember | Unpacked): ZipMember | undefined {
  return 'entry' in member ? member : undefined;
}
