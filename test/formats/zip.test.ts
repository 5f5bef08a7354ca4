import { deflateRawSync } from 'node:zlib';
import { Uint8ArrayReader, Uint8ArrayWriter, ZipWriter, type ZipWriterAddDataOptions } from '@zip.js/zip.js';
import { describe, expect, test } from 'vitest';
import { FormatError, UnsupportedModelError } from '../../src/errors.ts';
import { MemorySink, memorySource, readAll } from '../../src/formats/bytes.ts';
import { openZip, type ZipArchive } from '../../src/formats/zip/read.ts';
import { createZip } from '../../src/formats/zip/write.ts';

const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** A zip file as we write them. */
async function zipOf(entries: Readonly<Record<string, string>>): Promise<Uint8Array<ArrayBuffer>> {
  const sink = new MemorySink('zip');
  const zip = await createZip(sink);
  for (const [name, text] of Object.entries(entries)) await zip.add(name, memorySource(name, encode(text)));
  await zip.close();
  return new Uint8Array(sink.bytes());
}

/** A zip file as others write them. */
async function foreignZip(
  entries: Readonly<Record<string, string | Uint8Array>>,
  options: ZipWriterAddDataOptions,
  comment?: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const zip = new ZipWriter(new Uint8ArrayWriter(), { useWebWorkers: false, ...options });
  for (const [name, content] of Object.entries(entries)) {
    await zip.add(
      name,
      new Uint8ArrayReader(typeof content === 'string' ? encode(content) : content),
      options,
    );
  }
  return zip.close(comment === undefined ? undefined : encode(comment));
}

const open = (bytes: Uint8Array): Promise<ZipArchive> => openZip(memorySource('file.zip', bytes));

async function copyOf(archive: ZipArchive): Promise<Uint8Array> {
  const sink = new MemorySink('copy');
  const zip = await createZip(sink);
  for (const member of archive.values()) await zip.copy(member);
  await zip.close(archive.comment);
  return sink.bytes();
}

async function textOf(archive: ZipArchive, name: string): Promise<string> {
  const source = await archive.get(name)?.open();
  return source ? new TextDecoder().decode(readAll(source)) : 'missing';
}

describe('what is written', () => {
  test('members come back in order, with their bytes', async () => {
    const entries = { 'a.txt': 'a'.repeat(500_000), 'folder/é.txt': 'b', empty: '' };
    const archive = await open(await zipOf(entries));
    expect([...archive.keys()]).toEqual(Object.keys(entries));
    for (const [name, text] of Object.entries(entries)) expect(await textOf(archive, name)).toBe(text);
  });

  test('a new member is what Python 3 writes with zipfile.writestr(ZipInfo("name"), "text")', async () => {
    const python = [
      '504b030414000000000000002100c7a78b3b0400000004000000040000006e616d6574657874',
      '504b0102140314000000000000002100c7a78b3b0400000004000000040000000000000000000000800100000000',
      '6e616d65504b0506000000000100010032000000260000000000',
    ].join('');
    expect(Buffer.from(await zipOf({ name: 'text' })).toString('hex')).toBe(python);
  });

  test.each(['UTC', 'Pacific/Kiritimati', 'Pacific/Pago_Pago'])('the date in %s', async (zone) => {
    const before = process.env['TZ'];
    process.env['TZ'] = zone;
    try {
      expect(new Date(1980, 0, 1).getTime() === Date.UTC(1980, 0, 1)).toBe(zone === 'UTC');
      const [member] = [...(await open(await zipOf({ a: 'x' }))).values()];
      expect(member?.entry.rawLastModDate).toBe(0x210000);
    } finally {
      if (before === undefined) delete process.env['TZ'];
      else process.env['TZ'] = before;
    }
  });

  test('an error of the file that is written comes through', async () => {
    const full = new Error('the disk is full');
    const sink = new MemorySink('zip');
    const zip = await createZip(sink);
    sink.write = () => {
      throw full;
    };
    await expect(zip.add('a', memorySource('a', encode('x')))).rejects.toBe(full);
  });
});

