/**
 * Normalizations that TF.js lacks, as batch norms on the last axis of tensors of at most four dimensions, which every backend
 * of TF.js computes, and as layer norms.
 *
 * @module
 */

import { type JsonObject, type JsonValue, ownEntry } from '../../../json/value.ts';
import type { Layer } from '../../../model/layer.ts';
import type { ModelTensor } from '../../../model/model.ts';
import type { BatchNormOperation, Shape } from '../../../model/operation.ts';
import { reshaped } from '../../../tensor/rearranged.ts';
import { Tensor } from '../../../tensor/tensor.ts';
import { numbersIn } from '../serialized-objects.ts';
import type { Compute, LayerForm } from './layer-form.ts';
import { movedLast, undone } from './moved-axes.ts';

/** A batch norm on other axes than the last one, or on a tensor of more than four dimensions. */
export function batchNormForm(
  { weights }: Layer,
  { axes, epsilon, scale, center }: BatchNormOperation,
  input: Shape,
): Compute | undefined {
  const rank = input.length;
  const normalized = fromFront(axes, rank);
  if (rank <= 4 && normalized.join() === String(rank - 1) && axes.length === 1) return undefined;
  const size = product(normalized.map((axis) => input[axis]));
  if (size === undefined) return undefined;
  const flat = new Map([...weights].map(([name, tensor]) => [name, reshaped(tensor, [size])]));
  return onLast(input, normalized, size, (form, x) =>
    form.add('BatchNormalization', { axis: -1, epsilon, scale, center }, x, flat),
  );
}

/** Computes with the axes behind all others, as one of `size`, and puts them back. */
function onLast(input: Shape, axes: readonly number[], size: number, compute: Compute): Compute | undefined {
  const rank = input.length;
  const order = movedLast(rank, axes);
  const moved = order.map((axis) => input[axis]);
  const isPlain = axes.length === 1 && rank <= 4;
  if (isPlain) return (form, x) => form.permuted(compute(form, form.permuted(x, order)), undone(order));
  const others = product(moved.slice(0, moved.length - axes.length));
  const sizes = known(moved);
  if (others === undefined || !sizes) return undefined;
  return (form, x) => {
    const flat = form.reshaped(form.permuted(x, order), others === 1 ? [size] : [others, size]);
    return form.permuted(form.reshaped(compute(form, flat), sizes), undone(order));
  };
}

/** The epsilon of Keras' preprocessing layer Normalization, the least deviation that it divides by. */
const LEAST_DEVIATION = 1e-7;

/** `(x - mean) / max(sqrt(variance), 1e-7)`, or back. */
export function normalizationForm(layer: Layer, input: Shape): Compute | undefined {
  const { readConfig } = layer;
  const statistics = statisticsOf(layer);
  if (!statistics) return undefined;
  const { mean, deviation } = statistics;
  const isInverse = readConfig['invert'] === true;
  const { axis = -1 } = readConfig;
  const axes = axis === null ? [] : fromFront([axis].flat().map(Number), input.length);
  const isOne = mean.length === 1 && deviation.length === 1;
  const size = axes.length === 0 ? undefined : product(axes.map((one) => input[one]));
  if (isOne && size !== 1) {
    // With the mean taken away first, so that little is left to round.
    const [shift = 0, divisor = 1] = [mean[0], deviation[0]];
    return isInverse
      ? (form, x) => form.rescaled(x, divisor, shift)
      : (form, x) => form.rescaled(form.rescaled(x, 1, -shift), 1 / divisor);
  }
  if (size === undefined) return undefined;
  const each = (values: readonly number[]): number[] | undefined =>
    values.length === size ? [...values] : values.length === 1 ? Array(size).fill(values[0]) : undefined;
  const [means, deviations] = [each(mean), each(deviation)];
  if (!means || !deviations) return undefined;
  const normalize: Compute = isInverse
    ? (form, x) => affine(form, x, deviations, means)
    : (form, x) =>
        form.add(
          'BatchNormalization',
          { axis: -1, epsilon: 0, scale: false, center: false },
          x,
          new Map([
            ['movingMean', vector(means)],
            ['movingVariance', vector(deviations.map((one) => one * one))],
          ]),
        );
  return onLast(input, axes, size, normalize);
}

/** From the weights, or from the configuration, which may have them in any nesting. */
function statisticsOf({
  weights,
  readConfig,
}: Layer): { readonly mean: readonly number[]; readonly deviation: readonly number[] } | undefined {
  const given = (key: string): number[] => {
    const value = ownEntry(readConfig, key);
    return numbersWithin(numbersIn(value) ?? value ?? []);
  };
  const [fromMean, fromVariance] = [...weights.values()].slice(0, 2).map((tensor) => [...tensor.toFloat64()]);
  const [mean, variance] = weights.size >= 2 ? [fromMean, fromVariance] : [given('mean'), given('variance')];
  if (!mean?.length || !variance?.length) return undefined;
  // In float32, as Keras has it.
  const deviation = variance.map((one) =>
    Math.max(Math.fround(Math.sqrt(Math.fround(one))), LEAST_DEVIATION),
  );
  return { mean, deviation };
}

