/**
 * What a file is, as far as it has to be known to tell the model from what lies beside it.
 *
 * @module
 */

import type { ByteSource } from './bytes.ts';
import { signatureOffset } from './hdf5/signature.ts';
import { isZip, openZip } from './zip/read.ts';

/** Characters of a JSON in which a model.json says that it is one; its configuration comes first and may be long. */
const MOST_JSON = 16 * 2 ** 20;

/** Whether `source` is a model or a zip with one; what is damaged or refused is found out by its reader. */
export async function looksLikeModel(source: ByteSource): Promise<boolean> {
  if (signatureOffset(source) !== undefined) return true;
  if (isZip(source)) return isModelZip(source);
  if (!/^\s*\{/.test(textAt(source, 8))) return false;
  return /"(modelTopology|weightsManifest)"\s*:/.test(textAt(source, MOST_JSON));
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

function textAt(source: ByteSource, most: number): string {
  const bytes = new Uint8Array(Math.min(most, source.size));
  return new TextDecoder().decode(bytes.subarray(0, source.read(0, bytes)));
}
