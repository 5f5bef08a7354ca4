import { expect, test } from 'vitest';
import { movesFar } from '../../src/report/far-correction.ts';
import type { StageProof } from '../../src/verification/proving/prove-stages.ts';

function outputs(...decibels: readonly number[]): StageProof['outputs'] {
  return decibels.map((sqnrDb) => ({ sqnrDb }) as StageProof['outputs'][number]);
}

test.each<[string, readonly number[], boolean]>([
  ['correct', [34.7], false],
  ['correct', [34.7, 11.7], true],
  ['correct', [], false],
  ['correct', [Number.NEGATIVE_INFINITY], true],
  // What other steps change is asked for, or wrong in any case.
  ['relu6', [5], false],
])('%s with SQNR %j', (step, decibels, expected) => {
  expect(movesFar({ step, outputs: outputs(...decibels) })).toBe(expected);
});
