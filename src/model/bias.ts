import { Tensor } from '../tensor/tensor.ts';
import { channelCount } from './channels.ts';
import type { Layer } from './layer.ts';
import { isWeighted } from './operation.ts';

/** The bias in float64, `[output channels]`; zeros where the layer has none. */
export function biasOf(layer: Layer): Float64Array {
  return layer.weight('bias')?.toFloat64() ?? new Float64Array(channelCount(layer, 'output'));
}

/** Gives the layer that bias, in the type of its old one or else of its kernel, and a place for one where it had none. */
export function setBias(layer: Layer, bias: Float64Array): void {
  const dtype = layer.weight('bias')?.dtype ?? layer.weightDtype;
  layer.setWeight('bias', Tensor.fromNumbers(dtype, [bias.length], bias));
  const { operation } = layer;
  if (isWeighted(operation) && !operation.useBias) layer.operation = { ...operation, useBias: true };
}
