import { type ByteSource, startsWith } from '../bytes.ts';

const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

/**
 * Where an HDF5 file begins in `source`: at 0, or behind a block that HDF5 leaves to others, at 512 bytes or a doubling of
 * it. Undefined where it is none.
 */
export function signatureOffset(source: ByteSource): number | undefined {
  for (let offset = 0; offset < source.size; offset = offset === 0 ? 512 : 2 * offset) {
    if (startsWith(source, SIGNATURE, offset)) return offset;
  }
  return undefined;
}
