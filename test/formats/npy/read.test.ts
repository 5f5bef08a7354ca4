import fs from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CrosslayerError, FormatError, LimitError, UnsupportedModelError } from '../../../src/errors.ts';
import { memorySource } from '../../../src/formats/bytes.ts';
import { readNpy } from '../../../src/formats/npy/read.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';

const FOLDER = 'test/fixtures/npy';
const EXPECTED: Record<string, { shape: number[]; values: (number | string | boolean)[] }> = JSON.parse(
  fs.readFileSync(`${FOLDER}/expected.json`, 'utf8'),
);
const DTYPES: Record<string, string> = {
  b1: 'bool',
  u1: 'uint8',
  i1: 'int8',
  u2: 'uint16',
  i2: 'int16',
  u4: 'uint32',
  i4: 'int32',
  u8: 'uint64',
  i8: 'int64',
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
};

function fixture(name: string): Uint8Array {
  return new Uint8Array(fs.readFileSync(`${FOLDER}/${name}`));
}

function read(bytes: Uint8Array, first?: number): Tensor {
  return readNpy(memorySource('x.npy', bytes), { first });
}

/** A file of version 1.0 with any text as its header. */
function npy(header: string, data: readonly number[] = []): Uint8Array {
  const text = [...header].map((character) => character.charCodeAt(0));
  return Uint8Array.from([
    0x93,
    ...[...'NUMPY'].map((character) => character.charCodeAt(0)),
    1,
    0,
    text.length & 0xff,
    text.length >> 8,
    ...text,
    ...data,
  ]);
}

function header(shape: string, descr = "'<f4'", order = 'False'): string {
  return `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }\n`;
}

function failure(bytes: Uint8Array): unknown {
  try {
    read(bytes);
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('numpy arrays', () => {
  it.each(Object.entries(EXPECTED))('%s has the values that numpy gives', (name, { shape, values }) => {
    const tensor = read(fixture(name));
    expect(tensor.shape).toEqual(shape);
    const got = Array.from(tensor.values() as ArrayLike<number | bigint>, (value) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    expect(got).toEqual(values.map((value) => (typeof value === 'boolean' ? Number(value) : value)));
    const dtype = DTYPES[name.slice(0, 2)];
    if (dtype !== undefined) expect(tensor.dtype).toBe(dtype);
  });

  it('gives the first entries alone, in either order', () => {
    for (const name of ['version2.npy', 'fortran.npy']) {
      const tensor = read(fixture(name), 1);
      expect(tensor.shape).toEqual([1, 3, 4]);
      expect([...(tensor.values() as Float32Array)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    }
    expect(read(fixture('fortran.npy'), 99).shape).toEqual([2, 3, 4]);
  });

  it('takes headers as Python 2 wrote them', () => {
    const text = '{"shape": (2L,), "fortran_order": False, "descr": "|u1"}';
    expect([...(read(npy(text, [7, 9])).values() as Uint8Array)]).toEqual([7, 9]);
  });
});

describe('arrays that are not taken', () => {
  it.each([
    ['object.npy', /pickled Python objects, which are never loaded.*np\.stack/],
    ['text.npy', /'<U3' \(text\).*return_inverse/],
    ['bytes.npy', /'\|S3' \(text\)/],
    ['complex.npy', /'<c16' \(complex numbers\).*array\.real/],
    ['times.npy', /\(times\).*astype\('float32'\)/],
    ['fields.npy', /a structured array.*each of its fields/],
  ])('%s says what it is and what to do', (name, message) => {
    const error = failure(fixture(name));
    expect(error).toBeInstanceOf(UnsupportedModelError);
    expect(String(error)).toMatch(message);
  });
});

describe('damaged arrays', () => {
  it.each([
    [
      'wrong magic',
      Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
      FormatError,
      /not a numpy array/,
    ],
    ['no bytes', new Uint8Array(), FormatError, /not a numpy array/],
    ['a newer version', fixture('f4_little.npy').with(6, 4), FormatError, /version 4\.0/],
    [
      'a header cut off',
      fixture('f4_little.npy').slice(0, 60),
      FormatError,
      /header ends at 128, the file at 60/,
    ],
    ['the length of the header cut off', fixture('version2.npy').slice(0, 11), FormatError, /cut off/],
    ['values cut off', fixture('f4_little.npy').slice(0, -1), FormatError, /are 24 bytes, but 23 follow/],
    ['a larger shape', npy(header('(1000000, 1000000)')), FormatError, /4000000000000 bytes, but 0 follow/],
    ['an absurd shape', npy(header('(99999999999999999999,)')), FormatError, /is no dimension/],
    [
      'a product past all numbers',
      npy(header('(9007199254740991, 9007199254740991)')),
      FormatError,
      /but 0 follow/,
    ],
    ['a negative dimension', npy(header('(-1,)')), FormatError, /-1 is no dimension/],
    ['an endless empty shape', npy(header('(9007199254740991, 0)')), LimitError, /a dimension/],
    ['too many dimensions', npy(header(`(${'1,'.repeat(65)})`)), LimitError, /dimensions: 65/],
    ['no shape', npy("{'descr': '<f4', 'fortran_order': False}"), FormatError, /shape is missing/],
    ['no order', npy(header('(1,)', "'<f4'", '1')), FormatError, /fortran_order has a value/],
    ['no element type', npy(header('(1,)', 'None')), FormatError, /descr has a value/],
    ['code as a header', npy("__import__('os')"), FormatError, /not what numpy writes/],
    ['code in a header', npy(header('(1,)*9')), FormatError, /not what numpy writes/],
    ['a key twice', npy("{'shape': (1,), 'shape': (2,)}"), FormatError, /comes twice/],
    ['deep nesting', npy('('.repeat(5000)), FormatError, /nested deeper/],
    ['a list as a header', npy('[1, 2]'), FormatError, /expected a dict/],
  ] as const)('%s', (_, bytes, type, message) => {
    const error = failure(bytes);
    expect(error).toBeInstanceOf(type);
    expect(String(error)).toMatch(message);
  });

  it('asks for no memory for a header that is not there', () => {
    const bytes = fixture('version2.npy').slice(0, 128);
    new DataView(bytes.buffer).setUint32(8, 0xffffffff, true);
    expect(String(failure(bytes))).toMatch(/header ends at 4294967307/);
  });

  it('ends in an error of this package wherever bytes are changed or cut', () => {
    const whole = fixture('fortran_big_i2.npy');
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), (at, byte, length) => {
        const error = failure(whole.with(at, byte).slice(0, length));
        expect(error === undefined || error instanceof CrosslayerError).toBe(true);
      }),
      { seed: 1, numRuns: 2000 },
    );
  });
});
