import { deflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { FormatError, UnsupportedModelError } from '../../src/errors.ts';
import { MemorySink, memorySource, readAll } from '../../src/formats/bytes.ts';
import { crc32 } from '../../src/formats/zip/crc32.ts';
import { openZip, type ZipArchive } from '../../src/formats/zip/read.ts';
import { ZipWriter } from '../../src/formats/zip/write.ts';

const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

async function zipOf(
  entries: Readonly<Record<string, string>>,
  method = 0,
): Promise<Uint8Array<ArrayBuffer>> {
  const sink = new MemorySink('zip');
  const zip = new ZipWriter(sink);
  for (const [name, text] of Object.entries(entries)) await zip.bytes(name, encode(text), method);
  zip.close();
  return new Uint8Array(sink.bytes());
}

const open = (bytes: Uint8Array): Promise<ZipArchive> => openZip(memorySource('file.zip', bytes));

async function textOf(archive: ZipArchive, name: string): Promise<string> {
  const source = await archive.get(name)?.open();
  return source ? new TextDecoder().decode(readAll(source)) : 'missing';
}

test('the CRC is the one of zip files', () => {
  expect(crc32(encode('123456789'))).toBe(0xcbf43926);
  expect(crc32(encode('6789'), crc32(encode('12345')))).toBe(0xcbf43926);
  expect(crc32(new Uint8Array())).toBe(0);
});

describe.each([0, 8])('method %i', (method) => {
  test('members come back in order, with their bytes', async () => {
    const entries = { 'a.txt': 'a'.repeat(5000), 'folder/é.txt': 'b', empty: '' };
    const archive = await open(await zipOf(entries, method));
    expect([...archive.keys()]).toEqual(Object.keys(entries));
    for (const [name, text] of Object.entries(entries)) expect(await textOf(archive, name)).toBe(text);
    expect([...archive.values()].map(({ header }) => header.method)).toEqual([method, method, method]);
  });

  test('a copied member keeps all of its header', async () => {
    const archive = await open(await zipOf({ a: 'text '.repeat(100) }, method));
    const [member] = [...archive.values()];
    if (!member) throw new TypeError('one member');
    const header = { ...member.header, dosDate: 0x5a21_7b3c, externalAttributes: 0o644 * 65536 };
    const sink = new MemorySink('copy');
    const zip = new ZipWriter(sink);
    zip.copy({ ...member, header });
    zip.close();
    const copy = await open(sink.bytes());
    expect(copy.get('a')?.header).toEqual(header);
    expect(await textOf(copy, 'a')).toBe('text '.repeat(100));
  });

  test('bytes that changed are found', async () => {
    const bytes = await zipOf({ a: 'some text that deflate takes as it is' }, method);
    const at = bytes.length - 22 - 46 - 1 - 5;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    const archive = await open(bytes);
    await expect(archive.get('a')?.open()).rejects.toThrow(
      /file\.zip: a: its bytes do not have the checksum/,
    );
  });
});

test.each([false, true])('a member is written in place, at any offsets (large: %s)', async (mayBeLarge) => {
  const sink = new MemorySink('zip');
  const zip = new ZipWriter(sink);
  await zip.bytes('first', encode('1'), 0);
  await zip.inPlace('second', mayBeLarge, async (target) => {
    target.write(4, encode('later'));
    target.write(0, encode('head'));
  });
  await zip.bytes('third', encode('3'), 8);
  zip.close();
  const archive = await open(sink.bytes());
  expect(await textOf(archive, 'second')).toBe('headlater');
  expect(await textOf(archive, 'third')).toBe('3');
});

test('stored members are read in place', async () => {
  const bytes = await zipOf({ a: 'x'.repeat(100) });
  const opened = await (await open(bytes)).get('a')?.open();
  bytes.fill('y'.charCodeAt(0));
  expect(new TextDecoder().decode(readAll(opened ?? memorySource('', new Uint8Array())))).toBe(
    'y'.repeat(100),
  );
});

describe('what is refused', () => {
  test.each(['../a', '/a', 'a/../b', 'a\\b', 'c:a', './a'])('the name %s', async (name) => {
    await expect(open(await zipOf({ [name]: 'x' }))).rejects.toThrow(/not safe to unpack/);
  });

  test('two entries of one name', async () => {
    const bytes = await zipOf({ aa: '1', ab: '2' });
    const text = Buffer.from(bytes.buffer);
    for (let at = text.indexOf('ab'); at !== -1; at = text.indexOf('ab', at + 1)) text.write('aa', at);
    await expect(open(bytes)).rejects.toThrow(/aa: there are two entries of this name/);
  });

  test('an encrypted entry', async () => {
    const bytes = await zipOf({ a: 'x' });
    const text = Buffer.from(bytes.buffer);
    for (const [signature, flags] of [
      ['PK\x03\x04', 6],
      ['PK\x01\x02', 8],
    ] as const) {
      const at = text.indexOf(signature, 0, 'latin1') + flags;
      text.writeUInt16LE(1, at);
    }
    await expect(open(bytes)).rejects.toThrow(UnsupportedModelError);
  });

  /** A member that is deflated, with sizes of our choice in its headers. */
  async function lying(declared: number, real: Uint8Array): Promise<Uint8Array> {
    const archive = await open(await zipOf({ a: 'x' }));
    const [member] = [...archive.values()];
    if (!member) throw new TypeError('one member');
    const sink = new MemorySink('lie');
    const zip = new ZipWriter(sink);
    const stored = memorySource('a', deflateRawSync(real));
    zip.copy({
      ...member,
      stored,
      header: { ...member.header, method: 8, size: declared, crc32: crc32(real) },
    });
    zip.close();
    return sink.bytes();
  }

  test('a size that the stored bytes cannot have', async () => {
    await expect(open(await lying(50_000_000, encode('small')))).rejects.toThrow(/declares 50000000 bytes/);
  });

  test.each([10, 5000])('a size of %i where there are others', async (declared) => {
    const archive = await open(
      await lying(
        declared,
        new Uint8Array(1000).map((_, index) => index * index),
      ),
    );
    await expect(archive.get('a')?.open()).rejects.toThrow(FormatError);
  });

  test('a file that is cut off anywhere', async () => {
    const bytes = await zipOf({ a: 'x'.repeat(50), b: 'y' });
    for (let length = 0; length < bytes.length; length++) {
      await expect(open(bytes.subarray(0, length))).rejects.toThrow(FormatError);
    }
  });
});
