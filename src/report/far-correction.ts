import type { PassProof } from '../verification/proving/prove-passes.ts';

/** Corrected biases that leave less than this of the float model, in dB, are no small thing any more. */
const FAR_DB = 20;

/**
 * Whether corrected biases take a model far from what it computed. They are made for kernels that lose as much the other way;
 * where these lose so much, the means that corrections are made from may not hold, and it has to be measured whether they help.
 */
export function movesFar({ pass, outputs }: Pick<PassProof, 'pass' | 'outputs'>): boolean {
  return pass === 'correct' && outputs.some(({ sqnrDb }) => sqnrDb < FAR_DB);
}
