import { expect, test } from 'vitest';
import { movesFar } from '../../src/report/far-correction.ts';
import type { PassProof } from '../../src/verification/proving/prove-passes.ts';

function outputs(...decibels: readonly number[]): PassProof['outputs'] {
  return decibels.map((sqnrDb) => ({ sqnrDb }) as PassProof['outputs'][number]);
}

test.each<[string, readonly number[], boolean]>([
  ['correct', [34.7], false],
  ['correct', [34.7, 11.7], true],
  ['correct', [], false],
  ['correct', [Number.NEGATIVE_INFINITY], true],
  // What other steps change is asked for, or wrong in any case.
  ['relu6', [5], false],
])('%s with SQNR %j', (pass, decibels, expected) => {
  expect(movesFar({ pass, outputs: outputs(...decibels) })).toBe(expected);
});
