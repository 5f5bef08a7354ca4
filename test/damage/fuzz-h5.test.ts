import { describe, expect, test } from 'vitest';
import { damage } from './campaign.ts';

describe('damaged .h5 files end in a CrosslayerError or in a model that is written and reads again', () => {
  test.each([
    ['Keras 2', 'formats/tfkeras-2.15/functional.h5'],
    ['Keras 3', 'formats/keras-3.15.1/functional.h5'],
    ['chunks through gzip, shuffle and checksum', 'formats/odd/gzip_shuffle_fletcher.h5'],
    ['the newest structures of HDF5', 'formats/odd/latest.h5'],
  ])('%s', async (_, fixture) => {
    expect(await damage(fixture, 30, 15)).toBeGreaterThanOrEqual(105);
  });
});
