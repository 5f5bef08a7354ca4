/**
 * The reference's search for layers that can be scaled together: chains of convolutions through ReLU, PReLU, identity
 * batch norms and zero padding.
 *
 * It finds what the reference means to find (every depthwise triple) and stops where the reference walks on and changes
 * the function: at bounded and saturating activations, Dense and Separable layers, and outputs of the model.
 *
 * @module
 */

import { InvalidModelError } from '../errors.ts';
import { isIdentityBatchNorm } from '../model/batch-norm.ts';
import { readsChannels } from '../model/channel-axes.ts';
import { channelCount, weightFault } from '../model/channels.ts';
import {
  buildGraph,
  firstKernelCalls,
  type Graph,
  type GraphCall,
  type GraphTensor,
} from '../model/graph.ts';
import { kerasQuantizedReasons } from '../model/keras-quantized.ts';
import type { Layer } from '../model/layer.ts';
import type { Model } from '../model/model.ts';
import {
  activationName,
  activationOf,
  isConvolution,
  isHomogeneous,
  isPlainRelu,
  isWeighted,
} from '../model/operation.ts';
import { faultReason, type SkipReason } from '../model/skip-reason.ts';
import { usesBatchStatistics } from '../model/training.ts';
import type { StepOptions } from './pass.ts';

/** Two convolutions, or three with a depthwise in the middle, that are scaled together. */
export type ClsSet = readonly [Layer, Layer] | readonly [Layer, Layer, Layer];

/** Whether a ReLU stands between the layers of a set: one for a pair, two for a triple. */
export type ReluFlags = boolean | readonly [boolean, boolean];

/** A set with whether a ReLU or PReLU stands behind the first (and the second) of its layers. */
export interface FoundClsSet {
  readonly layers: ClsSet;
  readonly paths: readonly string[];
  /** One for a pair, two for a triple. */
  readonly reluBetween: readonly boolean[];
}

/** The flags of a set as the reference passes them: one alone for a pair, two for a triple. */
export function reluFlagsOf({ reluBetween: [first = false, second] }: FoundClsSet): ReluFlags {
  return second === undefined ? first : [first, second];
}

/** A convolution and the one that reads it. */
interface Link {
  readonly from: GraphCall;
  readonly to: GraphCall;
  readonly relu: boolean;
}

/**
 * The sets of a model: chain after chain in the order of their first layers, as the reference lists them.
 *
 * @throws InvalidModelError where a layer reads another number of channels than the one before it writes.
 */
export function findClsSets(model: Model, options: StepOptions = {}): FoundClsSet[] {
  const graph = buildGraph(model);
  const links = new Map<GraphCall, Link>();
  const skipped = kerasQuantizedReasons(model);
  for (const call of firstKernelCalls(graph)) {
    const next = linkOfLayer(graph, call);
    if ('link' in next) links.set(call, next.link);
    else skipped.push(next.reason);
  }
  const targets = new Set([...links.values()].map(({ to }) => to));
  const starts = firstKernelCalls(graph).filter((call) => !targets.has(call));
  const sets = starts.flatMap((start) => [...setsOfChain(start, links, skipped)]);
  const scaled = new Set(sets.flatMap(({ paths }) => paths));
  for (const reason of skipped) {
    // A layer that is scaled with what stands before it has its verdict.
    if (!scaled.has(reason.layers[0] ?? '')) options.onSkip?.(reason);
  }
  return sets;
}

/** Cuts a chain into pairs and triples, as the reference slides over it. */
function* setsOfChain(
  start: GraphCall,
  links: ReadonlyMap<GraphCall, Link>,
  skipped: SkipReason[],
): Generator<FoundClsSet> {
  let first = start;
  for (let link = links.get(first); link !== undefined; link = links.get(first)) {
    const second = link.to;
    const behind = links.get(second);
    if (isDepthwise(first) && isDepthwise(second)) {
      skipped.push({ code: 'consecutive-depthwise', layers: [first.path, second.path] });
      first = second;
    } else if (behind && isPlainDepthwise(second) && !isDepthwise(behind.to)) {
      yield setOf([first, second, behind.to], [link.relu, behind.relu]);
      first = behind.to;
    } else {
      yield setOf([first, second], [link.relu]);
      first = second;
    }
  }
}

function setOf(calls: readonly GraphCall[], reluBetween: readonly boolean[]): FoundClsSet {
  return {
    layers: calls.map((call) => call.layer) as unknown as ClsSet,
    paths: calls.map((call) => call.path),
    reluBetween,
  };
}

function isDepthwise(call: GraphCall): boolean {
  return call.layer.operation.kind === 'depthwiseConv';
}

/** A depthwise layer with as many outputs as inputs: only then does one factor go through it. */
function isPlainDepthwise(call: GraphCall): boolean {
  const { operation } = call.layer;
  return operation.kind === 'depthwiseConv' && operation.depthMultiplier === 1;
}

/**
 * The link from a layer, by its first call, to the one behind it. Layers that are called several times have to go in step: each
 * call of the one leads to one of the other, in the same way, and no call leads elsewhere.
 */
