import { createHash } from 'node:crypto';
import { FormatError } from '../errors.ts';
import type { ByteSource } from '../formats/bytes.ts';
import { Pauses } from '../formats/pause.ts';

/** Read at a time. */
const BLOCK_BYTES = 1 << 20;

/**
 * SHA-256 of the bytes of several files, one after the other, in 64 hexadecimal digits. Lets signals through in between.
 *
 * @throws FormatError where a file is shorter than it was; the reason of `signal` once that is aborted.
 */
export async function sha256Of(
  files: readonly Pick<ByteSource, 'name' | 'size' | 'read'>[],
  signal?: AbortSignal,
): Promise<string> {
  const hash = createHash('sha256');
  const pauses = new Pauses();
  const block = new Uint8Array(BLOCK_BYTES);
  for (const file of files) {
    for (let done = 0; done < file.size; ) {
      signal?.throwIfAborted();
      const count = file.read(done, block.subarray(0, Math.min(BLOCK_BYTES, file.size - done)));
      if (count === 0) throw new FormatError(file.name, `offset ${done}`, 'the file became shorter');
      hash.update(block.subarray(0, count));
      done += count;
      await pauses.after(count);
    }
  }
  return hash.digest('hex');
}
