/**
 * The proof in sentences.
 *
 * @module
 */

import { decibels, movesFar, type ProofReport, percent, small, worstOutput } from 'crosslayer/report';
import type { PassProof } from 'crosslayer/verification';

/** What a stage is called in a sentence. */
const STAGES: ReadonlyMap<string, string> = new Map([
  ['relu6', 'Dropping the maximum of ReLU6'],
  ['fold', 'Folding batch norms'],
  ['scale', 'Scaling channels'],
  ['carry', 'Scaling channels, with batch norms that carry the factors'],
  ['correct', 'Correcting biases'],
]);

/** Why a stage changes what the model computes. */
const PURPOSES: ReadonlyMap<string, string> = new Map([
  ['relu6', ', because values above 6 are not cut off any more'],
  ['correct', ', in advance of the rounding to 8 bits, which will shift it back'],
]);

const FAR_ADVICE =
  ' That is much, because the weights lose much on this grid. It mostly helps all the same, but not always: compare predictions.';

/** A stage in words; its own name where there are none. */
export function stageName(pass: string): string {
  return STAGES.get(pass) ?? pass;
}

/** The proof in one sentence, and whether it is good news. */
export function proofVerdict(verification: ProofReport | null): {
  readonly isGood: boolean;
  readonly text: string;
} {
  if (verification === null) return { isGood: false, text: 'The proof was left out.' };
  const { inputs, proofs } = verification;
  if (inputs === null || proofs.every(({ verdict }) => verdict === 'not-verified')) {
    return { isGood: false, text: `Not proven: ${proofs[0]?.reason ?? 'there was nothing to run it on'}` };
  }
  const undone = proofs.reduce((sum, proof) => sum + proof.undone.length, 0);
  if (undone > 0) {
    return { isGood: false, text: `${undone} edits changed what the model computes and were taken back.` };
  }
  const open = proofs.filter(
    ({ keepsFunction, verdict }) => verdict === 'not-verified' || (verdict === 'different' && keepsFunction),
  );
  if (open.length > 0) {
    const names = open.map(({ pass, reason }) => `${stageName(pass)} (${reason ?? 'not the same'})`);
    return { isGood: false, text: `Not all of it is proven: ${names.join('; ')}` };
  }
  const changing = proofs.filter(({ verdict }) => verdict === 'different');
  if (changing.length === 0) return { isGood: true, text: 'The model still computes the same.' };
  return {
    isGood: true,
    text: `Every step that must keep what the model computes does. ${changing.length === 1 ? 'One step' : `${changing.length} steps`} changed it on purpose; by how much stands below.`,
  };
}

/** What the model was run on, and a line for each stage. */
export function proofSentences({ inputs, backend, proofs, weights }: ProofReport): string[] {
  if (inputs === null) return [];
  const rounding =
    weights === 'float32'
      ? []
      : [`Edited weights are stored as ${weights}; that rounding is not in these numbers.`];
  const wasRun = proofs.some(({ verdict }) => verdict !== 'not-verified');
  return [
    ...(wasRun
      ? [
          `The model was run in this browser (${backend ?? 'not known how'}) before and after each step, on ${inputs}.`,
        ]
      : []),
    ...proofs.flatMap(stageSentences),
    ...rounding,
  ];
}

function stageSentences(proof: PassProof): string[] {
  const { pass, verdict, reason, outputs, undone, notes } = proof;
  const name = stageName(pass);
  const worst = small(Math.max(0, ...outputs.map(({ maxRelative }) => maxRelative)));
  const taken = undone.map(
    ({ layers, maxRelative }) =>
      `${name}: ${layers.join(' \u2192 ')} changed the output by ${small(maxRelative)} of its largest value and was taken back; please report this.`,
  );
  return [...taken, verdictSentence(), ...notes.map((note) => `${name}: ${note}.`)];

  function verdictSentence(): string {
    switch (verdict) {
      case 'same':
        return `${name}: computes the same; the largest difference is ${worst} of the largest output value.`;
      case 'different':
        return `${name}: changes the output by ${worst} of its largest value${meaningOf(outputs)}${PURPOSES.get(pass) ?? ''}.${movesFar(proof) ? FAR_ADVICE : ''}`;
      case 'not-verified':
        return `${name}: not proven: ${reason ?? 'no reason was given'}.`;
    }
  }
}

/** What a change means, on the output that it hurts most. */
function meaningOf(outputs: PassProof['outputs']): string {
  const { sqnrDb, top1Agreement } = worstOutput(outputs);
  const parts = [
    ...(Number.isFinite(sqnrDb) ? [`SQNR ${decibels(sqnrDb)}`] : []),
    ...(top1Agreement === null ? [] : [`same top-1 class in ${percent(top1Agreement)}`]),
  ];
  return parts.length === 0 ? '' : ` (${parts.join('; ')})`;
}
