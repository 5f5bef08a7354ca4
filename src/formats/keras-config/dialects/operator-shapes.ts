/**
 * What operators compute that pool, reshape, pad and cut tensors, from their arguments and the shape of what they read.
 *
 * @module
 */

import { isObject, type JsonValue } from '../../../json/value.ts';
import type { AxisPart, DataFormat, Operation, PoolOperation, Shape } from '../../../model/operation.ts';
import { isWhole, takenPlaces, WHOLE_AXIS } from '../../../model/slices.ts';

/** Of 1 to 3 dimensions, as layers have them. */
type Rank = 1 | 2 | 3;

/** A mean or maximum over all spatial dimensions: a global pooling. */
export function pooledOver(
  shape: Shape | undefined,
  axis: JsonValue | undefined,
  { reduce, keepDims }: Pick<PoolOperation, 'reduce' | 'keepDims'>,
): Operation | undefined {
  const rank = spatialRank(shape);
  const axes = axesIn(axis, shape?.length);
  if (rank === undefined || axes?.length !== rank) return undefined;
  const [first] = axes.sort((one, other) => one - other);
  if (axes.some((one, index) => one !== (first ?? 0) + index) || (first !== 1 && first !== 2))
    return undefined;
  return {
    ...{ kind: 'pool', rank, reduce, global: true, keepDims, poolSize: [], strides: [], padding: 'valid' },
    dataFormat: first === 1 ? 'channels_last' : 'channels_first',
  };
}

/** A new shape with the batch in its place. */
export function reshaped(from: Shape | undefined, shape: JsonValue | undefined): Operation | undefined {
  const [batch, ...sizes] = wholeNumbers(shape) ?? [];
  const product = (list: readonly (number | null)[]): number =>
    list.reduce<number>((size, one) => size * (one ?? NaN), 1);
  const keepsBatch = from !== undefined && batch === -1 && product(sizes) === product(from.slice(1));
  return keepsBatch && sizes.length > 0 ? { kind: 'reshape', targetShape: sizes } : undefined;
}

/** Without axes of size 1; all but the batch's where none are given. */
export function squeezed(from: Shape | undefined, axis: JsonValue | undefined): Operation | undefined {
  const isOne = (place: number): boolean => place > 0 && from?.[place] === 1;
  const given = axis === undefined ? from && [...from.keys()].filter(isOne) : axesIn(axis, from?.length);
  if (!from || !given?.every(isOne)) return undefined;
  return sized(from.filter((_, place) => !given.includes(place)));
}

/** With an axis of size 1 at that place of the result. */
export function expanded(from: Shape | undefined, axis: JsonValue | undefined): Operation | undefined {
  const [place = 0, ...others] = axesIn(axis, from && from.length + 1) ?? [];
  if (!from || place === 0 || others.length > 0) return undefined;
  return sized(from.toSpliced(place, 0, 1));
}

function sized([, ...sizes]: Shape): Operation | undefined {
  const isOpen = sizes.filter((size) => size === null).length > 1;
  return isOpen || sizes.length === 0
    ? undefined
    : { kind: 'reshape', targetShape: sizes.map((size) => size ?? -1) };
}

/** Axes in another order, that of the batch in its place. */
export function permuted(from: Shape | undefined, order: JsonValue | undefined): Operation | undefined {
  const axes = axesIn(order, from?.length);
  const isWholeOrder =
    axes !== undefined && axes.length === from?.length && new Set(axes).size === axes.length;
  return isWholeOrder && axes[0] === 0 ? { kind: 'permute', axes } : undefined;
}

/** Zeros around the spatial dimensions. */
export function padded(from: Shape | undefined, widths: JsonValue | undefined): Operation | undefined {
  const pairs = Array.isArray(widths) ? widths.map(wholeNumbers) : [];
  const sides = pairs.flatMap((pair): [number, number][] =>
    pair?.length === 2 ? [[pair[0] ?? 0, pair[1] ?? 0]] : [],
  );
  if (spatialRank(from) === undefined || sides.length !== from?.length || pairs.length !== sides.length) {
    return undefined;
  }
  const found = spatialOnly(sides, (pair) => pair.every((side) => side === 0));
  return found && { kind: 'zeroPadding', padding: found.spatial, dataFormat: found.dataFormat };
}