test('a member that takes the place of another keeps its date and permissions', async () => {
  const lastModDate = new Date(2021, 5, 6, 7, 8, 10);
  const before = await open(
    await foreignZip({ a: 'deflated' }, { lastModDate, externalFileAttributes: 0o640 * 2 ** 16 }),
  );
  const sink = new MemorySink('zip');
  const zip = await createZip(sink);
  await zip.add('a', memorySource('a', encode('other')), before.get('a'));
  await zip.close();
  const after = await open(sink.bytes());
  expect(await textOf(after, 'a')).toBe('other');
  expect(after.get('a')?.entry).toMatchObject({
    lastModDate,
    externalFileAttributes: 0o640 * 2 ** 16,
    compressionMethod: 0,
  });
});

describe.each([0, 8])('method %i', (compressionMethod) => {
  const text = 'text '.repeat(100);

  test('members are read', async () => {
    const entries = { 'a.txt': 'a'.repeat(5000), 'folder/é.txt': 'b', empty: '' };
    const archive = await open(await foreignZip(entries, { compressionMethod }));
    expect([...archive.keys()]).toEqual(Object.keys(entries));
    for (const [name, content] of Object.entries(entries)) expect(await textOf(archive, name)).toBe(content);
  });

  test('copied members keep all that is said of them', async () => {
    const options = {
      compressionMethod,
      lastModDate: new Date(2021, 5, 6, 7, 8, 10),
      creationDate: new Date(2020, 1, 1),
      externalFileAttributes: 0o640 * 2 ** 16,
      internalFileAttributes: 1,
      versionMadeBy: (3 << 8) | 63,
      uid: 1000,
      gid: 100,
      comment: 'of this entry – é',
      extraField: new Map([[0x6375, encode('some field')]]),
    };
    const entries = { b: text, 'a/é': text, empty: '' };
    const before = await open(await foreignZip(entries, options, 'of the file'));
    const after = await open(await copyOf(before));
    expect([...after.keys()]).toEqual(Object.keys(entries));
    expect(new TextDecoder().decode(after.comment)).toBe('of the file');
    for (const [name, member] of before) {
      const kept = after.get(name);
      if (!kept) throw new TypeError(name);
      expect(readAll(kept.stored)).toEqual(readAll(member.stored));
      expect(await textOf(after, name)).toBe(await textOf(before, name));
      for (const key of [
        'compressionMethod',
        'crc32',
        'rawLastModDate',
        'version',
        'versionMadeBy',
        'internalFileAttributes',
        'externalFileAttributes',
        'rawFilename',
        'rawComment',
        'rawExtraField',
      ] as const) {
        expect(kept.entry[key], key).toEqual(member.entry[key]);
      }
      expect(kept.entry.localDirectory?.rawExtraField).toEqual(member.entry.localDirectory?.rawExtraField);
    }
  });

  test('bytes that changed are found', async () => {
    const bytes = await foreignZip({ a: text }, { compressionMethod });
    const archive = await open(bytes);
    const start = archive.get('a')?.entry.localDirectory?.dataOffset ?? 0;
    bytes[start + 3] = (bytes[start + 3] ?? 0) ^ 1;
    await expect(archive.get('a')?.open()).rejects.toThrow(
      /file\.zip: a: its bytes do not have the checksum/,
    );
  });
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
    const bytes = await foreignZip({ a: 'x' }, { password: 'secret', zipCrypto: true });
    await expect(open(bytes)).rejects.toThrow(UnsupportedModelError);
  });

  /** A member that is deflated, with sizes of our choice in its headers. */
  function lying(declared: number, real: Uint8Array): Promise<Uint8Array> {
    return foreignZip(
      { a: deflateRawSync(real) },
      { passThrough: true, compressionMethod: 8, uncompressedSize: declared, crc32: 0 },
    );
  }

  test('a size that the stored bytes cannot have', async () => {
    await expect(open(await lying(50_000_000, encode('small')))).rejects.toThrow(/declares 50000000 bytes/);
  });

  test.each([10, 5000])('a size of %i where there are others', async (declared) => {
    const real = new Uint8Array(1000).map((_, index) => index * index);
    const archive = await open(await lying(declared, real));
    await expect(archive.get('a')?.open()).rejects.toThrow(FormatError);
  });

  test('a file that is cut off anywhere', async () => {
    const bytes = await zipOf({ a: 'x'.repeat(50), b: 'y' });
    for (let length = 0; length < bytes.length; length++) {
      await expect(open(bytes.subarray(0, length))).rejects.toThrow(FormatError);
    }
  });
});
