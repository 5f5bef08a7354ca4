import type { GraphCall, GraphTensor } from '../../model/graph.ts';
import type { DataFormat } from '../../model/operation.ts';
import type { ChannelPlace } from '../moments/channel-distribution.ts';

/**
 * Where a tensor has its channels, as the layers say that read or make it: where nothing tells, on its last axis. A tensor
 * `[batch, channels]` has them last whatever the layers say.
 *
 * @param rank of the tensor, where its shape does not tell
 */
export function channelPlaceOf(
  tensor: GraphTensor,
  rank: number | undefined = tensor.shape?.length,
): ChannelPlace {
  if (rank === 2) return 'last';
  for (const call of tensor.consumers) {
    const place = placeForCall(call, rank);
    if (place) return place;
  }
  for (let at: GraphTensor | undefined = tensor; at?.producer; at = at.producer.inputs[0]) {
    const place = placeForCall(at.producer, rank);
    if (place) return place;
  }
  return 'last';
}

/** Where the call has the channels of a tensor that it reads or makes; undefined where any place will do. */
function placeForCall(
  { layer: { operation } }: GraphCall,
  rank: number | undefined,
): ChannelPlace | undefined {
  switch (operation.kind) {
    case 'dense':
      return 'last';
    case 'batchNorm':
      return placeOfAxis(operation.axes[0] ?? -1, rank);
    case 'conv':
    case 'convTranspose':
    case 'depthwiseConv':
    case 'separableConv':
    case 'pool':
    case 'zeroPadding':
    case 'cropping':
    case 'upSampling':
      return placeOfFormat(operation.dataFormat);
    default:
      return undefined;
  }
}

/** Where a layer of that data format has its channels. */
export function placeOfFormat(format: DataFormat): ChannelPlace {
  return format === 'channels_first' ? 'first' : 'last';
}

/** The place of an axis as Keras counts it; undefined where it is another, or where the rank would have to tell. */
export function placeOfAxis(axis: number, rank: number | undefined): ChannelPlace | undefined {
  if (axis === -1 || (rank !== undefined && axis === rank - 1)) return 'last';
  if (axis === 1 && rank !== undefined) return 'first';
  return rank !== undefined && axis === 1 - rank ? 'first' : undefined;
}
