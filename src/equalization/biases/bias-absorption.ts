/**
 * Biases moved past ReLUs where that leaves the function as it is.
 *
 * @module
 */

import { biasOf, setBias } from '../../model/bias.ts';
import { readsChannels } from '../../model/channel-axes.ts';
import { channelCount, constantResponse, weightFault } from '../../model/channels.ts';
import { buildGraph, firstKernelCalls, type Graph, type GraphCall } from '../../model/graph.ts';
import type { Layer, LayerStatistics } from '../../model/layer.ts';
import type { Model } from '../../model/model.ts';
import {
  activationName,
  activationOf,
  isConvolution,
  isPlainRelu,
  isWeighted,
} from '../../model/operation.ts';
import { faultReason, type SkipReason } from '../../model/skip-reason.ts';
import { keepStatistics, shiftedStatistics } from '../../model/statistics.ts';
import { changesNothing } from '../../model/training.ts';
import type { Pass } from '../../primitives/pass.ts';
import { type ActivationQuantizer, checkActivationQuantizer } from '../../quantization/quantizer.ts';
import {
  type ExpectedRange,
  expectedMaxima,
  expectedRange,
  quantizedWidth,
} from '../moments/expected-range.ts';

/** A bias that was moved. Layers by their paths. */
export interface AbsorbedBias {
  readonly from: string;
  readonly into: string;
  /** What the output of `from` is smaller by, `[channels]`; 0 where nothing was moved. */
  readonly amounts: Float64Array;
  /** In how many channels something was. */
  readonly channels: number;
  /**
   * Whether a ReLU stands between: the function is the same only as long as the output stays above the amount, which is three
   * deviations below its mean.
   */
  readonly throughRelu: boolean;
  /** What the output of `from`, behind the ReLU if there is one, was expected to range over, and now is. */
  readonly expectedRange: { readonly before: ExpectedRange; readonly after: ExpectedRange };
}

/** What {@link absorbBiases} did. */
export interface AbsorptionRecord {
  readonly absorbed: readonly AbsorbedBias[];
  /** For each other layer with a kernel why its bias stays; those for which there is nothing to move are left out. */
  readonly left: readonly SkipReason[];
}

/** How many deviations below its mean an output is taken to stay. */
const DEVIATIONS = 3;

/** The share of a range that has to be gained: a hundredth is 0.1 dB, and less is not worth a change of the function. */
const LEAST_GAIN = 0.01;

/** How biases are absorbed. */
export interface AbsorbOptions {
  /**
   * What activations will be quantized with. With it a bias is moved only where the range that is expected of the tensor, mean
   * +- 6 deviations over all channels and from 0 behind a ReLU, becomes smaller by it; and through a ReLU only as much of it as
   * that takes, in the channels that decide the range.
   */
  readonly activations?: ActivationQuantizer;
}

/**
 * Takes what is always there in the output of a layer out of its bias and into that of the next, so that its activations need
 * a smaller range: `c = max(0, mean - 3 deviation)` where a ReLU stands between, else `c = mean`; `b1 -= c` and
 * `b2 += sum over k, i of W2 c` (Nagel et al. 2019, section 4.1.3). Edits `model`.
 *
 * Only where the next layer sees the shift at every position of its kernel: it adds no padding, and none stands between. The
 * distribution is that of {@link Layer.statistics}, which folding a batch norm leaves.
 *
 * @throws RangeError where the quantizer is none.
 */
export function absorbBiases(model: Model, { activations }: AbsorbOptions = {}): AbsorptionRecord {
  if (activations) checkActivationQuantizer(activations);
  const graph = buildGraph(model);
  const absorbed: AbsorbedBias[] = [];
  const left: SkipReason[] = [];
  for (const call of firstKernelCalls(graph)) {
    const found = findReceiver(graph, call);
    if ('reason' in found) {
      left.push({ ...found.reason, edit: 'absorb' });
      continue;
    }
    const { receiver, throughRelu } = found;
    const most = absorbable(found.statistics, throughRelu);
    if (most.every((amount) => amount === 0)) continue;
    const { amounts, before, after } = plannedMove(found, most, activations);
    if (activations && !isSmaller(after, before, activations)) {
      const layers = [call.path, receiver.path];
      left.push({ code: 'no-smaller-range', edit: 'absorb', layers, before, after });
      continue;
    }
    move(call.layer, receiver, amounts);
    absorbed.push({
      from: call.path,
      into: receiver.path,
      amounts,
      channels: amounts.filter((amount) => amount !== 0).length,
      throughRelu,
      expectedRange: { before, after },
    });
  }
  return { absorbed, left };
}

/**
 * {@link absorbBiases} as a pass. Through a ReLU the function is not quite kept, so that no proof undoes it.
 *
 * ```ts
 * await runPasses(model, [foldPass(), absorbPass({ activations })]);
 * ```
 */
export function absorbPass(options: AbsorbOptions = {}): Pass<'absorb', Pick<AbsorptionRecord, 'absorbed'>> {
  return {
    name: 'absorb',
    keepsFunction: false,
    run(model, { onSkip }) {
      const { absorbed, left } = absorbBiases(model, options);
      for (const reason of left) onSkip(reason);
      return { absorbed };
    },
  };
}

interface Receiver {
  readonly receiver: Layer;
  readonly statistics: LayerStatistics;
  readonly throughRelu: boolean;
}

