/**
 * Bias correction from the outputs that a model makes of given inputs.
 *
 * @module
 */

import { kernelNames } from '../../model/channels.ts';
import { buildGraph, tensorKey } from '../../model/graph.ts';
import type { Model } from '../../model/model.ts';
import { type ModelRunner, watchedRunner } from '../../model/model-runner.ts';
import type { Tell } from '../../model/progress.ts';
import type { WeightQuantizer } from '../../quantization/quantizer.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { ChannelMoments } from '../moments/channel-distribution.ts';
import { activated, type LinearCopy, linearCopy, linearMoments } from '../moments/linear-copy.ts';
import { MomentAccumulator } from '../moments/moment-sums.ts';
import { type KernelQuantizer, kernelQuantizer } from '../noise/quantized-kernels.ts';
import { type BiasCorrectionRecord, correctedBias } from './bias-correction.ts';

/** With what biases are corrected. */
export interface MeasuredCorrectionOptions {
  readonly runner: ModelRunner;
  /** One tensor for each input of the model, with the samples as its first dimension. */
  readonly inputs: readonly Tensor[];
  /** Called with the samples that went through the model, and twice their number. */
  readonly onProgress?: Tell;
  readonly signal?: AbortSignal | undefined;
}

/**
 * `correctBias` from given inputs: layer by layer, with the quantized and corrected layers in front, the mean of each output
 * is brought to that of the float model. So what quantizing does to values on their way, through ReLUs for instance, is made
 * up for as well, and borders are as they are. Edits `model`; its kernels stay as they are.
 *
 * Takes two runs. In the second all samples go through the model at once, so that their activations have to fit into
 * memory: some tens of pictures. A layer with several calls gets the average of what they need.
 *
 * @throws CannotRunError and RangeError as {@link ModelRunner.run} does; RangeError where the quantizer contradicts itself.
 */
export async function correctBiasWithInputs(
  model: Model,
  quantizer: WeightQuantizer | KernelQuantizer,
  { runner, inputs, signal, onProgress }: MeasuredCorrectionOptions,
): Promise<BiasCorrectionRecord> {
  const watched = (before: 0 | 1): ModelRunner =>
    watchedRunner(runner, {
      signal,
      onProgress: ({ done, total }) => onProgress?.(before * total + done, 2 * total),
    });
  const quantize = kernelQuantizer(quantizer);
  const copy = linearCopy(model);
  const wanted = await linearMoments(copy, watched(0), inputs, tensorKey);
  quantizeKernels(copy, quantize);
  const shifts = await quantizedShifts(copy, wanted, watched(1), inputs);
  const graph = buildGraph(model);
  const corrected = [...shifts].map(([path, calls]) => {
    const layer = model.layer(path);
    const [first = new Float64Array(0)] = calls;
    const shift = first.map((_, channel) =>
      calls.reduce((total, one) => total + (one[channel] ?? 0) / calls.length, 0),
    );
    return correctedBias(graph, layer, shift, false);
  });
  return { corrected, left: copy.left };
}

function quantizeKernels({ model, functions }: LinearCopy, quantize: KernelQuantizer): void {
  for (const path of functions.keys()) {
    const layer = model.layer(path);
    for (const name of kernelNames(layer)) layer.weights.set(name, quantize(layer, name));
  }
}

/** What each output lacks, call by call, with everything before it corrected; by the path of the layer. */
async function quantizedShifts(
  copy: LinearCopy,
  wanted: ReadonlyMap<string, ChannelMoments>,
  runner: ModelRunner,
  inputs: readonly Tensor[],
): Promise<Map<string, Float64Array[]>> {
  const shifts = new Map<string, Float64Array[]>();
  await runner.run(copy.model, inputs, {
    batchSize: Math.max(1, inputs[0]?.shape[0] ?? 1),
    wantsTensor: (tensor) => copy.functionOf(tensor) !== undefined,
    onTensor: (tensor, values) => {
      const path = tensor.producer?.path ?? '';
      const { channelAxis: axis = -1 } = tensor;
      const sums = new MomentAccumulator(axis);
      sums.add(values);
      const means = wanted.get(tensorKey(tensor))?.mean;
      const shift = sums.distribution().mean.map((mean, channel) => (means?.[channel] ?? NaN) - mean);
      shifts.set(path, [...(shifts.get(path) ?? []), shift]);
      return activated(values, copy.functionOf(tensor), { of: shift, axis });
    },
  });
  return shifts;
}
