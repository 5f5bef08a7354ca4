/**
 * Layers that TF.js has for another number of dimensions or another axis alone: paddings, croppings, upsamplings, global
 * pooling, softmax.
 *
 * @module
 */

import type { JsonValue } from '../../../json/value.ts';
import type { Layer } from '../../../model/layer.ts';
import type { ModelTensor } from '../../../model/model.ts';
import type { Operation, PoolOperation, Shape } from '../../../model/operation.ts';
import type { Compute, LayerForm } from './layer-form.ts';
import { movedLast, undone } from './moved-axes.ts';
import { product } from './normalization-forms.ts';

/** What is done along each spatial axis by a class of two dimensions, and what leaves an axis as it is. */
interface Margins {
  readonly className: 'ZeroPadding2D' | 'Cropping2D' | 'UpSampling2D';
  readonly key: 'padding' | 'cropping' | 'size';
  readonly changes: readonly JsonValue[];
  readonly nothing: JsonValue;
}

/** A padding, cropping or upsampling of one or three dimensions. */
export function marginForm(
  operation: Operation,
  input: Shape,
  output: Shape | undefined,
): Compute | undefined {
  const margins = marginsOf(operation);
  if (!margins || !('dataFormat' in operation)) return undefined;
  const rank = margins.changes.length;
  if (rank === 2 || input.length !== rank + 2) return undefined;
  const order = movedLast(input.length, operation.dataFormat === 'channels_first' ? [1] : []);
  const before = sizesIn(order, input);
  const after = sizesIn(order, output);
  if (!before || !after) return undefined;
  return (form, x) =>
    form.permuted(inPlanes(form, form.permuted(x, order), margins, before, after), undone(order));
}

function marginsOf(operation: Operation): Margins | undefined {
  switch (operation.kind) {
    case 'zeroPadding':
      return {
        className: 'ZeroPadding2D',
        key: 'padding',
        changes: pairs(operation.padding),
        nothing: [0, 0],
      };
    case 'cropping':
      return {
        className: 'Cropping2D',
        key: 'cropping',
        changes: pairs(operation.cropping),
        nothing: [0, 0],
      };
    case 'upSampling':
      return operation.interpolation === 'nearest'
        ? { className: 'UpSampling2D', key: 'size', changes: [...operation.size], nothing: 1 }
        : undefined;
    default:
      return undefined;
  }
}

function pairs(sides: readonly (readonly [number, number])[]): JsonValue[] {
  return sides.map(([first, last]) => [first, last]);
}

/** Two axes at a time, with all others taken for channels. */
function inPlanes(
  form: LayerForm,
  x: ModelTensor,
  { className, key, changes, nothing }: Margins,
  before: readonly number[],
  after: readonly number[],
): ModelTensor {
  const [first = nothing, ...others] = changes;
  const channels = before.at(-1) ?? 1;
  const change = (y: ModelTensor, sizes: readonly number[], two: readonly JsonValue[]): ModelTensor =>
    form.add(className, { [key]: [...two] }, form.reshaped(y, sizes));
  if (others.length === 0)
    return form.reshaped(change(x, [before[0] ?? 1, 1, channels], [first, nothing]), after);
  const [depth = 1, height = 1, width = 1] = before;
  const [second = nothing, third = nothing] = others;
  const tall = change(x, [depth, height, width * channels], [first, second]);
  const rows = (after[0] ?? 1) * (after[1] ?? 1);
  return form.reshaped(change(tall, [rows, width, channels], [nothing, third]), after);
}

/** Over the whole extent of three dimensions, or along the first axis. */
export function globalPoolForm(
  operation: PoolOperation,
  input: Shape,
  output: Shape | undefined,
): Compute | undefined {
  const { rank, global, dataFormat, reduce, keepDims } = operation;
  if (!global || input.length !== rank + 2) return undefined;
  if (rank === 2 || (rank === 1 && dataFormat === 'channels_last')) return undefined;
  const order = movedLast(input.length, dataFormat === 'channels_first' ? [1] : []);
  const sizes = sizesIn(order, input);
  const kept = keepDims
    ? sizesIn(
        input.slice(1).map((_, axis) => axis + 1),
        output,
      )
    : [];
  if (!sizes || !kept) return undefined;
  const positions = product(sizes.slice(0, -1)) ?? 1;
  const className = reduce === 'max' ? 'GlobalMaxPooling1D' : 'GlobalAveragePooling1D';
  return (form, x) => {
    const y = form.add(className, {}, form.reshaped(form.permuted(x, order), [positions, sizes.at(-1) ?? 1]));
    return keepDims ? form.reshaped(y, kept) : y;
  };
}

/** Pooling of one dimension with the channels first, which TF.js passes over. */
export function poolForm({ readConfig, className }: Layer, operation: PoolOperation): Compute | undefined {
  if (operation.global || operation.rank !== 1 || operation.dataFormat === 'channels_last') return undefined;
  const { name: _, dtype: __, data_format: ___, trainable: ____, ...config } = readConfig;
  return (form, x) => form.permuted(form.add(className, config, form.permuted(x, [2, 1])), [2, 1]);
}

/** On another axis than the last one. */
export function softmaxForm({ readConfig }: Layer, input: Shape): Compute | undefined {
  const { axis = -1 } = readConfig;
  const rank = input.length;
  if (typeof axis !== 'number') return undefined;
  const counted = axis < 0 ? axis + rank : axis;
  if (counted === rank - 1 || counted < 1) return undefined;
  const order = movedLast(rank, [counted]);
  return (form, x) => form.permuted(form.activated(form.permuted(x, order), 'softmax'), undone(order));
}

/** The sizes of the axes in that order; undefined where one is open. */
function sizesIn(order: readonly number[], shape: Shape | undefined): number[] | undefined {
  const sizes = order.map((axis) => shape?.[axis]).filter((size) => typeof size === 'number');
  return sizes.length === order.length ? sizes : undefined;
}