/** The layer that can take the bias of `call`, or why none can. */
function findReceiver(graph: Graph, call: GraphCall): Receiver | { readonly reason: SkipReason } {
  const { layer, path } = call;
  if (graph.callsOf(layer).length > 1) return { reason: shared(graph, [path], call) };
  let throughRelu = false;
  let activation = activationOf(layer.operation);
  for (let tensor = call.output(), before = call; ; ) {
    if (activation.kind !== 'linear' && !isPlainRelu(activation)) {
      return {
        reason: {
          code: 'activation-between',
          layers: [path],
          between: before.path,
          activation: activationName(activation),
        },
      };
    }
    throughRelu ||= activation.kind === 'relu';
    const [reader, ...others] = tensor.consumers;
    const layers = reader ? [path, reader.path] : [path];
    if (tensor.isModelOutput || !reader) return { reason: { code: 'model-output', layers } };
    if (others.length > 0) {
      return { reason: { code: 'several-consumers', layers, consumers: others.map((one) => one.path) } };
    }
    const { operation } = reader.layer;
    if (isWeighted(operation)) return receiverOf(graph, call, reader, throughRelu);
    if (operation.kind === 'zeroPadding') return { reason: { code: 'padding', layers, padding: 'zeros' } };
    const passes = operation.kind === 'activation' || operation.kind === 'pool' || changesNothing(reader);
    if (!passes || reader.inputs.length > 1 || graph.callsOf(reader.layer).length > 1) {
      return { reason: { code: 'layer-between', layers: [path], between: reader.path } };
    }
    if (!readsChannels(reader)) return { reason: { code: 'data-format', layers } };
    activation = activationOf(operation);
    before = reader;
    tensor = reader.output();
  }
}

function receiverOf(
  graph: Graph,
  call: GraphCall,
  reader: GraphCall,
  throughRelu: boolean,
): Receiver | { readonly reason: SkipReason } {
  const { layer } = reader;
  const { operation } = layer;
  const layers = [call.path, reader.path];
  if (graph.callsOf(layer).length > 1) return { reason: shared(graph, layers, reader) };
  for (const one of [call, reader]) {
    const fault = weightFault(one.layer);
    if (fault) return { reason: faultReason(layers, one.path, fault) };
  }
  if (isConvolution(operation)) {
    const isSingle = operation.kernelSize.every((size) => size === 1);
    if (operation.kind === 'convTranspose' && !(isSingle && operation.strides.every((step) => step === 1))) {
      return { reason: { code: 'transposed-convolution', layers } };
    }
    if (operation.padding !== 'valid' && !isSingle) {
      return { reason: { code: 'padding', layers, padding: operation.padding } };
    }
  }
  const { statistics } = call.layer;
  const channels = channelCount(call.layer, 'output');
  if (statistics?.mean.length !== channels) return { reason: { code: 'no-batch-norm', layers } };
  if (channelCount(layer, 'input') !== channels || !readsChannels(reader)) {
    return { reason: { code: 'data-format', layers } };
  }
  return { receiver: layer, statistics, throughRelu };
}

function shared(graph: Graph, layers: readonly string[], { layer }: GraphCall): SkipReason {
  return { code: 'shared-layer', layers, calls: graph.callsOf(layer).length };
}

/** What is to be moved, and the expected range without and with it. */
interface PlannedMove {
  readonly amounts: Float64Array;
  readonly before: ExpectedRange;
  readonly after: ExpectedRange;
}

function plannedMove(
  { statistics, throughRelu }: Receiver,
  most: Float64Array,
  activations: ActivationQuantizer | undefined,
): PlannedMove {
  const amounts = activations && throughRelu ? needed(statistics, most) : most;
  return {
    amounts,
    before: expectedRange(statistics, throughRelu),
    after: expectedRange(shiftedStatistics(statistics, amounts, -1), throughRelu),
  };
}

function absorbable({ mean, variance }: LayerStatistics, throughRelu: boolean): Float64Array {
  if (!throughRelu) return mean;
  return mean.map((value, channel) => Math.max(0, value - DEVIATIONS * Math.sqrt(variance[channel] ?? 0)));
}

/** The least of the shifts that makes the range as small as all of them do: behind a ReLU less is nearer to the function. */
function needed(statistics: LayerStatistics, most: Float64Array): Float64Array {
  const maxima = expectedMaxima(statistics);
  const reached = maxima.reduce((max, value, channel) => Math.max(max, value - (most[channel] ?? 0)), 0);
  return most.map((amount, channel) => Math.min(amount, Math.max(0, (maxima[channel] ?? NaN) - reached)));
}

function isSmaller(after: ExpectedRange, before: ExpectedRange, { symmetric }: ActivationQuantizer): boolean {
  return quantizedWidth(after, symmetric) < (1 - LEAST_GAIN) * quantizedWidth(before, symmetric);
}

function move(from: Layer, into: Layer, amounts: Float64Array): void {
  const response = constantResponse(into, amounts);
  const lowered = biasOf(from).map((bias, channel) => bias - (amounts[channel] ?? 0));
  const raised = biasOf(into).map((bias, channel) => bias + (response[channel] ?? 0));
  keepStatistics(
    from,
    () => setBias(from, lowered),
    (statistics) => shiftedStatistics(statistics, amounts, -1),
  );
  keepStatistics(into, () => setBias(into, raised));
}
