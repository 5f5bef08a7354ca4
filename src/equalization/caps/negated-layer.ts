import { affineOf, isNegatingBatchNorm } from '../../model/batch-norm.ts';
import { biasOf, setBias } from '../../model/bias.ts';
import { channelCount, scaleKernel } from '../../model/channels.ts';
import type { Graph, GraphCall, GraphTensor } from '../../model/graph.ts';
import type { Layer } from '../../model/layer.ts';
import { activationOf, isHomogeneous, isPlainRelu, isWeighted } from '../../model/operation.ts';
import { keepStatistics } from '../../model/statistics.ts';
import { usesBatchStatistics } from '../../model/training.ts';

/**
 * The layer with a kernel whose output `call` alone reads, and whose weights can therefore be negated. Undefined where there is
 * none: then a layer of its own has to do it.
 *
 * @param channels how many it must write
 */
export function negatableSource(graph: Graph, call: GraphCall, channels: number): Layer | undefined {
  const { input } = call;
  const producer = input?.producer;
  if (!input || !producer || input.isModelOutput || input.consumers.length > 1) return undefined;
  // A nested model keeps its outputs as they are, for whoever uses it alone.
  if (producer.owner !== call.owner || graph.callsOf(producer.layer).length > 1) return undefined;
  const { operation } = producer.layer;
  const isLinear = isWeighted(operation) && operation.activation.kind === 'linear';
  return isLinear && channelCount(producer.layer, 'output') === channels ? producer.layer : undefined;
}

/** Makes a layer that computes `x` compute `shifts[c] - x`, before its fused activation; a bias is made where it has none. */
export function negateOutput(layer: Layer, shifts: Float64Array): void {
  const before = biasOf(layer);
  const bias = shifts.map((shift, channel) => shift - (before[channel] ?? 0));
  const edit = (): void => {
    scaleKernel(layer, 'output', new Float64Array(shifts.length).fill(-1));
    setBias(layer, bias);
  };
  keepStatistics(layer, edit, ({ mean, variance }) => ({
    mean: shifts.map((shift, channel) => shift - (mean[channel] ?? 0)),
    variance,
  }));
}

/**
 * The bias that a layer had before it was negated for a cap, `[channels]`: the batch norm of the cap behind it has the shifts.
 * That of any other layer is the one it has.
 */
export function biasBeforeNegation(graph: Graph, layer: Layer): Float64Array {
  const bias = biasOf(layer);
  const shifts = shiftsOfNegation(graph, layer);
  return shifts ? bias.map((value, channel) => (shifts[channel] ?? 0) - value) : bias;
}

function shiftsOfNegation(graph: Graph, layer: Layer): Float64Array | undefined {
  if (!isPlainRelu(activationOf(layer.operation))) return undefined;
  const caps = graph.callsOf(layer).map((call) => unpairedNegation(call.output()));
  return caps.includes(undefined) ? undefined : caps[0] && affineOf(caps[0]).d;
}

/**
 * The batch norm of a cap that reads a tensor: it negates, and a ReLU layer reads it. Not the first of the two of a cap whose
 * inner ReLU is that layer.
 */
function unpairedNegation(tensor: GraphTensor): Layer | undefined {
  const negation = onlyConsumer(tensor);
  if (!negation || !isNegatingBatchNorm(negation.layer) || usesBatchStatistics(negation)) return undefined;
  const behind = onlyConsumer(negation.output());
  if (behind?.layer.operation.kind !== 'activation') return undefined;
  const { activation } = behind.layer.operation;
  if (activation.kind !== 'relu' || !isHomogeneous(activation)) return undefined;
  const isInner = isPlainRelu(activation) && unpairedNegation(behind.output()) !== undefined;
  return isInner ? undefined : negation.layer;
}

function onlyConsumer({ consumers }: GraphTensor): GraphCall | undefined {
  return consumers.length === 1 ? consumers[0] : undefined;
}
