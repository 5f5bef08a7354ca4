/**
 * From what two models made of the same inputs to a verdict.
 *
 * @module
 */

import type { Shape } from '../../model/operation.ts';
import type { FloatValues } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { dimensionsText, small } from '../../text/numbers.ts';
import {
  compareOutputs,
  decisionAgreement,
  type OutputComparison,
  top1Agreement,
  worstRelative,
} from './compare-outputs.ts';
import type { ModelRun } from './model-run.ts';
import { isWithin, type Tolerances } from './tolerances.ts';

/** Whether two models compute the same; `not-verified` where that was not found out. */
export type Verdict = 'same' | 'different' | 'not-verified';

/** How much of an output of the original is left in the candidate's. */
export interface MeasuredOutput {
  /** The path of the layer that makes it in the original. */
  readonly name: string;
  /** What the next two were measured on: the output, or what stands before its softmax. */
  readonly scores: 'output' | 'logits' | 'log-probabilities';
  /** `10 log10(sum a^2 / sum (a - b)^2)` with a of the original, in dB; Infinity where nothing differs. */
  readonly sqnrDb: number;
  /**
   * The share of samples with the same largest class; with a sigmoid of one column, on the same side of 0.5. Null where the
   * output is no classes.
   */
  readonly top1Agreement: number | null;
}

/** How an output of the candidate differs from the original's. */
export interface OutputDifference
  extends MeasuredOutput,
    Pick<OutputComparison, 'maxAbsolute' | 'maxRelative' | 'worstInput'> {
  /** With null for the samples. */
  readonly shape: Shape;
  /** Whether the output is within the tolerances. */
  readonly same: boolean;
}

/** Of differences what quantized weights are measured by: whether the function is the same is not the question there. */
export function measuredOutputs(outputs: readonly OutputDifference[]): MeasuredOutput[] {
  return outputs.map(({ name, scores, sqnrDb, top1Agreement }) => ({ name, scores, sqnrDb, top1Agreement }));
}

/** What came of comparing two runs. */
export interface RunComparison {
  readonly verdict: Verdict;
  /** Why it is not `same`; null where it is. */
  readonly reason: string | null;
  readonly outputs: readonly OutputDifference[];
  /** What a reader of the numbers should know. */
  readonly notes: readonly string[];
}

/**
 * Compares what two models made of the same inputs, output by output in their order.
 *
 * @param sampleNames what to call the samples in the reason
 */
export function compareRuns(
  original: ModelRun,
  candidate: ModelRun,
  tolerances: Tolerances,
  sampleNames: readonly string[] = [],
): RunComparison {
  const pairs = original.outputs.map((_, index) => pairOf(original, candidate, index));
  const misfit = pairs.find(({ a, b }) => a.output.shape.join() !== b.output.shape.join());
  if (misfit) {
    const [made, makes] = [misfit.a, misfit.b].map(({ output }) => dimensionsText(output.shape));
    const reason = `${misfit.name}: the original makes ${made}, the candidate ${makes}`;
    return withoutOutputs('different', reason);
  }
  const fault = weightFault(original, candidate);
  if (fault) return fault;
  const compared = pairs.map((pair) => ({ pair, comparison: compareOutputs(pair.a.output, pair.b.output) }));
  const outputs = compared.map(({ pair, comparison }) => difference(pair, comparison, tolerances));
  const notes = compared.flatMap(({ pair, comparison }) =>
    notesOn(pair, comparison).map((note) => `${pair.name}: ${note}`),
  );
  // Where any difference is let pass there is no tolerance to speak of.
  if (tolerances.atol < Infinity) notes.push(...outputs.flatMap(looseNote));
  const reason = differenceReason(outputs, tolerances, sampleNames);
  if (reason !== undefined) return { verdict: 'different', reason, outputs, notes };
  const empty = pairs.find(({ a }) => a.output.size === 0);
  if (empty)
    return { verdict: 'not-verified', reason: `the output of ${empty.name} is empty`, outputs, notes };
  const hollow = compared.find(({ pair, comparison }) => isHollow(pair.a.output, comparison));
  if (hollow) {
    const why = `${hollow.pair.name} of the original is NaN or infinite everywhere, which proves nothing`;
    return { verdict: 'not-verified', reason: why, outputs, notes };
  }
  return { verdict: 'same', reason: null, outputs, notes };
}

/**
 * A difference that the model itself makes of the last bit of its inputs says nothing about an edit: then it is not verified.
 *
 * @param floor of {@link noiseFloor}
 */
export function aboveFloor(comparison: RunComparison, floor: number): RunComparison {
  const worst = worstRelative(comparison.outputs);
  if (comparison.verdict !== 'different' || worst > floor || comparison.outputs.length === 0)
    return comparison;
  const reason =
    `the outputs differ by ${small(worst)} of their largest value, but on these inputs rounding alone may make ` +
    `${small(floor)}; try other inputs`;
  return { ...comparison, verdict: 'not-verified', reason };
}

/**
 * The verdict on 8 bits, which are not the same function: errors are spread over all values, so that their power is judged.
 *
 * @param leastDb SQNR that each output has to have, in dB
 */
export function compareRoundedRuns(
  original: ModelRun,
  candidate: ModelRun,
  leastDb: number,
  sampleNames?: readonly string[],
): RunComparison {
  const compared = compareRuns(original, candidate, ANY_DIFFERENCE, sampleNames);
  const outputs = compared.outputs.map((output) => ({ ...output, same: output.sqnrDb >= leastDb }));
  const first = outputs.find(({ same }) => !same);
  if (!first || compared.verdict !== 'same') return { ...compared, outputs };
  const reason = `${first.name}: its SQNR is ${small(first.sqnrDb)} dB; with 8 bits it should be ${leastDb} dB or more`;
  return { ...compared, verdict: 'different', reason, outputs };
}