/** `x[key]` without new axes: a cropping where that is all it does, else a slice. */
export function slicedBy(from: Shape | undefined, key: JsonValue | undefined): Operation | undefined {
  if (key === undefined) return undefined;
  const specs = Array.isArray(key) ? key : [key];
  const ellipsis = specs.indexOf('ellipsis');
  if (ellipsis >= 0 && !from) return undefined;
  const skipped = Array<JsonValue>(Math.max(0, (from?.length ?? 0) - specs.length + 1)).fill({});
  const parts = (ellipsis < 0 ? specs : specs.toSpliced(ellipsis, 1, ...skipped)).map(partOf);
  const known = parts.filter((part) => part !== undefined);
  if (known.length < parts.length || !known[0] || !isWhole(known[0])) return undefined;
  if (from && known.length > from.length) return undefined;
  if (known.every(isWhole)) return { kind: 'identity', isRandom: false };
  return cropped(from, known) ?? { kind: 'slice', parts: known };
}

function partOf(spec: JsonValue): AxisPart | undefined {
  if (Number.isInteger(spec)) {
    const index = Number(spec);
    return { start: index, stop: index === -1 ? null : index + 1, step: 1, isDropped: true };
  }
  if (!isObject(spec)) return undefined;
  const { start = null, stop = null, step = null } = spec;
  const isTaken = [start, stop, step].every((one) => one === null || Number.isInteger(one)) && step !== 0;
  return isTaken
    ? {
        start: start as number | null,
        stop: stop as number | null,
        step: Number(step ?? 1),
        isDropped: false,
      }
    : undefined;
}

function cropped(from: Shape | undefined, parts: readonly AxisPart[]): Operation | undefined {
  if (spatialRank(from) === undefined || !from) return undefined;
  const sides = from.map((size, axis) => croppedSides(size, parts[axis] ?? WHOLE_AXIS));
  const known = sides.filter((pair) => pair !== undefined);
  const found =
    known.length === sides.length
      ? spatialOnly(known, ([first, last]) => first === 0 && last === 0)
      : undefined;
  return found && { kind: 'cropping', cropping: found.spatial, dataFormat: found.dataFormat };
}

/** What a part leaves out at the two ends of an axis; undefined where it takes no row of neighbours. */
function croppedSides(size: number | null, part: AxisPart): readonly [number, number] | undefined {
  if (isWhole(part)) return [0, 0];
  if (part.step !== 1 || part.isDropped || size === null) return undefined;
  const { first, count } = takenPlaces(part, size);
  return count > 0 ? [first, size - first - count] : undefined;
}

/**
 * What is given for each axis, of the spatial ones alone; undefined where it is not nothing for the others. Where only the last
 * axis has something, that is of the channels, whichever they are.
 */
function spatialOnly<Of>(
  axes: readonly Of[],
  isNothing: (one: Of) => boolean,
): { readonly spatial: readonly Of[]; readonly dataFormat: DataFormat } | undefined {
  const [batch, first, ...others] = axes;
  const last = others.at(-1);
  if (batch === undefined || first === undefined || last === undefined || !isNothing(batch)) return undefined;
  if (isNothing(last)) return { spatial: [first, ...others.slice(0, -1)], dataFormat: 'channels_last' };
  const isFirst = isNothing(first) && others.length > 1 && !others.some(isNothing);
  return isFirst ? { spatial: others, dataFormat: 'channels_first' } : undefined;
}

function spatialRank(shape: Shape | undefined): Rank | undefined {
  const rank = (shape?.length ?? 0) - 2;
  return rank >= 1 && rank <= 3 ? (rank as Rank) : undefined;
}

/** One axis or several, counted from the front; undefined where they are none of a tensor of that rank. */
function axesIn(value: JsonValue | undefined, rank: number | undefined): number[] | undefined {
  const axes = wholeNumbers(Array.isArray(value) ? value : [value ?? null]);
  if (!axes || rank === undefined) return undefined;
  const counted = axes.map((axis) => (axis < 0 ? axis + rank : axis));
  return counted.every((axis) => axis >= 0 && axis < rank) ? counted : undefined;
}

function wholeNumbers(value: JsonValue | undefined): number[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return value.every((one) => Number.isInteger(one)) ? value.map(Number) : undefined;
}
