/**
 * Writes tensors as numpy files, for Python.
 *
 * @module
 */

import type { Tensor } from '../../src/tensor/tensor.ts';

/** The types that are written, as numpy spells them. */
const DESCRIPTIONS: Readonly<Record<string, string>> = { float32: '<f4', int32: '<i4' };
const MAGIC = Buffer.from('\x93NUMPY\x01\x00', 'latin1');
/** What the header and all before it are padded to. */
const ALIGNMENT = 64;

/**
 * The bytes of a `.npy` file, version 1.0, in C order and little-endian as the machine is.
 *
 * @throws RangeError for other types than float32 and int32.
 */
export function npyBytes(tensor: Tensor): Buffer {
  const description = DESCRIPTIONS[tensor.dtype];
  if (description === undefined) throw new RangeError(`${tensor.dtype}: float32 and int32 are written`);
  const shape = tensor.shape.map((length) => `${length},`).join(' ');
  const text = `{'descr': '${description}', 'fortran_order': False, 'shape': (${shape})}`;
  // The length of the header takes two bytes, and the header ends in a line break.
  const before = MAGIC.length + 2;
  const length = Math.ceil((before + text.length + 1) / ALIGNMENT) * ALIGNMENT - before;
  const header = Buffer.from(`${text.padEnd(length - 1)}\n`, 'latin1');
  const headerLength = Buffer.from(Uint16Array.of(length).buffer);
  const { buffer, byteOffset, byteLength } = tensor.values();
  return Buffer.concat([MAGIC, headerLength, header, Buffer.from(buffer, byteOffset, byteLength)]);
}
