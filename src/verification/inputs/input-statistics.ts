/**
 * What a model was trained on, as its first batch norm remembers it.
 *
 * @module
 */

import type { GraphCall, GraphTensor } from '../../model/graph.ts';
import type { Layer } from '../../model/layer.ts';
import { activationOf } from '../../model/operation.ts';
import { isFloat } from '../../tensor/dtype.ts';

/** Mean and standard deviation of the values that came into a model in training, all channels together. */
export interface InputStatistics {
  /** {@link Layer.path} of the batch norm that tells. */
  readonly batchNorm: string;
  readonly mean: number;
  readonly deviation: number;
}

/** A filter tells the deviation if its weights add up to this part of their magnitudes: neighbours are alike. */
const SMOOTHING = 0.3;
/** Filters below this part of the largest are dead. */
const DEAD = 1e-3;
/** The filters that smooth most, of which the median is taken. */
const FILTERS = 3;

/**
 * The statistics of `input`, where a convolution reads it whose output goes into a batch norm, or the batch norm itself.
 *
 * The mean of output o is `sum_w(o) * m + bias(o)` wherever the mean m of the input is the same everywhere, so m is the
 * least squares fit over all outputs. A filter that smooths sees neighbours that are alike, as those of photographs are,
 * so its output deviates by about `|sum_w(o)|` times what the input does.
 */
export function inputStatistics(input: GraphTensor): InputStatistics | undefined {
  const reader = firstReader(input);
  if (!reader) return undefined;
  const { layer } = reader;
  if (layer.operation.kind === 'batchNorm') return ofBatchNorm(layer);
  if (layer.operation.kind !== 'conv' || layer.operation.groups !== 1) return undefined;
  if (activationOf(layer.operation).kind !== 'linear') return undefined;
  const norm = reader.output().consumers.find((call) => call.layer.operation.kind === 'batchNorm')?.layer;
  return norm && behindConvolution(layer, norm);
}

const MOVING_KINDS: ReadonlySet<string> = new Set(['input', 'identity', 'zeroPadding', 'cropping']);

/** The call that reads `input` behind layers that only move or drop values, and those that `passes` knows besides. */
export function firstReader(
  input: GraphTensor,
  passes: (layer: Layer) => boolean = () => false,
): GraphCall | undefined {
  let reader = input.consumers[0];
  while (reader && (MOVING_KINDS.has(reader.layer.operation.kind) || passes(reader.layer))) {
    reader = reader.output().consumers[0];
  }
  return reader;
}

function ofBatchNorm(norm: Layer): InputStatistics | undefined {
  const means = numbersOf(norm, 'movingMean');
  const variances = numbersOf(norm, 'movingVariance');
  if (!means || !variances || isUntrained(means, variances)) return undefined;
  const average = (values: Float64Array): number => values.reduce((sum, one) => sum + one, 0) / values.length;
  return finite(norm, average(means), Math.sqrt(average(variances)));
}

function behindConvolution(convolution: Layer, norm: Layer): InputStatistics | undefined {
  const kernel = numbersOf(convolution, 'kernel');
  const means = numbersOf(norm, 'movingMean');
  const variances = numbersOf(norm, 'movingVariance');
  if (!kernel || !means || !variances || means.length !== variances.length) return undefined;
  if (isUntrained(means, variances)) return undefined;
  const biases = numbersOf(convolution, 'bias');
  const outputs = means.length;
  const sums = new Float64Array(outputs);
  const magnitudes = new Float64Array(outputs);
  for (const [index, weight] of kernel.entries()) {
    const output = index % outputs;
    sums[output] = (sums[output] ?? 0) + weight;
    magnitudes[output] = (magnitudes[output] ?? 0) + Math.abs(weight);
  }
  let products = 0;
  let squares = 0;
  for (const [output, sum] of sums.entries()) {
    products += sum * ((means[output] ?? 0) - (biases?.[output] ?? 0));
    squares += sum * sum;
  }
  const largest = magnitudes.reduce((max, one) => Math.max(max, one), 0);
  const smoothing = [...sums.keys()]
    .map((output) => ({
      share: Math.abs(sums[output] ?? 0) / (magnitudes[output] || 1),
      deviation: Math.sqrt(variances[output] ?? 0) / Math.abs(sums[output] ?? 0),
      isLive: (magnitudes[output] ?? 0) > DEAD * largest,
    }))
    .filter(({ share, isLive }) => isLive && share >= SMOOTHING)
    .sort((one, other) => other.share - one.share)
    .slice(0, FILTERS)
    .map(({ deviation }) => deviation)
    .sort((one, other) => one - other);
  return finite(norm, products / squares, smoothing[Math.floor(smoothing.length / 2)] ?? Number.NaN);
}

/** Whether they are what Keras starts with. */
function isUntrained(means: Float64Array, variances: Float64Array): boolean {
  return means.every((mean) => mean === 0) && variances.every((variance) => variance === 1);
}

function numbersOf(
  layer: Layer,
  name: 'kernel' | 'bias' | 'movingMean' | 'movingVariance',
): Float64Array | undefined {
  const tensor = layer.weight(name);
  return tensor && isFloat(tensor.dtype) ? tensor.toFloat64() : undefined;
}

/** Statistics of damaged weights, or of a first layer without a filter that smooths, tell nothing. */
function finite(norm: Layer, mean: number, deviation: number): InputStatistics | undefined {
  if (!Number.isFinite(mean) || !Number.isFinite(deviation) || deviation <= 0) return undefined;
  return { batchNorm: norm.path, mean, deviation };
}
