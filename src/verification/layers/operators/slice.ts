import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { UnsupportedModelError } from '../../../errors.ts';

/** `x[key]` as Python has it: numbers, slices `{start, stop, step}`, null for a new axis, and `ellipsis`. */
export function sliced(x: Tensor, key: unknown): Tensor {
  const specs: readonly unknown[] = Array.isArray(key) ? key : [key];
  const [begin, end, strides]: [number[], number[], number[]] = [[], [], []];
  let [noBegin, noEnd, ellipsis, newAxis, shrink] = [0, 0, 0, 0, 0];
  for (const [index, spec] of specs.entries()) {
    const bit = 1 << index;
    const { start, stop, step } = partsOf(spec);
    begin.push(start ?? 0);
    end.push(stop ?? 0);
    strides.push(step ?? 1);
    if (spec === null) newAxis |= bit;
    else if (spec === 'ellipsis') ellipsis |= bit;
    else if (typeof spec === 'number') shrink |= bit;
    if (start === null) noBegin |= bit;
    if (stop === null) noEnd |= bit;
  }
  return tf.stridedSlice(x, begin, end, strides, noBegin, noEnd, ellipsis, newAxis, shrink);
}

/** The three parts of a slice, null where they are left open. */
function partsOf(spec: unknown): Readonly<Record<'start' | 'stop' | 'step', number | null>> {
  if (typeof spec === 'number') return { start: spec, stop: spec + 1, step: 1 };
  if (spec === null || spec === 'ellipsis') return { start: 0, stop: 0, step: 1 };
  const part = (key: string): number | null => {
    const value = (spec as Record<string, unknown>)[key] ?? null;
    if (value !== null && typeof value !== 'number') {
      throw new UnsupportedModelError('operator', `a slice from ${JSON.stringify(spec)} cannot be run`);
    }
    return value;
  };
  return { start: part('start'), stop: part('stop'), step: part('step') };
}
