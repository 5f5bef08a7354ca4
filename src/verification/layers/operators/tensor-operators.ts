/**
 * Operators whose arguments take some reading.
 *
 * @module
 */

import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { ownEntry } from '../../../json/value.ts';
import { clip } from '../activation-functions.ts';
import { axesOf } from '../layer-config.ts';
import { resize } from '../resize.ts';
import {
  cannotRun,
  listOf,
  numberOf,
  numbersOf,
  type OperatorOptions,
  type OperatorValue,
  tensorOf,
} from './arguments.ts';

export function cast(x: Tensor, dtype: string): Tensor {
  if (/^(b?float|half|double)/.test(dtype)) return tf.cast(x, 'float32');
  if (dtype === 'bool') return tf.cast(x, 'bool');
  if (/^int(32|64)$/.test(dtype)) return tf.cast(x, 'int32');
  throw cannotRun(`a cast to ${dtype}`);
}

export function clipOperator([x, low, high]: readonly OperatorValue[], options: OperatorOptions): Tensor {
  const least = low ?? options['xMin'] ?? options['clipValueMin'];
  const most = high ?? options['xMax'] ?? options['clipValueMax'];
  return clip(tensorOf(x), numberOf(least), numberOf(most));
}

export function concatenate([tensors, axis]: readonly OperatorValue[], options: OperatorOptions): Tensor {
  return tf.concat(listOf(tensors).map(tensorOf), numberOf(axis ?? options['axis'] ?? 0));
}

/** New axes of size 1 at those places of the result. */
export function expandDims(x: Tensor, axes: readonly number[]): Tensor {
  const places = axesOf(axes, x.rank + axes.length);
  return places.reduce((tensor: Tensor, axis) => tf.expandDims(tensor, axis), x);
}

export function pad(x: Tensor, widths: OperatorValue, options: OperatorOptions): Tensor {
  const mode = String(options['mode'] ?? 'constant').toLowerCase();
  const flat = numbersOf(widths ?? options['paddings'] ?? options['padWidth']);
  const pairs = x.shape.map((_, axis): [number, number] => [flat[2 * axis] ?? 0, flat[2 * axis + 1] ?? 0]);
  if (mode === 'constant') return tf.pad(x, pairs, numberOf(options['constantValues'] ?? 0));
  if (mode !== 'reflect' && mode !== 'symmetric') throw cannotRun(`padding in the mode ${mode}`);
  return tf.mirrorPad(x, pairs, mode);
}

export function resizeOperator(x: Tensor, size: OperatorValue, options: OperatorOptions): Tensor {
  const [height = 1, width = 1] = numbersOf(size ?? options['size']);
  const changes = ['antialias', 'preserveAspectRatio', 'cropToAspectRatio', 'padToAspectRatio'];
  const changed = changes.find((key) => ownEntry(options, key) === true);
  if (changed !== undefined || options['dataFormat'] === 'channelsFirst')
    throw cannotRun(`resizing with ${changed ?? 'the channels first'}`);
  return resize(x, [height, width], String(options['method'] ?? options['interpolation'] ?? 'bilinear'));
}

export function spaceToDepth(x: Tensor, block: number): Tensor {
  const [batch = 1, height = 1, width = 1, channels = 1] = x.shape;
  const [rows, columns] = [height / block, width / block];
  const apart = tf.reshape(x, [batch, rows, block, columns, block, channels]);
  return tf.reshape(tf.transpose(apart, [0, 1, 3, 2, 4, 5]), [
    batch,
    rows,
    columns,
    block * block * channels,
  ]);
}

/** Keras 3 gives the places of the cuts where it gives a list, TensorFlow the sizes of the parts. */
export function split(x: Tensor, parts: OperatorValue, options: OperatorOptions): Tensor[] {
  const axis = numberOf(options['axis'] ?? 0);
  const sizes = parts ?? options['numOrSizeSplits'];
  if (sizes !== undefined) return tf.split(x, typeof sizes === 'number' ? sizes : numbersOf(sizes), axis);
  const cuts = options['indicesOrSections'];
  if (typeof cuts === 'number') return tf.split(x, cuts, axis);
  const length = x.shape[axis < 0 ? axis + x.rank : axis] ?? 0;
  const ends = [...numbersOf(cuts), length];
  return tf.split(
    x,
    ends.map((end, index) => end - (ends[index - 1] ?? 0)),
    axis,
  );
}

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
  const part = (key: 'start' | 'stop' | 'step'): number | null => {
    const value = (spec as Record<string, unknown>)[key] ?? null;
    if (value !== null && typeof value !== 'number') {
      throw cannotRun(`a slice from ${JSON.stringify(spec)}`);
    }
    return value;
  };
  return { start: part('start'), stop: part('stop'), step: part('step') };
}
