/**
 * Biases that make up for what quantizing kernels does to the means of outputs.
 *
 * @module
 */

import { outerTaps, type TapMeans } from '../../kernels/tap-response.ts';
import { channelCount, weightFault } from '../../model/channels.ts';
import { buildGraph, firstKernelCalls, type Graph } from '../../model/graph.ts';
import type { Layer } from '../../model/layer.ts';
import type { Model } from '../../model/model.ts';
import type { Tell } from '../../model/progress.ts';
import { faultReason, type SkipReason } from '../../model/skip-reason.ts';
import type { WeightQuantizer } from '../../quantization/quantizer.ts';
import type { ActivationMoments } from '../moments/activation-moments.ts';
import { quantizationShift } from '../noise/kernel-response.ts';
import { kernelTaps } from '../noise/kernel-taps.ts';
import { type KernelErrors, type KernelQuantizer, kernelErrors } from '../noise/quantized-kernels.ts';
import { shiftedBatchNorms, shiftOutput } from './output-shift.ts';

/** A layer whose bias was corrected. */
export interface CorrectedBias {
  /** {@link Layer.path}. */
  readonly layer: string;
  /** What was added to the bias, `[output channels]`, or with the factors of {@link batchNorms} to their beta. */
  readonly shift: Float64Array;
  /** The paths of the batch norms behind a layer without a bias whose beta was corrected; empty where the bias was. */
  readonly batchNorms: readonly string[];
  /** The largest size of a shift. */
  readonly largestShift: number;
  /** Whether the layer had no bias before. */
  readonly isNew: boolean;
  /** Whether sizes are unknown, so that the image was taken to have no borders. */
  readonly ignoresBorders: boolean;
}

/** What bias correction did, in the order of the graph. */
export interface BiasCorrectionRecord {
  readonly corrected: readonly CorrectedBias[];
  /** For each other layer with a kernel why its bias stays. */
  readonly left: readonly SkipReason[];
}

/**
 * Corrects the bias of every convolution and Dense for a weight quantizer Q: `b[o] -= sum over k, i of (Q(W) - W) E[x_i]`,
 * so that with its kernels quantized the model has the mean outputs that it has with float kernels (Nagel et al. 2019,
 * section 4.2). Edits `model`; its kernels stay as they are, and biases are not to be quantized to 8 bits.
 *
 * Where a kernel reaches past a border, each of its positions counts with the share of outputs at which it lies on the input.
 * A layer without a bias has the beta of the batch norms behind it corrected, or gets a bias where there are none; one with
 * several calls is corrected for their average. To correct a model again, start
 * from the one before.
 *
 * @param quantizer what the kernels will be quantized with, as `fakeQuantize` does it, or what each becomes
 * @param moments those of `model` or of the one that it was made from
 * @param onProgress called with the number of layers that were corrected, and of all
 * @throws RangeError where the quantizer contradicts itself.
 */
export function correctBias(
  model: Model,
  quantizer: WeightQuantizer | KernelQuantizer,
  moments: ActivationMoments,
  onProgress: Tell = () => {},
): BiasCorrectionRecord {
  const meansOf: MeansOf = (graph, layer) => {
    const calls: CallMeans[] = [];
    for (const call of graph.callsOf(layer)) {
      const { source, shares, isExact } = kernelTaps(call);
      const mean = moments.of(source)?.mean;
      if (mean?.length !== channelCount(layer, 'input')) {
        return { end: moments.endOf(source) ?? source.producer?.path ?? 'the input' };
      }
      calls.push({ taps: outerTaps(shares, mean), isExact });
    }
    return calls;
  };
  return correctWith(model, quantizer, meansOf, onProgress);
}

/** The mean of what each position of a kernel meets in a call. */
export interface CallMeans {
  readonly taps: TapMeans;
  readonly isExact: boolean;
}

/** The means in the calls of a layer; `end` is the layer behind which they are not known. */
export type MeansOf = (graph: Graph, layer: Layer) => readonly CallMeans[] | { readonly end: string };

/** Corrects biases from the means that `meansOf` gives for the calls of a layer. */
export function correctWith(
  model: Model,
  quantizer: WeightQuantizer | KernelQuantizer,
  meansOf: MeansOf,
  onProgress: Tell = () => {},
): BiasCorrectionRecord {
  const errorsOf = kernelErrors(quantizer);
  const graph = buildGraph(model);
  const corrected: CorrectedBias[] = [];
  const left: SkipReason[] = [];
  const calls = [...firstKernelCalls(graph)];
  for (const [index, { layer, path }] of calls.entries()) {
    onProgress(index, calls.length);
    const fault = weightFault(layer);
    const means = fault ? [] : meansOf(graph, layer);
    if (fault) left.push({ ...faultReason([path], path, fault), edit: 'correct' });
    else if ('end' in means) {
      left.push({ code: 'unknown-input', edit: 'correct', layers: [path], end: means.end });
    } else corrected.push(correctLayer(graph, layer, errorsOf, means));
  }
  return { corrected, left };
}

function correctLayer(
  graph: Graph,
  layer: Layer,
  errorsOf: KernelErrors,
  calls: readonly CallMeans[],
): CorrectedBias {
  const shift = quantizationShift(layer, averageTaps(calls), errorsOf).map((mean) => 0 - mean);
  const ignoresBorders = calls.some(({ isExact }) => !isExact);
  return correctedBias(graph, layer, shift, ignoresBorders);
}

/** Adds a shift to what a layer computes. */
export function correctedBias(
  graph: Graph,
  layer: Layer,
  shift: Float64Array,
  ignoresBorders: boolean,
): CorrectedBias {
  const found = shiftedBatchNorms(graph, layer);
  const isNew = found.length === 0 && layer.weight('bias') === undefined;
  shiftOutput(layer, found, shift);
  const largestShift = shift.reduce((most, one) => Math.max(most, Math.abs(one)), 0);
  const batchNorms = found.map(({ path }) => path);
  return { layer: layer.path, shift, batchNorms, largestShift, isNew, ignoresBorders };
}

/** What the positions of a kernel meet in all the calls of a layer together. */
function averageTaps(calls: readonly CallMeans[]): TapMeans {
  const [first, ...others] = calls.map(({ taps }) => taps);
  if (!first) throw new RangeError('no calls to average');
  if (others.length === 0) return first;
  const values = first.values.map(
    (value, at) => others.reduce((sum, taps) => sum + (taps.values[at] ?? NaN), value) / calls.length,
  );
  return { ...first, values };
}
