import type { ByteSource } from '../formats/bytes.ts';
import { isNpy } from '../formats/npy/header.ts';
import { isPhotograph } from './photographs.ts';

/** What a file of inputs or labels is, by its first bytes and not by its name; undefined where it is none of them. */
export function inputFileKind(source: ByteSource): 'npy' | 'npz' | 'photograph' | undefined {
  if (isNpy(source)) return 'npy';
  if (isPhotograph(source)) return 'photograph';
  const head = new Uint8Array(2);
  source.read(0, head);
  return head[0] === 0x50 && head[1] === 0x4b ? 'npz' : undefined;
}
