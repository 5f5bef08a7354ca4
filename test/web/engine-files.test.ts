import { type ByteSource, FormatError, LimitError, memorySource } from 'crosslayer';
import { describe, expect, it } from 'vitest';
import { MemorySink } from '../../src/formats/bytes.ts';
import { describeError } from '../../web/worker/describe-error.ts';
import { fileSource } from '../../web/worker/open/file-source.ts';
import { refusingMissing } from '../../web/worker/open/open-model.ts';
import { ChunkedSink } from '../../web/worker/take/chunked-sink.ts';

/** A Blob as far as a source needs it, whose parts are read at once as FileReaderSync does it. */
function fakeFile(bytes: Uint8Array): { file: Blob; read: (part: Blob) => ArrayBuffer; reads: number[] } {
  const parts = new Map<Blob, Uint8Array>();
  const reads: number[] = [];
  const file = {
    size: bytes.length,
    slice(start: number, end: number) {
      const part = {} as Blob;
      parts.set(part, bytes.slice(start, end));
      return part;
    },
  } as unknown as Blob;
  const read = (part: Blob): ArrayBuffer => {
    const content = parts.get(part) ?? new Uint8Array();
    reads.push(content.length);
    return content.slice().buffer as ArrayBuffer;
  };
  return { file, read, reads };
}

describe('fileSource', () => {
  const bytes = Uint8Array.from(
    { length: 3 * 2 ** 20 + 17 },
    (_, index) => (index * 31 + (index >> 8)) & 255,
  );

  it('reads any part, and no more than there is', () => {
    const { file, read } = fakeFile(bytes);
    const source = fileSource(file, 'model.h5', read);
    for (const [offset, length] of [
      [0, 8],
      [4, 100],
      [2 ** 20 - 3, 10],
      [5, 2 ** 21],
      [2 ** 20 + 5, 2 ** 20],
      [bytes.length - 5, 5],
      [bytes.length - 5, 50],
      [bytes.length, 4],
      [bytes.length + 9, 4],
      [7, 0],
    ] as const) {
      const target = new Uint8Array(length);
      const count = source.read(offset, target);
      const expected = bytes.subarray(offset, offset + length);
      expect(count).toBe(expected.length);
      expect(Buffer.compare(target.subarray(0, count), expected)).toBe(0);
    }
  });

  it('reads ahead, so that small reads in order are few reads of the file', () => {
    const { file, read, reads } = fakeFile(bytes);
    const source = fileSource(file, 'model.h5', read);
    for (let offset = 0; offset < bytes.length; offset += 1000) source.read(offset, new Uint8Array(1000));
    expect(reads.length).toBeLessThan(8);
  });

  it('says what to do where the file is gone', () => {
    const source = fileSource({ size: 9, slice: () => ({}) } as unknown as Blob, 'model.h5', () => {
      throw new Error('NotReadableError');
    });
    expect(() => source.read(0, new Uint8Array(4))).toThrow(FormatError);
    expect(() => source.read(0, new Uint8Array(4))).toThrow(
      /model\.h5: can no longer be read.*choose it again/,
    );
  });
});

describe('ChunkedSink', () => {
  it('is written in any order, read back, and becomes a Blob', async () => {
    const sink = new ChunkedSink('model.h5');
    const expected = new MemorySink('expected');
    const pieces: [number, number][] = [
      [0, 10],
      [2 ** 23 - 4, 9],
      [5, 2 ** 24],
      [2 ** 25, 3],
      [1, 2],
    ];
    for (const [offset, length] of pieces) {
      const bytes = Uint8Array.from({ length }, (_, index) => (index + offset) & 255);
      sink.write(offset, bytes);
      expected.write(offset, bytes);
    }
    expect(sink.size).toBe(expected.size);
    const [part, same] = [new Uint8Array(1000), new Uint8Array(1000)];
    expect(sink.read(2 ** 25 - 500, part)).toBe(expected.read(2 ** 25 - 500, same));
    expect(part).toEqual(same);
    const blob = sink.toBlob('application/zip');
    expect(blob.type).toBe('application/zip');
    expect(Buffer.compare(new Uint8Array(await blob.arrayBuffer()), expected.bytes())).toBe(0);
    expect(sink.size).toBe(0);
  });
});

it('a shard that was not dropped is refused with what to do', () => {
  const { open } = refusingMissing({
    main: memorySource('model.json', new Uint8Array()),
    open: () => undefined,
  });
  expect(() => open('shard.bin')).toThrow(/^model\.json: shard\.bin: .* was not dropped; drop all files/);
});

describe('describeError', () => {
  const source: ByteSource = memorySource('x', new Uint8Array());

  it('tells what is expected from what is a mistake', () => {
    expect(describeError(new LimitError('bytes', 9, 5))).toEqual({
      message: 'bytes: 9 is past the limit of 5',
      isExpected: true,
    });
    expect(describeError(new RangeError('Array buffer allocation failed'))).toMatchObject({
      message: expect.stringMatching(/no more memory.*command crosslayer/),
      isExpected: true,
    });
    expect(describeError(new TypeError('Failed to fetch dynamically imported module: x'))).toMatchObject({
      message: expect.stringMatching(/could not be loaded/),
      isExpected: true,
    });
    expect(describeError(new TypeError(`${source.name} is not a function`))).toMatchObject({
      message: expect.stringMatching(/please report it: x is not a function/),
      isExpected: false,
    });
  });
});
