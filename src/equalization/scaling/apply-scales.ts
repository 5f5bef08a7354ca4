import { biasOf, setBias } from '../../model/bias.ts';
import { scaleKernel } from '../../model/channels.ts';
import type { Layer } from '../../model/layer.ts';
import type { WeightName } from '../../model/layer-weights.ts';
import { dividedStatistics, keepStatistics, statisticsBehind } from '../../model/statistics.ts';
import { Tensor } from '../../tensor/tensor.ts';
import type { ScalableLayer } from '../channels/channel-graph.ts';

/**
 * Gives a layer the factors of what it reads and writes: `W' = W s_in / s_out`, `b' = b / s_out`; for a batch norm
 * `mean' = mean / s_in`, `gamma' = gamma s_in / s_out`, `beta' = beta / s_out`; for a cap `maxima' = maxima / s`.
 *
 * @param scales by class: tensors of the class are divided by it
 */
export function applyScales({ layer, inputs, between, outputs }: ScalableLayer, scales: Float64Array): void {
  const read = Float64Array.from(inputs, (at) => scales[at] ?? 1);
  const written = Float64Array.from(outputs, (at) => scales[at] ?? 1);
  // With factors in gamma a batch norm no longer tells its distribution by itself.
  if (layer.operation.kind === 'batchNorm') layer.statistics = statisticsBehind(layer, undefined);
  const { operation } = layer;
  if (operation.kind === 'cap') {
    layer.operation = { ...operation, maxima: quotient(operation.maxima, written).map(Math.fround) };
    return;
  }
  const edit = (): void => {
    if (operation.kind === 'batchNorm') scaleBatchNorm(layer, read, written);
    else scaleWeighted(layer, read, between && Float64Array.from(between, (at) => scales[at] ?? 1), written);
  };
  keepStatistics(layer, edit, (statistics) => dividedStatistics(statistics, written));
}

function scaleWeighted(
  layer: Layer,
  read: Float64Array,
  between: Float64Array | undefined,
  written: Float64Array,
): void {
  if (isScaled(read)) scaleKernel(layer, 'input', read);
  if (between && isScaled(between)) {
    const depthwise = layer.requireWeight('depthwiseKernel');
    layer.setWeight('depthwiseKernel', depthwise.scaled('pairs', between.map(reciprocal)));
    layer.setWeight('pointwiseKernel', layer.requireWeight('pointwiseKernel').scaled('rows', between));
  }
  if (!isScaled(written)) return;
  scaleKernel(layer, 'output', written.map(reciprocal));
  if (layer.weight('bias')) setBias(layer, quotient(biasOf(layer), written));
}

function scaleBatchNorm(layer: Layer, read: Float64Array, written: Float64Array): void {
  const multiply = (name: WeightName, factors: Float64Array): void => {
    const tensor = layer.weight(name);
    if (!tensor || !isScaled(factors)) return;
    const values = tensor.toFloat64().map((value, channel) => value * (factors[channel] ?? 1));
    layer.setWeight(name, Tensor.fromNumbers(tensor.dtype, tensor.shape, values));
  };
  multiply('movingMean', read.map(reciprocal));
  multiply('gamma', quotient(read, written));
  multiply('beta', written.map(reciprocal));
}

function isScaled(factors: Float64Array): boolean {
  return factors.some((factor) => factor !== 1);
}

function reciprocal(value: number): number {
  return 1 / value;
}

function quotient(values: Float64Array, divisors: Float64Array): Float64Array {
  return values.map((value, channel) => value / (divisors[channel] ?? 1));
}
