/**
 * What the commands that edit models print about the proof.
 *
 * @module
 */

import { movesFar } from '../report/far-correction.ts';
import type { ProofReport } from '../report/proof-report.ts';
import { worstOutput } from '../report/worst-output.ts';
import { decibels, percent, small } from '../text/numbers.ts';
import { worstRelative } from '../verification/comparing/compare-outputs.ts';
import type { PassProof } from '../verification/proving/prove-passes.ts';
import { indented, type Line, styled } from './terminal.ts';

/** The proof in lines: what the model was run on, and under that one line for each step. */
export function proofLines({ inputs, backend, proofs, weights }: ProofReport): Line[] {
  const [first] = proofs;
  const isOpen =
    first !== undefined &&
    proofs.every(({ verdict, reason }) => verdict === 'not-verified' && reason === first.reason);
  if (isOpen) return [`not verified: ${first.reason}`];
  const rounding =
    weights === 'float32'
      ? []
      : [
          `edited weights are stored as ${weights}, and that rounding is not in these numbers; crosslayer verify measures it`,
        ];
  return [
    `run before and after each step (${backend}), on ${inputs}`,
    ...indented([...proofs.flatMap(stepLines), ...rounding]),
  ];
}

/** What was seen of one step. */
export function stepLines(proof: PassProof): Line[] {
  const { pass, verdict, reason, outputs, undone } = proof;
  const worst = worstRelative(outputs);
  const taken = undone.map(
    ({ layers, maxRelative }) =>
      `${pass}: ${layers.join(' -> ')} changed the function (${small(maxRelative)}) and was undone; please report this`,
  );
  switch (verdict) {
    case 'same':
      return [...taken, [`${pass}: `, styled('green', 'same function'), ` (${small(worst)})`]];
    case 'different':
      return [
        ...taken,
        [`${pass}: `, styled('yellow', 'changes the function'), ` (${small(worst)})${damageOf(outputs)}`],
        ...(movesFar(proof) ? [FAR_ADVICE] : []),
      ];
    case 'not-verified':
      return [...taken, [`${pass}: `, styled('yellow', 'not verified'), `: ${reason}`]];
  }
}

/** What is said of biases that move far: mostly it is still for the better, and sometimes not. */
const FAR_ADVICE =
  'correct: kernels lose much on this grid, so biases move far; crosslayer evaluate tells whether --no-correction is better';

/** What the change means, on the output that it hurts most. */
function damageOf(outputs: PassProof['outputs']): string {
  const { sqnrDb, top1Agreement } = worstOutput(outputs);
  const parts = [
    ...(Number.isFinite(sqnrDb) ? [`SQNR ${decibels(sqnrDb)}`] : []),
    ...(top1Agreement === null ? [] : [`top-1 agreement ${percent(top1Agreement)}`]),
  ];
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`;
}
