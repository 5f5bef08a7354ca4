/**
 * What a file is, as far as it has to be known to tell the model from what lies beside it.
 *
 * @module
 */

import type { ByteSource } from 'crosslayer';
import { openZip } from '../../src/formats/zip/read.ts';

/** Characters of a JSON in which a model.json says that it is one; its configuration comes first and may be long. */
const MOST_JSON = 16 * 2 ** 20;

const HDF5 = '\x89HDF\r\n\x1a\n';

/** Whether `source` is a model or a zip with one; what is damaged or refused is found out by its reader. */
export async function sniff(source: ByteSource): Promise<'model' | 'other'> {
  const head = textAt(source, 8);
  if (head === HDF5) return 'model';
  if (looksLikeZip(source)) return (await isModelZip(source)) ? 'model' : 'other';
  if (!/^\s*\{/.test(head)) return 'other';
  const text = new TextDecoder().decode(bytesOf(source, MOST_JSON));
  return /"(modelTopology|weightsManifest)"\s*:/.test(text) ? 'model' : 'other';
}

/** Whether `source` begins as a zip file does. */
export function looksLikeZip(source: ByteSource): boolean {
  return ['PK\x03\x04', 'PK\x05\x06'].includes(textAt(source, 4));
}

async function isModelZip(source: ByteSource): Promise<boolean> {
  try {
    const names = [...(await openZip(source)).keys()];
    return names.some((name) => /(^|\/)(config|model)\.json$|\.(json|keras|h5|hdf5)$/i.test(name));
  } catch {
    // Damaged; where it is the only candidate, its reader says so.
    return true;
  }
}

function textAt(source: ByteSource, length: number): string {
  return String.fromCharCode(...bytesOf(source, length));
}

function bytesOf(source: ByteSource, most: number): Uint8Array {
  const bytes = new Uint8Array(Math.min(most, source.size));
  return bytes.subarray(0, source.read(0, bytes));
}
