/**
 * What quantizing each kernel of a model does to its outputs.
 *
 * @module
 */

import { type KernelInputs, responseMoments } from '../../kernels/response-moments.ts';
import { channelCount, kernelIndices, kernelNames, weightFault } from '../../model/channels.ts';
import { buildGraph, firstKernelCalls, type Graph } from '../../model/graph.ts';
import type { Layer } from '../../model/layer.ts';
import type { WeightName } from '../../model/layer-weights.ts';
import type { Model } from '../../model/model.ts';
import type { WeightQuantizer } from '../../quantization/quantizer.ts';
import type { ActivationMoments } from '../moments/activation-moments.ts';
import { ERROR_CORRELATION } from '../moments/neighbour-correlation.ts';
import { alikeInputs, kernelInputs, layerInputs } from './kernel-response.ts';
import { kernelSensitivity } from './kernel-sensitivity.ts';
import { type OutputSensitivity, outputSensitivity } from './output-sensitivity.ts';
import { type KernelErrors, type KernelQuantizer, kernelErrors } from './quantized-kernels.ts';

/** What quantizing one kernel and no other is expected to do. */
export interface KernelNoise {
  readonly layer: Layer;
  readonly name: WeightName;
  /**
   * The expected squared error of the outputs of the model for a sample, before a softmax or sigmoid that they end in: the sum
   * over their channels, the mean over their positions.
   */
  readonly damage: number;
  /** Whether the mean of the error is left out, because the bias takes it. */
  readonly isCorrected: boolean;
  /**
   * False where nothing tells how what the kernel reads varies, or what the outputs make of what it writes: there all channels
   * count as if their variance or their share in the outputs was 1.
   */
  readonly isKnown: boolean;
}

/** What kernels are quantized in. */
export interface KernelNoiseOptions {
  /** Whether biases make up for the means of errors, as `correctBias` has them do; not, where it is left out. */
  readonly corrected?: boolean;
}

/**
 * What each kernel of `model` does to its outputs when a quantizer has it, and no other: the errors `Q(W) - W`, as they are,
 * meet the moments of what the kernel reads, with neighbours that are nearly the same, and go on to the outputs by the
 * sensitivity of these. In the order of the graph; both kernels of a SeparableConv. Kernels with a NaN, an infinite or a whole
 * number, and layers with such a bias, are left out.
 *
 * @param moments those of `model` or of the one that it was made from
 * @param quantizer what the kernels will be quantized with, as `fakeQuantize` does it, or what each becomes
 * @throws RangeError where the quantizer contradicts itself.
 */
export function kernelNoise(
  model: Model,
  moments: ActivationMoments,
  quantizer: WeightQuantizer | KernelQuantizer,
  options: KernelNoiseOptions = {},
): KernelNoise[] {
  return noiseMeter(model, moments)(quantizer, options);
}

/** {@link kernelNoise} of a model for one quantizer after the other; what does not depend on them is found once. */
export function noiseMeter(
  model: Model,
  moments: ActivationMoments,
): (quantizer: WeightQuantizer | KernelQuantizer, options?: KernelNoiseOptions) => KernelNoise[] {
  const graph = buildGraph(model);
  const surroundings = { graph, moments, sensitivity: outputSensitivity(graph, moments) };
  const kernels = firstKernelCalls(graph)
    .filter(({ layer }) => !weightFault(layer))
    .flatMap(({ layer }) => kernelNames(layer).map((name) => ({ layer, name })))
    .map((kernel) => ({ ...kernel, uses: usesOf(kernel, surroundings) }));
  return (quantizer, { corrected = false } = {}) => {
    const errorsOf = kernelErrors(quantizer);
    return kernels.map((kernel) => noiseOf(kernel, errorsOf, corrected));
  };
}

interface Surroundings {
  readonly graph: Graph;
  readonly moments: ActivationMoments;
  readonly sensitivity: OutputSensitivity;
}

interface Kernel {
  readonly layer: Layer;
  readonly name: WeightName;
}

/** A kernel in one call of its layer. */
interface KernelUse {
  readonly inputs: KernelInputs;
  /** The sensitivity of the outputs to what the kernel writes. */
  readonly sensitivity: Float64Array;
  readonly isInputKnown: boolean;
  readonly isOutputKnown: boolean;
}

function noiseOf(
  { layer, name, uses }: Kernel & { readonly uses: readonly KernelUse[] },
  errorsOf: KernelErrors,
  corrected: boolean,
): KernelNoise {
  const isCorrected = corrected && uses.every(({ isInputKnown }) => isInputKnown);
  const kernel = layer.requireWeight(name);
  const indices = kernelIndices(layer, name);
  const errors = uses.map(({ inputs }) =>
    responseMoments(kernel, errorsOf(layer, name), indices, inputs, ERROR_CORRELATION),
  );
  let damage = 0;
  for (const [use, { sensitivity }] of uses.entries()) {
    for (const [channel, weight] of sensitivity.entries()) {
      const taken = isCorrected
        ? errors.reduce((sum, { mean }) => sum + (mean[channel] ?? 0), 0) / uses.length
        : 0;
      const mean = (errors[use]?.mean[channel] ?? 0) - taken;
      damage += weight * (mean ** 2 + (errors[use]?.variance[channel] ?? 0));
    }
  }
  return {
    layer,
    name,
    damage,
    isCorrected,
    isKnown: uses.every(({ isInputKnown, isOutputKnown }) => isInputKnown && isOutputKnown),
  };
}

function usesOf({ layer, name }: Kernel, { graph, moments, sensitivity }: Surroundings): KernelUse[] {
  return graph.callsOf(layer).map((call) => {
    const outputs = channelCount(layer, 'output');
    const behind = sensitivity.calls.get(call);
    const isOutputKnown = behind?.length === outputs;
    const known = layerInputs(call, (tensor) => moments.of(tensor));
    return {
      inputs: kernelInputs(layer, name, known ?? alikeInputs(call)),
      sensitivity: kernelSensitivity(layer, name, isOutputKnown ? behind : new Float64Array(outputs).fill(1)),
      isInputKnown: known !== undefined,
      isOutputKnown,
    };
  });
}
