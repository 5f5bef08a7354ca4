import type { GraphCall } from './graph.ts';
import type { Operation, Shape } from './operation.ts';
import { axisBehindSlice, takenPlaces, WHOLE_AXIS } from './slices.ts';

/** What a flatten, reshape, permutation or slice makes of the channels of a tensor. */
export interface ReshapedChannels {
  /** Counted from the end, as {@link GraphTensor.channelAxis} is. */
  readonly axis: number;
  /** Its length. */
  readonly length: number;
  /** The channel before at each place of the axis, or, where it has fewer places, the place at each channel before. */
  readonly kind: 'fan-out' | 'fan-in';
  readonly places: Int32Array;
}

/** What a call of a Flatten, Reshape, Permute or slice makes of the channels that it reads; undefined where they are not known. */
export function channelsBehindReshape({ layer, inputs, outputs }: GraphCall): ReshapedChannels | undefined {
  const { shape: from, channelAxis: axis, channels } = inputs[0] ?? {};
  const to = outputs[0]?.shape;
  if (!from || !to || axis === undefined || channels === undefined) return undefined;
  const { operation } = layer;
  if (operation.kind === 'permute' || operation.kind === 'slice') {
    const moved = movedAxis(operation, axis, from.length);
    return moved === undefined ? undefined : pickedChannels(operation, axis + from.length, channels, moved);
  }
  return reshapedChannels({ axis, channels }, from, to, operation);
}

/**
 * The channels behind a flatten or reshape; undefined where they do not lie on one axis.
 *
 * Elements stay in C order. With `inner` elements to a channel in a row, element f belongs to channel
 * `floor(f / inner) mod channels`; the same on an axis of the target tells which of its places hold which channels.
 *
 * @param source the axis of the channels before, counted from the end, and their number
 * @param from with the batch first
 * @param to with the batch first
 */
export function reshapedChannels(
  { axis, channels }: { readonly axis: number; readonly channels: number },
  from: Shape,
  to: Shape,
  operation: Operation,
): ReshapedChannels | undefined {
  const source = { axis: from.length - 1 + axis, dimensions: from.slice(1) };
  if (source.axis < 0) return undefined;
  if (operation.kind === 'flatten' && operation.dataFormat === 'channels_first' && from.length > 2) {
    // Keras moves the first axis behind the others before it flattens, wherever the channels are.
    source.dimensions.push(source.dimensions.shift() ?? null);
    source.axis = source.axis === 0 ? source.dimensions.length - 1 : source.axis - 1;
  }
  const inner = innerSize(source.dimensions, source.axis);
  const target = to.slice(1);
  if (inner === undefined) return undefined;
  // The last axis first: it is the one that a Dense behind it reads.
  const axes = target.map((_, index) => target.length - 1 - index);
  for (const place of axes) {
    const length = target[place];
    const run = inner / (innerSize(target, place) ?? 0);
    if (!length || !Number.isInteger(run) || length % (run * channels) !== 0) continue;
    return {
      axis: place - target.length,
      length,
      kind: 'fan-out',
      get places() {
        return Int32Array.from({ length }, (_, index) => Math.floor(index / run) % channels);
      },
    };
  }
  for (const place of axes) {
    const length = target[place];
    if (!length || innerSize(target, place) !== inner || channels % length !== 0) continue;
    return {
      axis: place - target.length,
      length,
      kind: 'fan-in',
      get places() {
        return Int32Array.from({ length: channels }, (_, channel) => channel % length);
      },
    };
  }
  return undefined;
}

/** Where a permutation or slice puts an axis, both counted from the end; undefined where that is not known. */
export function movedAxis(operation: Operation, axis: number, rank: number): number | undefined {
  switch (operation.kind) {
    case 'permute': {
      const place = operation.axes.indexOf(axis + rank);
      return operation.axes.length === rank && place > 0 ? place - rank : undefined;
    }
    case 'slice':
      return axisBehindSlice(axis, rank, operation.parts);
    default:
      return undefined;
  }
}

function pickedChannels(
  operation: Operation,
  place: number,
  channels: number,
  axis: number,
): ReshapedChannels {
  const part = operation.kind === 'slice' ? (operation.parts[place] ?? WHOLE_AXIS) : WHOLE_AXIS;
  const { first, step, count } = takenPlaces(part, channels);
  const places = Int32Array.from({ length: count }, (_, index) => first + index * step);
  return { axis, length: count, kind: 'fan-out', places };
}

/** Number of elements behind one place of an axis; undefined where a dimension is not known. */
function innerSize(dimensions: Shape, axis: number): number | undefined {
  let size = 1;
  for (const dimension of dimensions.slice(axis + 1)) {
    if (dimension === null) return undefined;
    size *= dimension;
  }
  return size;
}