function linkOfLayer(graph: Graph, call: GraphCall): { link: Link } | { reason: SkipReason } {
  const calls = graph.callsOf(call.layer);
  const found = calls.map(followingConvolution);
  const links = found.flatMap((one) => ('link' in one ? [one.link] : []));
  const [first] = links;
  if (!first || links.length < calls.length) {
    const refused = found.find((one) => 'reason' in one);
    const isShared = !refused || calls.length > 1;
    return isShared
      ? { reason: { code: 'shared-layer', layers: [call.path], calls: calls.length } }
      : refused;
  }
  const targets = new Set(links.map(({ to }) => to));
  const readers = graph.callsOf(first.to.layer);
  const goInStep = targets.size === readers.length && readers.every((reader) => targets.has(reader));
  if (!goInStep || links.some(({ relu }) => relu !== first.relu)) {
    const layers = calls.length > 1 ? [call.path] : [call.path, first.to.path];
    return { reason: { code: 'shared-layer', layers, calls: Math.max(calls.length, readers.length) } };
  }
  return { link: { ...first, from: call, to: readers[0] as GraphCall } };
}

/** The convolution that alone reads `call`, through layers that scaling can cross, or why there is none. */
function followingConvolution(call: GraphCall): { link: Link } | { reason: SkipReason } {
  const fault = layerFault(call);
  if (fault) return { reason: fault };
  const fused = activationOf(call.layer.operation);
  if (!isHomogeneous(fused)) return { reason: activationReason(call, call) };
  let relu = fused.kind === 'prelu' || isPlainRelu(fused);
  let tensor: GraphTensor = call.output();
  for (;;) {
    const reader = tensor.consumers[0];
    if (!reader) return { reason: { code: 'no-partner', layers: [call.path] } };
    const layers = [call.path, reader.path];
    if (tensor.isModelOutput) return { reason: { code: 'model-output', layers } };
    if (tensor.consumers.length > 1) {
      return {
        reason: {
          code: 'several-consumers',
          layers,
          consumers: tensor.consumers.slice(1).map(({ path }) => path),
        },
      };
    }
    const entered = enteredModel(tensor, reader);
    if (entered !== undefined) return { reason: { code: 'nested-model', layers, model: entered } };
    if (isWeighted(reader.layer.operation)) {
      const reason = layerFault(reader);
      if (reason) return { reason: { ...reason, layers: [call.path, ...reason.layers] } };
      if (!readsChannels(reader)) return { reason: { code: 'data-format', layers } };
      checkChannels(call, reader);
      return { link: { from: call, to: reader, relu } };
    }
    if (reader.layer.operation.kind === 'zeroPadding' && !readsChannels(reader)) {
      return { reason: { code: 'data-format', layers } };
    }
    const step = crossLayer(reader);
    if ('reason' in step) return { reason: step.reason(call) };
    relu ||= step.relu;
    tensor = reader.output();
  }
}

/** Nothing that lies between the two changes the number of channels. */
function checkChannels(from: GraphCall, to: GraphCall): void {
  const written = channelCount(from.layer, 'output');
  const read = channelCount(to.layer, 'input');
  if (written === read) return;
  throw new InvalidModelError(
    to.path,
    `its weights read ${read} channels, but ${from.path} writes ${written}; the two are not ` +
      'of the same model: save it again',
  );
}

/** Why a layer can be in no set: its kind, a weight that is no number. */
function layerFault(call: GraphCall): SkipReason | undefined {
  const { layer } = call;
  const layers = [call.path];
  if (!isConvolution(layer.operation) || layer.operation.kind === 'separableConv') {
    return { code: 'layer-kind', layers, className: layer.className };
  }
  const fault = weightFault(layer);
  return fault && faultReason(layers, call.path, fault);
}

/** Whether scaling crosses the layer, and whether it counts as the ReLU of the pair. */
function crossLayer(reader: GraphCall): { relu: boolean } | { reason: (from: GraphCall) => SkipReason } {
  const { operation, className } = reader.layer;
  const stop = {
    reason: (from: GraphCall): SkipReason => ({
      code: 'layer-between',
      layers: [from.path],
      between: `${reader.path} (${className})`,
    }),
  };
  switch (operation.kind) {
    case 'zeroPadding':
      return { relu: false };
    case 'batchNorm':
      return isIdentityBatchNorm(reader.layer) && !usesBatchStatistics(reader) ? { relu: false } : stop;
    case 'activation': {
      const { activation } = operation;
      if (!isHomogeneous(activation)) return { reason: (from) => activationReason(from, reader) };
      // The reference crosses ReLU and PReLU layers, whatever the slope, but no LeakyReLU and no operators.
      const isRelu = className === 'ReLU' || (className === 'Activation' && isPlainRelu(activation));
      return isRelu || className === 'PReLU' ? { relu: true } : stop;
    }
    default:
      return stop;
  }
}

function activationReason(from: GraphCall, at: GraphCall): SkipReason {
  return {
    code: 'activation-between',
    layers: [from.path],
    between: `${at.path} (${at.layer.className})`,
    activation: activationName(activationOf(at.layer.operation)),
  };
}

/** The nested model that a tensor enters on its way to `reader`; undefined where it stays in its own. */
function enteredModel(tensor: GraphTensor, reader: GraphCall): string | undefined {
  const index = reader.inputs.indexOf(tensor);
  const local = reader.call.inputs[index];
  const enters = tensor.producer !== undefined && local !== undefined && reader.owner.inputs.includes(local);
  return enters && tensor.producer.owner !== reader.owner ? reader.owner.name : undefined;
}
