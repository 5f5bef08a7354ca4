/**
 * Adding a constant to the output channels of a layer.
 *
 * @module
 */

import { affineOf, betaOf } from '../../model/batch-norm.ts';
import { biasOf, setBias } from '../../model/bias.ts';
import type { Graph } from '../../model/graph.ts';
import type { Layer } from '../../model/layer.ts';
import { keepStatistics, shiftedStatistics, statisticsBehind } from '../../model/statistics.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { findCarriers } from '../carriers/carrier-search.ts';

/**
 * The batch norms whose beta takes a shift of a layer's output: those right behind all its calls, where it has no bias, which
 * would be one more weight. None: its bias takes it.
 */
export function shiftedBatchNorms(graph: Graph, layer: Layer): readonly Layer[] {
  if (layer.weight('bias')) return [];
  const found = findCarriers(graph, layer);
  return 'batchNorms' in found ? found.batchNorms : [];
}

/**
 * Adds `shift`, `[output channels]`, to what `layer` computes: to its bias, or `a shift` to beta of the batch norms `a x + d`
 * behind it. It makes up for something, so that statistics are those of the outputs with it.
 */
export function shiftOutput(layer: Layer, batchNorms: readonly Layer[], shift: Float64Array): void {
  const { statistics } = layer;
  if (batchNorms.length === 0) {
    keepStatistics(layer, () => setBias(layer, sum(biasOf(layer), shift)));
    return;
  }
  for (const bn of batchNorms) {
    bn.statistics = statisticsBehind(bn, statistics);
    const { a } = affineOf(bn);
    const added = shift.map((one, channel) => one * (a[channel] ?? 1));
    keepStatistics(bn, () => setBeta(bn, sum(betaOf(bn), added)));
  }
  // What it makes up for comes before the batch norms, and is still in what they read.
  layer.statistics = statistics && shiftedStatistics(statistics, shift, -1);
}

function setBeta(bn: Layer, beta: Float64Array): void {
  const { operation } = bn;
  if (operation.kind !== 'batchNorm') throw new TypeError(`${bn.path} is no BatchNormalization`);
  const { dtype } = bn.requireWeight('movingMean');
  if (!operation.center) bn.operation = { ...operation, center: true };
  bn.setWeight('beta', Tensor.fromNumbers(bn.weight('beta')?.dtype ?? dtype, [beta.length], beta));
}

function sum(values: Float64Array, others: Float64Array): Float64Array {
  return values.map((value, channel) => value + (others[channel] ?? 0));
}
