import type { WeightSqnr } from '../../quantization/weight-sqnr.ts';
import { largestOf, smallestOf } from '../../tensor/extremes.ts';
import { decibels, grouped, short } from '../../text/numbers.ts';
import { scaledStrip } from '../strips/strip-scale.ts';
import type { Fact } from './report-content.ts';
import type { ReportSubject } from './report-subject.ts';

/** The worst of all kernels, before and after. */
export function kernelFacts({ strips, weightSqnr, quantizer, labels }: ReportSubject): Fact[] {
  const scaled = strips.map(scaledStrip);
  const spreads = (['before', 'after'] as const).map((side) => {
    const known = scaled.flatMap((strip) => strip[side]?.spread ?? []);
    return known.length === 0 ? undefined : largestOf(known);
  });
  const narrow = (['before', 'after'] as const).map((side) =>
    scaled.reduce((sum, strip) => sum + (strip[side]?.narrow ?? 0), 0),
  );
  const sides = `${labels.before} → ${labels.after}`;
  const worst = [weightSqnr.before, weightSqnr.after].map(worstOf);
  return [
    ...change(`Largest spread, ${sides}`, spreads, short),
    ...change(`Channels with at most 4 of 8 bits, ${sides}`, narrow, grouped),
    ...change(`Worst kernel on ${quantizer}, ${sides}`, worst, kernelSqnrText),
  ];
}

/** The SQNR of a kernel; one that is infinite lies on the grid already. */
export function kernelSqnrText(sqnr: number): string {
  return sqnr === Infinity ? 'on the grid' : decibels(sqnr);
}

function worstOf(weights: readonly WeightSqnr[] = []): number | undefined {
  return weights.length === 0 ? undefined : smallestOf(weights.map(({ sqnr }) => sqnr));
}

function change(
  name: string,
  [before, after]: readonly (number | undefined)[],
  text: (value: number) => string,
): Fact[] {
  if (before === undefined || after === undefined) return [];
  const [old, now] = [text(before), text(after)];
  return [[name, old === now ? old : `${old} → ${now}`]];
}
