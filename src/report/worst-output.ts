import { smallestOf } from '../tensor/extremes.ts';
import type { OutputDifference } from '../verification/comparing/compare-runs.ts';

/** The least SQNR of several outputs, and the least share of samples with the same class; null where none has classes. */
export function worstOutput(
  outputs: readonly Pick<OutputDifference, 'sqnrDb' | 'top1Agreement'>[],
): Pick<OutputDifference, 'sqnrDb' | 'top1Agreement'> {
  const agreements = outputs.flatMap(({ top1Agreement }) => top1Agreement ?? []);
  return {
    sqnrDb: smallestOf(outputs.map(({ sqnrDb }) => sqnrDb)),
    top1Agreement: agreements.length === 0 ? null : smallestOf(agreements),
  };
}
