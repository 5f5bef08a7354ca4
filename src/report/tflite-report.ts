/**
 * What became of a model that was written in whole numbers, as data.
 *
 * @module
 */

import type { EqualizationRecord } from '../equalization/equalize.ts';
import type { IntegerWeights } from '../equalization/quantize-integers.ts';
import type { SourcedRange } from '../equalization/ranges/tensor-ranges.ts';
import type { RunCheck } from './quantize-report.ts';

/** Operators of one kind that some hardware leaves to other kernels. */
export interface NotTakenOperators {
  /** `XNNPACK` of phones and browsers, `TFLite Micro` of microcontrollers, or `Ethos-U`. */
  readonly hardware: string;
  readonly op: string;
  readonly reason: string;
  /** The layers, one for each operator. */
  readonly layers: readonly string[];
}

/** One object for programs: what `crosslayer quantize -o model.tflite --json` prints. Layers are named by their paths. */
export interface TfliteReport {
  readonly schemaVersion: 1;
  readonly weights: IntegerWeights;
  /** Kernels of Dense layers. */
  readonly dense: IntegerWeights;
  /** Whether the file is in float, for a tool that quantizes it with such weights. */
  readonly float: boolean;
  readonly io: 'int8' | 'uint8' | 'float32';
  /** What made the model ready. */
  readonly equalization: EqualizationRecord;
  /** Of the tensors; none in float. */
  readonly ranges: readonly SourcedRange[];
  /** Of the files that were read, and of the one that was written. */
  readonly bytes: { readonly before: number; readonly after: number };
  /** How many there are of each operator. */
  readonly operators: readonly { readonly op: string; readonly count: number }[];
  /** The layers that stay in float in a file in whole numbers. */
  readonly inFloat: readonly string[];
  /** What XNNPACK, microcontrollers and NPUs would not take of it; other kernels compute that. */
  readonly notTaken: readonly NotTakenOperators[];
  /** What the written file computes; null where it was not run. */
  readonly check: RunCheck | null;
  /** Why it was not run; null where it was, or was not asked for. */
  readonly notVerified: string | null;
  /** What the file computes otherwise than the model, a sentence each. */
  readonly notes: readonly string[];
}

/** How many there are of each, the most first. */
export function countedOperators(names: readonly string[]): TfliteReport['operators'] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts]
    .map(([op, count]) => ({ op, count }))
    .sort((one, other) => other.count - one.count || (one.op < other.op ? -1 : 1));
}