const ANY_DIFFERENCE: Tolerances = { rtol: 0, atol: Infinity };

/** What is told where no outputs were compared. */
export function withoutOutputs(verdict: Verdict, reason: string): RunComparison {
  return { verdict, reason, outputs: [], notes: [] };
}

/** NaN and infinite weights decide, whatever the outputs look like. */
function weightFault(original: ModelRun, candidate: ModelRun): RunComparison | undefined {
  const [ours, theirs] = [original.faultyWeight, candidate.faultyWeight];
  if (ours !== undefined) {
    return withoutOutputs('not-verified', `${ours} of the original is NaN or infinite, which proves nothing`);
  }
  if (theirs === undefined) return undefined;
  const reason = `${theirs} of the candidate is NaN or infinite, and the original has no such weight`;
  return withoutOutputs('different', reason);
}

/** An output of both runs with what its scores were read from. */
interface OutputPair {
  readonly name: string;
  readonly a: Side;
  readonly b: Side;
}

interface Side {
  readonly output: Tensor;
  readonly scores: Tensor;
  readonly source: ModelRun['sources'][number];
}

function pairOf(original: ModelRun, candidate: ModelRun, index: number): OutputPair {
  const sideOf = ({ outputs, scores, sources }: ModelRun): Side => {
    const [output, score, source] = [outputs[index], scores[index], sources[index]];
    if (!output || !score || !source) throw new RangeError(`a run with no output ${index}`);
    return { output, scores: score, source };
  };
  return { name: original.names[index] ?? '', a: sideOf(original), b: sideOf(candidate) };
}

function difference(
  pair: OutputPair,
  comparison: OutputComparison,
  tolerances: Tolerances,
): OutputDifference {
  const { name, a, b } = pair;
  const measured = measuredOn(pair);
  const [one, other] = measured === 'output' ? [a.output, b.output] : [a.scores, b.scores];
  const sigmoid = a.source.kind === 'sigmoid' && b.source.kind === 'sigmoid';
  return {
    name,
    shape: [null, ...a.output.shape.slice(1)],
    maxAbsolute: comparison.maxAbsolute,
    maxRelative: comparison.maxRelative,
    scores: measured,
    sqnrDb: measured === 'output' ? comparison.sqnrDb : compareOutputs(one, other).sqnrDb,
    top1Agreement: top1Agreement(one, other) ?? (sigmoid ? decisionAgreement(one, other, 0.5) : null),
    worstInput: comparison.worstInput,
    same: isWithin(comparison, tolerances),
  };
}

/** With the wide tolerance of half floats an output may count as the same and decide otherwise. */
function looseNote({ name, same, sqnrDb, top1Agreement }: OutputDifference): string[] {
  if (!same || ((top1Agreement ?? 1) === 1 && sqnrDb >= LOOSE_DB)) return [];
  const agreement = top1Agreement === null ? '' : `top-1 agreement ${small(100 * top1Agreement)} %, `;
  return [`${name}: within the tolerance, but ${agreement}SQNR ${small(sqnrDb)} dB`];
}

/** Folding and scaling alone leave more than 70 dB, also of half floats. */
const LOOSE_DB = 40;

/** Logits of the one model do not compare with the output of the other, where only one of them ends in a softmax. */
function measuredOn({ a, b }: OutputPair): OutputDifference['scores'] {
  if (a.source.kind !== b.source.kind) return 'output';
  return a.source.kind === 'logits' ? 'logits' : a.source.kind === 'log' ? 'log-probabilities' : 'output';
}

/** Whether the output has no number to compare with. */
function isHollow(output: Tensor, { nonFinite }: OutputComparison): boolean {
  return nonFinite === output.size;
}

function differenceReason(
  outputs: readonly OutputDifference[],
  { rtol, atol }: Tolerances,
  sampleNames: readonly string[],
): string | undefined {
  const differing = outputs.filter(({ same }) => !same);
  const [first] = differing;
  if (!first) return undefined;
  const worst = differing.reduce((most, one) => (one.maxRelative > most.maxRelative ? one : most), first);
  const sample = worst.worstInput ?? 0;
  const named = sampleNames[sample] === undefined ? '' : ` (${sampleNames[sample]})`;
  const others =
    differing.length > 1 ? `, and ${differing.length - 1} more of ${outputs.length} outputs` : '';
  return (
    `${worst.name} differs by ${small(worst.maxAbsolute)} in sample ${sample}${named}${others}; that is ` +
    `${small(worst.maxRelative)} of its largest value, and allowed is ${small(rtol)} of it, plus ${small(atol)}`
  );
}

function notesOn({ a, b }: OutputPair, comparison: OutputComparison): string[] {
  const notes: string[] = [];
  const { size } = a.output;
  const { nonFinite } = comparison;
  if (nonFinite > 0 && nonFinite < size) {
    notes.push(`${nonFinite} of ${size} values of the original are NaN or infinite`);
  }
  if (nonFinite < size && isConstant(a.output)) {
    notes.push('the original gives the same for all samples, which proves little; try other inputs');
  }
  if (a.source.kind !== b.source.kind) {
    notes.push('the models do not end in the same activation; SQNR and top-1 are of the output itself');
  } else if (a.source.kind === 'log') {
    notes.push(`${a.source.reason}; SQNR and top-1 are of the logarithm of the output`);
  }
  return notes;
}

/** Whether several samples all have the same values. */
function isConstant(output: Tensor): boolean {
  const [samples = 0] = output.shape;
  const values = output.values() as FloatValues;
  const size = output.size / Math.max(1, samples);
  return samples > 1 && size > 0 && values.every((value, index) => Object.is(value, values[index % size]));
}
