/**
 * What quantizing each kernel of a model does to its outputs.
 *
 * @module
 */

import { type KernelInputs, type KernelPieces, responseMoments } from '../../kernels/response-moments.ts';
import { channelCount, inputIndex, kernelNames, outputIndex, weightFault } from '../../model/channels.ts';
import type { GraphCall } from '../../model/graph.ts';
import type { Layer, WeightName } from '../../model/layer.ts';
import type { Model } from '../../model/model.ts';
import type { WeightQuantizer } from '../../quantization/quantizer.ts';
import type { FloatValues } from '../../tensor/dtype.ts';
import { firstKernelCalls } from '../biases/bias-correction.ts';
import { type ChannelGraph, channelGraph } from '../channels/channel-graph.ts';
import type { ActivationMoments } from '../moments/activation-moments.ts';
import { balancedSensitivity } from './balanced-sensitivity.ts';
import { kernelSource, kernelTaps } from './kernel-taps.ts';
import { ALIKE, type OutputSensitivity, throughKernel } from './output-sensitivity.ts';
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
  const channels = channelGraph(model);
  const surroundings = { channels, moments, sensitivity: balancedSensitivity(channels, moments) };
  const kernels = firstKernelCalls(channels.graph)
    .filter(({ layer }) => !weightFault(layer))
    .flatMap(({ layer }) => kernelNames(layer).map((name) => ({ layer, name })))
    .map((kernel) => ({ ...kernel, uses: usesOf(kernel, surroundings) }));
  return (quantizer, { corrected = false } = {}) => {
    const errorsOf = kernelErrors(quantizer);
    return kernels.map((kernel) => noiseOf(kernel, errorsOf, corrected));
  };
}

interface Surroundings {
  readonly channels: ChannelGraph;
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
  readonly heard: Float64Array;
  readonly isRead: boolean;
  readonly isHeard: boolean;
}

function noiseOf(
  { layer, name, uses }: Kernel & { readonly uses: readonly KernelUse[] },
  errorsOf: KernelErrors,
  corrected: boolean,
): KernelNoise {
  const isCorrected = corrected && uses.every(({ isRead }) => isRead);
  const kernel = layer.requireWeight(name);
  const indices = indicesOf(layer, name);
  const errors = uses.map(({ inputs }) =>
    responseMoments(kernel, valuesOf(errorsOf(layer, name)), indices, inputs, ALIKE),
  );
  let damage = 0;
  for (const [use, { heard }] of uses.entries()) {
    for (const [channel, weight] of heard.entries()) {
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
    isKnown: uses.every(({ isRead, isHeard }) => isRead && isHeard),
  };
}

function* valuesOf(errors: ReturnType<KernelErrors>): KernelPieces {
  for (const { start, errors: values } of errors) yield { start, values };
}

function usesOf({ layer, name }: Kernel, surroundings: Surroundings): KernelUse[] {
  return surroundings.channels.graph.callsOf(layer).map((call) => {
    const { heard, isHeard } = heardOf(call, surroundings.sensitivity);
    const { inputs, isRead } = readBy(call, surroundings.moments);
    if (layer.operation.kind !== 'separableConv') return { inputs, heard, isRead, isHeard };
    if (name === 'depthwiseKernel') {
      const behind = throughKernel(layer, 'pointwiseKernel', SINGLE, heard);
      return { inputs, heard: behind, isRead, isHeard };
    }
    return { inputs: { shares: SINGLE, ...behindDepthwise(layer, inputs) }, heard, isRead, isHeard };
  });
}

/** One position, which every output sees. */
const SINGLE = Float64Array.of(1);

function readBy(call: GraphCall, moments: ActivationMoments): { inputs: KernelInputs; isRead: boolean } {
  const source = kernelSource(call);
  const { shares } = kernelTaps(call, source);
  const channels = channelCount(call.layer, 'input');
  const known = moments.of(source.tensor);
  return known?.mean.length === channels
    ? { inputs: { shares, mean: known.mean, variance: known.variance }, isRead: true }
    : { inputs: { shares, mean: new Float64Array(channels), variance: ones(channels) }, isRead: false };
}

function heardOf(call: GraphCall, sensitivity: OutputSensitivity): { heard: Float64Array; isHeard: boolean } {
  const channels = channelCount(call.layer, 'output');
  const known = sensitivity.get(call);
  return known?.length === channels
    ? { heard: known, isHeard: true }
    : { heard: ones(channels), isHeard: false };
}

function ones(channels: number): Float64Array {
  return new Float64Array(channels).fill(1);
}

/** What stands between the two kernels of a SeparableConv. */
function behindDepthwise(layer: Layer, inputs: KernelInputs): { mean: Float64Array; variance: Float64Array } {
  const kernel = layer.requireWeight('depthwiseKernel');
  const pieces = kernel.blocks() as Iterable<{ start: number; values: FloatValues }>;
  return responseMoments(kernel, pieces, indicesOf(layer, 'depthwiseKernel'), inputs, ALIKE);
}

function indicesOf(layer: Layer, name: WeightName): Parameters<typeof responseMoments>[2] {
  return { input: inputIndex(layer), output: outputIndex(layer, name) };
}
