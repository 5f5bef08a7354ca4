/**
 * What quantizing each kernel of a graph does to the outputs of the model, as a function of the factors.
 *
 * @module
 */

import type { KernelInputs } from '../../kernels/response-moments.ts';
import type { Graph, GraphCall } from '../../model/graph.ts';
import type { ScalableLayer } from '../channels/channel-graph.ts';
import type { ActivationMoments } from '../moments/activation-moments.ts';
import { alikeInputs, kernelInputs, layerInputs, layerResponse } from '../noise/kernel-response.ts';
import { kernelSensitivity } from '../noise/kernel-sensitivity.ts';
import { type OutputSensitivity, outputSensitivity } from '../noise/output-sensitivity.ts';
import type { KernelRanges } from './kernel-ranges.ts';
import type { LayerKernel, Region } from './regions.ts';

/**
 * A kernel on a grid over its whole range. Errors are as large for all of its weights, so that they make the noise
 * `range² (sum over i of variance[i] / s_i²) (sum over o of sensitivity[o] s_o²)`, up to a constant; of a depthwise kernel
 * `range² sum over pairs of variance sensitivity (s_o / s_i)²`.
 */
export interface NoiseTerm {
  readonly kind: 'matrix' | 'pairs';
  readonly ranges: KernelRanges;
  /** The class of each channel that it reads, and the variance there, times the positions of the kernel. */
  readonly inputs: Int32Array;
  readonly variances: Float64Array;
  /** The class of each channel that it writes, and the sensitivity of the outputs to it. */
  readonly outputs: Int32Array;
  readonly sensitivities: Float64Array;
  /** False where variances or sensitivities are guesses, in which only channels of one kernel compare. */
  readonly isKnown: boolean;
}

/** A channel counts as no quieter than this part of the average: one that never varies leaves no reason for its factor. */
const QUIET = 1e-9;

/** A term for each kernel of the regions. */
export function noiseTerms(
  regions: readonly Region<LayerKernel>[],
  graph: Graph,
  moments: ActivationMoments,
  sensitivity: OutputSensitivity = outputSensitivity(graph, moments),
): NoiseTerm[] {
  const kernels = new Set(regions.flatMap(({ sources, sinks }) => [...sources, ...sinks]));
  return [...kernels].map((kernel) => noiseTerm(kernel, graph, moments, sensitivity));
}

function noiseTerm(
  { entry, name, sides, ranges }: LayerKernel,
  graph: Graph,
  moments: ActivationMoments,
  sensitivity: OutputSensitivity,
): NoiseTerm {
  const { layer } = entry;
  const { variances, sensitivities, isKnown } = channelsOfKernel(entry, name, graph, moments, sensitivity);
  const kernel = layer.requireWeight(name);
  const varied = audible(variances);
  const heard = audible(sensitivities);
  if (sides.kind === 'pairs') {
    const { inputs, outputs } = sides;
    const multiplier = kernel.columns;
    const ofPairs = Float64Array.from(outputs, (_, pair) => varied[Math.floor(pair / multiplier)] ?? 0);
    return { kind: 'pairs', ranges, inputs, variances: ofPairs, outputs, sensitivities: heard, isKnown };
  }
  const [inputs, outputs] =
    sides.inputs === 'rows' ? [sides.rows, sides.columns] : [sides.columns, sides.rows];
  const firstOutput = sides.inputs === 'rows' ? (sides.firstColumn ?? 0) : 0;
  const group = Math.floor(firstOutput / outputs.length);
  return {
    kind: 'matrix',
    ranges,
    inputs,
    variances: varied.subarray(group * inputs.length, (group + 1) * inputs.length),
    outputs,
    sensitivities: heard.subarray(firstOutput, firstOutput + outputs.length),
    isKnown,
  };
}

/**
 * The variances of what a kernel reads, on average over the calls of its layer, and the sensitivity to what it writes, over all
 * of them: calls that are alike make as much noise as copies of the layer would.
 */
function channelsOfKernel(
  { layer, inputs, between, outputs }: ScalableLayer,
  name: LayerKernel['name'],
  graph: Graph,
  moments: ActivationMoments,
  sensitivity: OutputSensitivity,
): { variances: Float64Array; sensitivities: Float64Array; isKnown: boolean } {
  const variances = new Float64Array((name === 'pointwiseKernel' && between ? between : inputs).length);
  const sensitivities = new Float64Array(outputs.length);
  let isKnown = true;
  const calls = graph.callsOf(layer);
  for (const call of calls) {
    const read = layerInputs(call, (tensor) => moments.of(tensor)) ?? impliedInputs(call, moments);
    const heard = sensitivity.calls.get(call);
    addTo(variances, read && variancesRead(kernelInputs(layer, name, read)));
    addTo(sensitivities, heard);
    isKnown &&= read !== undefined && heard !== undefined;
  }
  for (const [channel, sum] of variances.entries()) variances[channel] = sum / calls.length;
  return { variances, sensitivities: kernelSensitivity(layer, name, sensitivities), isKnown };
}

/** Channels that are alike, and vary such that half of the outputs vary more than they are known to: whatever their scales. */
function impliedInputs(call: GraphCall, moments: ActivationMoments): KernelInputs | undefined {
  const written = moments.before(call)?.variance;
  if (!written) return undefined;
  const alike = alikeInputs(call);
  const response = layerResponse(call.layer, alike).variance;
  const ratios = written.map((variance, channel) => variance / (response[channel] ?? NaN));
  const usable = ratios.filter((ratio) => ratio > 0 && ratio < Infinity).sort();
  const variance = usable[usable.length >> 1];
  return variance === undefined ? undefined : { ...alike, variance: alike.variance.map(() => variance) };
}

/** The variance of what each channel adds up to over the positions of a kernel, if its weights were 1. */
function variancesRead({ shares, variance }: KernelInputs): Float64Array {
  const positions = shares.reduce((sum, share) => sum + share, 0);
  return variance.map((value) => value * positions);
}

/** Nothing known: as if all channels were alike, in units of their own. */
function addTo(sums: Float64Array, values: Float64Array | undefined): void {
  for (let channel = 0; channel < sums.length; channel++) {
    sums[channel] = (sums[channel] ?? 0) + (values ? (values[channel] ?? 0) : 1);
  }
}

function audible(values: Float64Array): Float64Array {
  const average = values.reduce((sum, one) => sum + one, 0) / (values.length || 1);
  return values.map((value) => Math.max(value, QUIET * average) || QUIET);
}
