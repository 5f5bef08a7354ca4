import { FormatError } from '../../errors.ts';
import type { ByteSource } from '../bytes.ts';

const SIGNATURE = [0x47, 0x43, 0x4f, 0x4c];
const HEAD_BYTES = 16;

/**
 * Checks a global heap collection that HDF5 is about to read: an object of no length in it makes HDF5 2.0 loop forever.
 *
 * @param bytes what HDF5 reads at `byteOffset`; anything but a collection passes.
 * @throws {@link FormatError} where the objects of the collection do not add up to its size.
 */
export function checkHeapCollection(source: ByteSource, byteOffset: number, bytes: Uint8Array): void {
  if (bytes.length < HEAD_BYTES || !SIGNATURE.every((byte, index) => bytes[index] === byte)) return;
  const damaged = (): FormatError =>
    new FormatError(source.name, `offset ${byteOffset}`, 'a damaged heap of strings; get the file again');
  const size = readLength(bytes);
  if (!(size >= HEAD_BYTES) || byteOffset + size > source.size) throw damaged();
  const head = new Uint8Array(HEAD_BYTES);
  for (let at = HEAD_BYTES; at + HEAD_BYTES <= size; ) {
    if (source.read(byteOffset + at, head) < HEAD_BYTES) throw damaged();
    const isFreeSpace = head[0] === 0 && head[1] === 0;
    const length = readLength(head);
    const used = isFreeSpace ? length : HEAD_BYTES + Math.ceil(length / 8) * 8;
    if (!(used >= HEAD_BYTES) || at + used > size) throw damaged();
    at += used;
  }
}

/** The length in a head of a collection or an object: its last 8 bytes. */
function readLength(head: Uint8Array): number {
  return Number(new DataView(head.buffer, head.byteOffset).getBigUint64(8, true));
}
