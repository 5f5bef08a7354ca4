import { expect, test } from 'vitest';
import { mismatch } from '../../src/json/place.ts';

test.each([
  [Number.NaN, 'NaN'],
  [-Infinity, '-Infinity'],
  [1.5, '1.5'],
  [null, 'null'],
  ['NaN', '"NaN"'],
])('%s is named as it stands in the file', (found, shown) => {
  const place = { source: 'model.json', where: 'bn.config.epsilon' };
  expect(mismatch(place, 'a number', found).message).toBe(
    `model.json: bn.config.epsilon: expected a number, found ${shown}`,
  );
});