function numbersWithin(value: JsonValue): number[] {
  if (Array.isArray(value)) return value.flatMap(numbersWithin);
  return typeof value === 'number' ? [value] : [];
}

/** Over the positions and the channels of each group: a layer norm of the groups, and the factors behind it. */
export function groupNormForm({ weights, readConfig }: Layer, input: Shape): Compute | undefined {
  const axes = fromFront([Number(readConfig['axis'] ?? -1)], input.length);
  const order = movedLast(input.length, axes);
  const sizes = known(order.map((axis) => input[axis]));
  const channels = sizes?.at(-1);
  const positions = product(sizes?.slice(0, -1) ?? [null]);
  if (!sizes || !channels || !positions) return undefined;
  const asked = Number(readConfig['groups'] ?? 32);
  const groups = asked === -1 ? channels : asked;
  const epsilon = Number(readConfig['epsilon'] ?? 1e-3);
  const gamma = weights.get('gamma') ?? weightAt(weights, readConfig, 'scale');
  const beta = weights.get('beta') ?? weightAt(weights, readConfig, 'center');
  const number = (tensor: Tensor | undefined, otherwise: number): number[] =>
    tensor ? [...tensor.toFloat64()] : Array(channels).fill(otherwise);
  return (form, x) => {
    const grouped = form.reshaped(form.permuted(x, order), [positions, groups, channels / groups]);
    const together = form.reshaped(form.permuted(grouped, [2, 1, 3]), [
      groups,
      (positions * channels) / groups,
    ]);
    let y = form.add('LayerNormalization', { axis: [2], epsilon, scale: false, center: false }, together);
    y = form.permuted(form.reshaped(y, [groups, positions, channels / groups]), [2, 1, 3]);
    y = form.reshaped(y, [positions, channels]);
    if (gamma || beta) y = affine(form, y, number(gamma, 1), number(beta, 0));
    return form.permuted(form.reshaped(y, sizes), undone(order));
  };
}

/** By the root of the mean square: `x` and `-x` side by side have the mean 0, and that as their deviation. */
export function rmsNormForm({ weights, readConfig }: Layer, input: Shape): Compute | undefined {
  const axes = fromFront([readConfig['axis'] ?? -1].flat().map(Number), input.length);
  const size = product(axes.map((axis) => input[axis]));
  const [scale] = weights.values();
  if (size === undefined || scale?.size !== size) return undefined;
  const order = movedLast(input.length, axes);
  const sizes = known(order.map((axis) => input[axis]));
  const positions = product(sizes?.slice(0, -axes.length) ?? [null]);
  if (!sizes || !positions) return undefined;
  const epsilon = Number(readConfig['epsilon'] ?? 1e-6);
  const factors = [...scale.toFloat64()];
  return (form, x) => {
    const flat = form.reshaped(form.permuted(x, order), [positions, 1, size]);
    const both = form.add('Concatenate', { axis: -1 }, [flat, form.rescaled(flat, -1)]);
    const plain = { axis: [3], epsilon, scale: false, center: false };
    const halves = form.add('LayerNormalization', plain, both);
    const first = {
      cropping: [
        [0, 0],
        [0, size],
      ],
      data_format: 'channels_first',
    };
    const normalized = affine(
      form,
      form.add('Cropping2D', first, halves),
      factors,
      factors.map(() => 0),
    );
    return form.permuted(form.reshaped(normalized, sizes), undone(order));
  };
}

/** Weights of a layer that nobody knows may go by other names than Keras'; they are in its order. */
function weightAt(
  weights: ReadonlyMap<string, Tensor>,
  config: JsonObject,
  option: 'scale' | 'center',
): Tensor | undefined {
  if (config[option] === false) return undefined;
  return [...weights.values()].at(option === 'scale' ? 0 : -1);
}

/** `factors x + shifts` on the last axis. */
export function affine(
  form: LayerForm,
  x: ModelTensor,
  factors: readonly number[],
  shifts: readonly number[],
): ModelTensor {
  const weights = new Map([
    ['gamma', vector(factors)],
    ['beta', vector(shifts)],
    ['movingMean', vector(factors.map(() => 0))],
    ['movingVariance', vector(factors.map(() => 1))],
  ]);
  return form.add('BatchNormalization', { axis: -1, epsilon: 0, scale: true, center: true }, x, weights);
}

function vector(values: readonly number[]): Tensor {
  return Tensor.fromNumbers('float32', [values.length], values);
}

/** Axes counted from the front, in order. */
function fromFront(axes: readonly number[], rank: number): number[] {
  return axes.map((axis) => (axis < 0 ? axis + rank : axis)).sort((one, other) => one - other);
}

/** The product of sizes; undefined where one is open. */
export function product(sizes: readonly (JsonValue | undefined)[]): number | undefined {
  return known(sizes)?.reduce((total, size) => total * size, 1);
}

function known(sizes: readonly (JsonValue | undefined)[]): number[] | undefined {
  const numbers = sizes.filter((size) => typeof size === 'number');
  return numbers.length === sizes.length ? numbers : undefined;
}
