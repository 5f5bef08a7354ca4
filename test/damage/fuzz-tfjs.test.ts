import { describe, expect, test } from 'vitest';
import { damage } from './campaign.ts';

describe('damaged TF.js models end in a CrosslayerError or in a model that is written and reads again', () => {
  test.each([
    ['several shards', 'formats/tfjs/functional_shards'],
    ['quantized weights of all kinds', 'formats/tfjs/functional_mixed'],
    ['nested models', 'formats/tfjs/nested'],
  ])('%s', async (_, fixture) => {
    expect(await damage(fixture, 40, 40)).toBeGreaterThanOrEqual(200);
  });
});
