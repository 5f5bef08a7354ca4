import type { Operation } from '../../model/operation.ts';
import type { ChannelPlace } from '../moments/channel-distribution.ts';

/** Dimensions without the batch. */
type Dimensions = readonly (number | null)[];

/**
 * Which channel of its input each channel behind a Flatten or Reshape is, where those behind are last: flattening fans a
 * channel out to its positions, and other reshapes may only move dimensions of 1. Undefined where channels get mixed.
 */
export function movedChannels(
  operation: Extract<Operation, { kind: 'flatten' | 'reshape' }>,
  { from, to }: { readonly from: Dimensions; readonly to: Dimensions },
  place: ChannelPlace,
  channels: number,
): Int32Array | undefined {
  const last = to.at(-1);
  if (last === null || last === undefined) return undefined;
  const isFlat = to.length === 1 && last % channels === 0;
  if (operation.kind === 'flatten' && operation.dataFormat === 'channels_first' && from.length > 1) {
    // Keras moves the first axis behind the others before it flattens.
    return place === 'first' ? inTurn(last, channels) : undefined;
  }
  if (place === 'last') return last === channels || isFlat ? inTurn(last, channels) : undefined;
  if (!isFlat) return undefined;
  const positions = last / channels;
  return Int32Array.from({ length: last }, (_, index) => Math.floor(index / positions));
}

function inTurn(length: number, channels: number): Int32Array {
  return Int32Array.from({ length }, (_, index) => index % channels);
}
