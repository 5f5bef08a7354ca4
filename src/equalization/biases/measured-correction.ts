/**
 * Bias correction from the outputs that a model makes of given inputs.
 *
 * @module
 */

import { kernelNames } from '../../model/channels.ts';
import { buildGraph, type GraphTensor } from '../../model/graph.ts';
import type { Model } from '../../model/model.ts';
import type { ModelRunner } from '../../model/model-runner.ts';
import type { WeightQuantizer } from '../../quantization/quantizer.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { tensorKey } from '../moments/activation-moments.ts';
import { activated, type LinearCopy, linearCopy } from '../moments/linear-copy.ts';
import { MomentAccumulator } from '../moments/moment-sums.ts';
import { type KernelQuantizer, kernelQuantizer } from '../noise/quantized-kernels.ts';
import { type BiasCorrectionRecord, correctedBias } from './bias-correction.ts';

/** With what biases are corrected. */
export interface MeasuredCorrectionOptions {
  readonly runner: ModelRunner;
  /** One tensor for each input of the model, with the samples as its first dimension. */
  readonly inputs: readonly Tensor[];
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
  { runner, inputs }: MeasuredCorrectionOptions,
): Promise<BiasCorrectionRecord> {
  const quantize = kernelQuantizer(quantizer);
  const copy = linearCopy(model);
  const wanted = await floatMeans(copy, runner, inputs);
  quantizeKernels(copy, quantize);
  const shifts = await quantizedShifts(copy, wanted, runner, inputs);
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

/** The mean outputs of the layers with kernels before their activations, by {@link tensorKey}. */
async function floatMeans(
  copy: LinearCopy,
  runner: ModelRunner,
  inputs: readonly Tensor[],
): Promise<Map<string, Float64Array>> {
  const sums = new Map<string, MomentAccumulator>();
  await runner.run(copy.model, inputs, {
    wantsTensor: (tensor) => functionFor(copy, tensor) !== undefined,
    onTensor: (tensor, values) => {
      const key = tensorKey(tensor);
      const known = sums.get(key) ?? new MomentAccumulator(tensor.channelAxis);
      sums.set(key, known);
      known.add(values);
      return activated(values, functionFor(copy, tensor), undefined);
    },
  });
  return new Map([...sums].map(([key, one]) => [key, one.distribution().mean]));
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
  wanted: ReadonlyMap<string, Float64Array>,
  runner: ModelRunner,
  inputs: readonly Tensor[],
): Promise<Map<string, Float64Array[]>> {
  const shifts = new Map<string, Float64Array[]>();
  await runner.run(copy.model, inputs, {
    batchSize: Math.max(1, inputs[0]?.shape[0] ?? 1),
    wantsTensor: (tensor) => functionFor(copy, tensor) !== undefined,
    onTensor: (tensor, values) => {
      const path = tensor.producer?.path ?? '';
      const { channelAxis: axis = -1 } = tensor;
      const sums = new MomentAccumulator(axis);
      sums.add(values);
      const means = wanted.get(tensorKey(tensor));
      const shift = sums.distribution().mean.map((mean, channel) => (means?.[channel] ?? NaN) - mean);
      shifts.set(path, [...(shifts.get(path) ?? []), shift]);
      return activated(values, functionFor(copy, tensor), { of: shift, axis });
    },
  });
  return shifts;
}

/** The activation that is left out of the layer which makes the tensor; undefined where none is. */
function functionFor(
  { functions }: LinearCopy,
  { producer }: GraphTensor,
): ((x: number) => number) | undefined {
  return producer && functions.get(producer.path);
}
