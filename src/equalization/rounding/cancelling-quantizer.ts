/**
 * Kernels rounded so that the errors of a channel's weights cancel each other.
 *
 * @module
 */

import {
  cancelKernelErrors,
  type InputCorrelation,
  type LevelRange,
} from '../../kernels/cancelling-rounding.ts';
import { channelOfPairs, channelsOf, pairSteps } from '../../kernels/pair-ranges.ts';
import { inputIndex, kernelNames, outputIndex } from '../../model/channels.ts';
import { buildGraph, type GraphCall } from '../../model/graph.ts';
import type { Layer } from '../../model/layer.ts';
import type { WeightName } from '../../model/layer-weights.ts';
import type { Model } from '../../model/model.ts';
import { isWeighted } from '../../model/operation.ts';
import { keepStatistics } from '../../model/statistics.ts';
import { checkWeightQuantizer, type WeightQuantizer } from '../../quantization/quantizer.ts';
import { putOnGrid, type TensorGrid, weightGrid } from '../../quantization/tensor-grid.ts';
import { allocate, type FloatValues } from '../../tensor/dtype.ts';
import { Tensor } from '../../tensor/tensor.ts';
import type { ActivationMoments } from '../moments/activation-moments.ts';
import { type ChannelMoments, mixedMoments } from '../moments/channel-distribution.ts';
import { ERROR_CORRELATION } from '../moments/neighbour-correlation.ts';
import { alikeInputs, kernelInputs, layerInputs } from '../noise/kernel-response.ts';
import type { KernelQuantizer } from '../noise/quantized-kernels.ts';

/** Measured to do best on published networks, where it matters little. */
const CORRELATION: InputCorrelation = { positions: ERROR_CORRELATION, channels: 0.3 };

/**
 * What kernels become when they are put on the grids of `quantizer`, each weight on the level above or below it, whichever
 * makes the expected error of the layer's output smaller (in the manner of Guo et al. 2022, SQuant, with the moments of the
 * inputs for weights). The quantizer itself keeps such a kernel as it is, so that a tool that quantizes the same way does so
 * too.
 *
 * Goes with {@link correctBias}, which takes the mean of the error: give it what this returns, then quantize with
 * {@link quantizeKernels}. Kernels are rounded when they are asked for, and then kept.
 *
 * @param moments those of `model` or of the one that it was made from; where they are not known all inputs count the same
 * @throws RangeError where the quantizer contradicts itself; the result InvalidModelError where a weight is no finite number.
 */
export function cancellingQuantizer(
  model: Model,
  quantizer: WeightQuantizer,
  moments: ActivationMoments,
  correlation: InputCorrelation = CORRELATION,
): KernelQuantizer {
  checkWeightQuantizer(quantizer);
  const graph = buildGraph(model);
  // Corrections ask for the kernels of copies, whose layers have the paths of these.
  const calls = new Map(graph.calls.map(({ layer }) => [layer.path, graph.callsOf(layer)]));
  const rounded = new Map<Tensor, Tensor>();
  return (layer, name) => {
    const tensor = layer.requireWeight(name);
    const known = rounded.get(tensor);
    if (known) return known;
    const grid = weightGrid(layer, name, tensor, quantizer);
    const made = roundedKernel(
      { layer, name, grid },
      inputsOf({ layer, name }, calls.get(layer.path) ?? [], moments),
      correlation,
    );
    rounded.set(tensor, made);
    return made;
  };
}

/** Puts what the quantizer makes of each kernel in its place. Edits `model`, and its function. */
export function quantizeKernels(model: Model, quantize: KernelQuantizer): void {
  const layers = new Set([...model.allLayers()].map(({ layer }) => layer));
  for (const layer of layers) {
    if (!isWeighted(layer.operation)) continue;
    const made = kernelNames(layer).map((name) => [name, quantize(layer, name)] as const);
    keepStatistics(layer, () => {
      for (const [name, tensor] of made) layer.setWeight(name, tensor);
    });
  }
}

/** The moments of what a kernel reads, in all calls of its layer together. */
function inputsOf(
  { layer, name }: { readonly layer: Layer; readonly name: WeightName },
  calls: readonly GraphCall[],
  moments: ActivationMoments,
): ChannelMoments {
  const known = calls.flatMap((call) => layerInputs(call, (tensor) => moments.of(tensor)) ?? []);
  const inputs = known.length === calls.length ? known : calls.slice(0, 1).map(alikeInputs);
  return mixedMoments(inputs.map((one) => kernelInputs(layer, name, one)));
}

function roundedKernel(
  { layer, name, grid }: { readonly layer: Layer; readonly name: WeightName; readonly grid: TensorGrid },
  { mean, variance }: ChannelMoments,
  correlation: InputCorrelation,
): Tensor {
  const tensor = layer.requireWeight(name);
  const weights = tensor.values() as FloatValues;
  const levels = allocate(tensor.dtype, weights.length) as FloatValues;
  putOnGrid(grid, weights, 0, levels);
  const outputs = outputIndex(layer, name);
  cancelKernelErrors(
    {
      weights,
      levels,
      pairs: tensor.rows * tensor.columns,
      pairsOfOutput: pairSteps(tensor, outputs),
      inputOfPair: channelOfPairs(tensor, inputIndex(layer)),
      ranges: Array.from({ length: channelsOf(tensor, outputs) }, (_, channel) => levelRange(grid, channel)),
      mean,
      variance,
    },
    correlation,
  );
  putOnGrid(grid, levels, 0, levels);
  return Tensor.of(tensor.dtype, tensor.shape, levels);
}

function levelRange(grid: TensorGrid, channel: number): LevelRange {
  if (grid.scheme === 'tfjs') {
    const { scale, min, steps } = grid.grid;
    return { step: scale, low: min, high: min + steps * scale };
  }
  const { encodings } = grid;
  const encoding = encodings.length === 1 ? encodings[0] : encodings[channel];
  if (!encoding) throw new RangeError(`no grid for channel ${channel}`);
  // Of a symmetric grid the range ends at the same distance on both sides.
  const low = encoding.isSymmetric ? -encoding.max : encoding.min;
  return { step: encoding.scale, low, high: encoding.max };
}
