/**
 * What damaged files leave behind in the HDF5 library: nothing.
 *
 * @module
 */

import { expect, test } from 'vitest';
import { FormatError } from '../../src/errors.ts';
import { memorySource } from '../../src/formats/bytes.ts';
import { type Hdf5File, openHdf5 } from '../../src/formats/hdf5/file.ts';
import { wholeJob } from './campaign.ts';
import { fixtureFiles, mainBytes } from './model-files.ts';

const files = fixtureFiles('formats/tfkeras-2.15/functional.h5');
const LAST = 'model_weights/shared/shared';
const KERNEL = 'model_weights/conv1/conv1/kernel:0';

const sound = (): Promise<Hdf5File> => openHdf5(memorySource('sound.h5', mainBytes(files)));

/** A file whose last group, {@link LAST}, has an index that is none. */
async function damaged(): Promise<Hdf5File> {
  const bytes = Buffer.from(mainBytes(files));
  bytes[bytes.lastIndexOf('SNOD')] = 0;
  return openHdf5(memorySource('damaged.h5', bytes));
}

test('a thousand damaged files, and then a sound one', async () => {
  // What each of them left was an open file and its memory: after 779 there was none for a sound one.
  for (let count = 0; count < 1000; count++) {
    const file = await damaged();
    expect(file.strings('', 'model_config')).toHaveLength(1);
    expect(() => file.names(LAST)).toThrow(
      `damaged.h5: ${LAST}: not readable as HDF5: bad symbol table node signature`,
    );
    file.close();
  }
  expect(await wholeJob(files)).toBe('done');
});

test('thousands of errors in one file', async () => {
  const file = await sound();
  // The stack of the library was used up after some 5,000.
  for (let count = 0; count < 6000; count++) {
    expect(() => file.names('no/such/group')).toThrow(FormatError);
  }
  expect(file.names('')).toContain('model_weights');
  file.close();
  expect(await wholeJob(files)).toBe('done');
});

test('a sound file that is open while a damaged one is read', async () => {
  const file = await sound();
  const kernel = file.dataset(KERNEL).tensor();
  const before = kernel.values().slice();
  const bad = await damaged();
  expect(() => bad.names(LAST)).toThrow(FormatError);
  expect(kernel.values()).toEqual(before);
  expect(() => bad.names(LAST)).toThrow(FormatError);
  bad.close();
  expect(file.dataset(KERNEL).tensor().values()).toEqual(before);
  file.close();
  expect(() => file.names('')).toThrow(FormatError);
});

test('files that others have open in the library stay open', async () => {
  const file = await sound();
  const { File, FS } = await import('h5wasm');
  FS?.writeFile('others.h5', mainBytes(files));
  const others = new File('others.h5', 'r');
  const names = others.keys();
  expect(() => file.names('no/such/group')).toThrow(FormatError);
  expect(file.names('')).toEqual(names);
  expect(others.keys()).toEqual(names);
  others.close();
  file.close();
});
