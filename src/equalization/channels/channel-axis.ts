import type { GraphTensor } from '../../model/graph.ts';

/**
 * The axis of a tensor's channels as Keras counts it: 1 where they come first, -1 where they come last or where nothing
 * tells. Read off the layer that made the tensor, or the one before where that keeps channels in their place.
 */
export function channelAxis(tensor: GraphTensor | undefined): number {
  for (let at = tensor; at?.producer !== undefined; at = at.producer.inputs[0]) {
    const { operation } = at.producer.layer;
    switch (operation.kind) {
      case 'activation':
      case 'identity':
      case 'merge':
      case 'concatenate':
        continue;
      case 'batchNorm':
        return operation.axes[0] ?? -1;
      case 'pool':
        // Without its spatial dimensions a tensor is [batch, channels].
        if (operation.global && !operation.keepDims) return -1;
        break;
    }
    return 'dataFormat' in operation &&
      operation.kind !== 'flatten' &&
      operation.dataFormat === 'channels_first'
      ? 1
      : -1;
  }
  return -1;
}
