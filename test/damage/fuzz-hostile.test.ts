import { describe, expect, test } from 'vitest';
import { attack } from './campaign.ts';

describe('small hostile models end in a CrosslayerError or in a model that is written and reads again', () => {
  test.each([
    ['.h5 of Keras 2', 'formats/tfkeras-2.15/functional.h5'],
    ['.h5 of Keras 3', 'formats/keras-3.15.1/functional.h5'],
    ['.keras of Keras 2', 'formats/tfkeras-2.15/functional.keras'],
    ['.keras of Keras 3', 'formats/keras-3.15.1/nested.keras'],
    ['TF.js', 'formats/tfjs/functional_shards'],
    ['TF.js with quantized weights', 'formats/tfjs/functional_mixed'],
  ])('%s', async (_, fixture) => {
    expect(await attack(fixture, 2)).toBeGreaterThanOrEqual(14);
  });
});
