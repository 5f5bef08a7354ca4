import fs from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../../src/errors.ts';
import { memorySource } from '../../../src/formats/bytes.ts';
import { openNpz } from '../../../src/formats/npy/npz.ts';

function source(name: string, change: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes) {
  return memorySource(name, change(new Uint8Array(fs.readFileSync(`test/fixtures/npy/${name}`))));
}

describe('numpy archives', () => {
  it.each(['stored.npz', 'deflated.npz'])('%s gives its arrays by name', async (name) => {
    const archive = await openNpz(source(name));
    expect(archive.names).toEqual(['x', 'y']);
    const x = await archive.read('x');
    expect([x.dtype, x.shape]).toEqual(['uint8', [2, 3, 4]]);
    expect([...(x.values() as Uint8Array)]).toEqual(Array.from({ length: 24 }, (_, index) => index));
    expect([...((await archive.read('y')).values() as BigInt64Array)]).toEqual([1n, 0n]);
    expect((await archive.read('x', { first: 1 })).shape).toEqual([1, 3, 4]);
  });

  it('names the arrays that there are where another is asked for', async () => {
    const archive = await openNpz(source('stored.npz'));
    await expect(archive.read('z')).rejects.toThrow(new RangeError('stored.npz has no array z; it has x, y'));
  });

  it('finds a changed byte by the checksum', async () => {
    const archive = await openNpz(
      source('stored.npz', (bytes) => {
        // The last byte of x: its values end before the local header of y.
        const at = Buffer.from(bytes).indexOf('y.npy') - 31;
        return bytes.with(at, (bytes[at] ?? 0) ^ 1);
      }),
    );
    await expect(archive.read('x')).rejects.toThrow(/checksum/);
  });

  it('refuses a cut file and one without arrays', async () => {
    await expect(openNpz(source('stored.npz', (bytes) => bytes.slice(0, 200)))).rejects.toThrow(FormatError);
    const empty = new Uint8Array(22);
    empty.set([0x50, 0x4b, 5, 6]);
    await expect(openNpz(memorySource('empty.npz', empty))).rejects.toThrow(/without numpy arrays/);
  });
});
