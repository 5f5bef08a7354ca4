import { describe, expect, test } from 'vitest';
import { damage } from './campaign.ts';

describe('damaged .keras files end in a CrosslayerError or in a model that is written and reads again', () => {
  test.each([
    ['Keras 2.15', 'formats/tfkeras-2.15/functional.keras'],
    ['Keras 3.15', 'formats/keras-3.15.1/functional.keras'],
    ['nested models', 'formats/keras-3.15.1/nested.keras'],
    ['compressed entries', 'formats/odd/deflated.keras'],
  ])('%s', async (_, fixture) => {
    expect(await damage(fixture, 30, 15)).toBeGreaterThanOrEqual(105);
  });
});
