/**
 * Which channels of a model share a factor, and which layers write and read them.
 *
 * Every tensor of the flat graph has a class for each of its channels. Operations f with f(s x) = s f(x) join those of what
 * they read and write; a layer with a kernel has classes of its own on either side, because its weights take the factors of
 * both. What no factor goes through closes the classes that it touches.
 *
 * @module
 */

import {
  batchNormChannels,
  batchNormFault,
  isIdentityBatchNorm,
  isNegatingBatchNorm,
} from '../../model/batch-norm.ts';
import { axisFromEnd, readsChannels } from '../../model/channel-axes.ts';
import { channelCount, weightFault } from '../../model/channels.ts';
import { buildGraph, type Graph, type GraphCall, type GraphTensor } from '../../model/graph.ts';
import type { Layer } from '../../model/layer.ts';
import type { Model } from '../../model/model.ts';
import {
  type Activation,
  activationName,
  activationOf,
  type BatchNormOperation,
  isHomogeneous,
  isWeighted,
  type MergeKind,
  type WeightedOperation,
} from '../../model/operation.ts';
import { channelsBehindReshape } from '../../model/reshaped-channels.ts';
import type { RegionBorder } from '../../model/skip-reason.ts';
import { changesNothing, usesBatchStatistics } from '../../model/training.ts';
import { largestOf } from '../../tensor/extremes.ts';
import type { ChannelClasses } from './channel-classes.ts';
import { TensorChannels } from './tensor-channels.ts';

/** A layer that takes factors: one with a kernel, a batch norm that stays, or a cap. */
export interface ScalableLayer {
  readonly layer: Layer;
  readonly path: string;
  /** The class of each channel that it reads. */
  readonly inputs: Int32Array;
  /** SeparableConv: of each channel between its two kernels. */
  readonly between: Int32Array | undefined;
  /** Of each channel that it writes. */
  readonly outputs: Int32Array;
}

/** A ReLU with a maximum that factors went through: afterwards each of its channels needs a maximum of its own. */
export interface BoundedActivation {
  readonly call: GraphCall;
  readonly maxValue: number;
  /** The class of each channel. */
  readonly channels: Int32Array;
}

/** The channels of a model. */
export interface ChannelGraph {
  readonly graph: Graph;
  readonly classes: ChannelClasses<RegionBorder>;
  /** In the order of the graph; a shared layer stands here once. */
  readonly layers: readonly ScalableLayer[];
  readonly bounded: readonly BoundedActivation[];
  /** The classes of a tensor's channels; undefined where its channels are not known. */
  channelsOf(tensor: GraphTensor): Int32Array | undefined;
}

/** What factors go through. */
export interface ChannelGraphOptions {
  /** Whether they go through ReLUs with a maximum, which then has to be scaled as well. */
  readonly throughBounded?: boolean;
}

/** Finds the classes of the channels of `model`. */
export function channelGraph(model: Model, options: ChannelGraphOptions = {}): ChannelGraph {
  const graph = buildGraph(model);
  return new Builder(graph, options.throughBounded === true).build();
}

class Builder {
  readonly #graph: Graph;
  readonly #throughBounded: boolean;
  readonly #tensors = new TensorChannels();
  readonly #classes: ChannelClasses<RegionBorder> = this.#tensors.classes;
  readonly #layers = new Map<Layer, ScalableLayer>();
  readonly #bounded: BoundedActivation[] = [];

  constructor(graph: Graph, throughBounded: boolean) {
    this.#graph = graph;
    this.#throughBounded = throughBounded;
  }

  build(): ChannelGraph {
    const { inputs, calls, outputs, model } = this.#graph;
    for (const tensor of inputs) {
      this.#tensors.close(tensor, { code: 'model-input', layer: tensor.producer?.path ?? model.name });
    }
    for (const call of calls) {
      const closing = this.#visit(call);
      if (closing) this.#close(call, closing);
    }
    for (const tensor of outputs) {
      this.#tensors.close(tensor, { code: 'model-output', layer: tensor.producer?.path ?? model.name });
    }
    return {
      graph: this.#graph,
      classes: this.#classes,
      layers: [...this.#layers.values()],
      bounded: this.#bounded,
      channelsOf: (tensor) => this.#tensors.of(tensor),
    };
  }

  /** Joins what the call keeps together; returns why factors end there where they do. */
  #visit(call: GraphCall): RegionBorder | undefined {
    const { operation } = call.layer;
    const takesSeveral = operation.kind === 'merge' || operation.kind === 'concatenate';
    if (call.outputs.length > 1 || (call.inputs.length !== 1 && !takesSeveral)) return closedAsLayer(call);
    switch (operation.kind) {
      case 'conv':
      case 'convTranspose':
      case 'depthwiseConv':
      case 'separableConv':
      case 'dense':
        return this.#visitWeighted(call, operation);
      case 'batchNorm':
        return this.#visitBatchNorm(call, operation);
      case 'activation':
        return this.#visitActivation(call, operation.activation);
      case 'steps':
        return this.#pass(call);
      case 'identity':
        return changesNothing(call) ? this.#pass(call) : { code: 'training-mode', layer: call.path };
      case 'pool':
      case 'zeroPadding':
      case 'cropping':
      case 'upSampling':
        return readsChannels(call) ? this.#pass(call) : { code: 'layout', layer: call.path };
      case 'cap':
        // `min(x, c) / s = min(x / s, c / s)`: the maxima take the factors as weights do.
        return this.#enter(call);
      case 'flatten':
      case 'reshape':
      case 'permute':
      case 'slice':
        return this.#visitReshape(call);
      case 'rescaling':
        return operation.offset.every((shift) => shift === 0) ? this.#pass(call) : closedAsLayer(call);
      case 'merge':
        return this.#visitMerge(call, operation.merge);
      case 'concatenate':
        return this.#visitConcatenate(call, operation.axis);
      case 'input':
      case 'model':
      case 'opaque':
        return closedAsLayer(call);
    }
  }

  /** Closes all that the call reads and writes, and the weights of its layer. */
  #close(call: GraphCall, closing: RegionBorder): void {
    for (const tensor of [...call.inputs, ...call.outputs]) this.#tensors.close(tensor, closing);
    const { operation } = call.layer;
    if (isWeighted(operation) || operation.kind === 'batchNorm' || operation.kind === 'cap') {
      this.#closeLayer(this.#entryOf(call), closing);
    }
  }

  #closeLayer({ inputs, between, outputs }: ScalableLayer, closing: RegionBorder): void {
    for (const side of [inputs, between ?? [], outputs]) this.#classes.close(side, closing);
  }

  /** The layer of a call with classes of its own, which all its calls share as they share its weights. */
  #entryOf({ layer, path }: GraphCall): ScalableLayer {
    const known = this.#layers.get(layer);
    if (known) return known;
    const { operation } = layer;
    const count = (side: 'input' | 'output'): number => {
      if (operation.kind === 'cap') return operation.maxima.length;
      return isWeighted(operation) ? channelCount(layer, side) : batchNormChannels(layer);
    };
    const inputs = this.#classes.add(count('input'));
    const between =
      operation.kind === 'separableConv'
        ? this.#classes.add(inputs.length * operation.depthMultiplier)
        : undefined;
    const entry = { layer, path, inputs, between, outputs: this.#classes.add(count('output')) };
    this.#layers.set(layer, entry);
    // The batch norm of a cap in stock layers stays one with the same factor on both sides, and does not cut in two what was one
    // region.
    if (operation.kind === 'cap' || isNegatingBatchNorm(layer)) {
      this.#classes.joinAll(entry.inputs, entry.outputs);
    }
    const where = faultyWeight(layer);
    if (where !== undefined) this.#closeLayer(entry, { code: 'weights', layer: path, where });
    return entry;
  }

  /** A layer with a kernel: the factors of both its sides go into its weights. */
  #visitWeighted(call: GraphCall, operation: WeightedOperation): RegionBorder | undefined {
    const closing = this.#enter(call);
    if (!closing) this.#throughActivation(call, activationOf(operation), this.#entryOf(call).outputs);
    return closing;
  }

  /** A batch norm that stays is an affine map a channel: its statistics take the factor before, gamma and beta that behind. */
  #visitBatchNorm(call: GraphCall, operation: BatchNormOperation): RegionBorder | undefined {
    const { layer, path } = call;
    if (usesBatchStatistics(call)) return { code: 'training-mode', layer: path };
    if (isIdentityBatchNorm(layer)) return this.#pass(call);
    if (!operation.scale) return { code: 'no-gamma', layer: path };
    return this.#enter(call);
  }

  /** A layer that takes factors: it reads the classes of one of its sides and writes those of the other. */
  #enter(call: GraphCall): RegionBorder | undefined {
    const { inputs, outputs } = this.#entryOf(call);
    if (!readsChannels(call) || !this.#tensors.join(call.inputs[0] as GraphTensor, inputs)) {
      return { code: 'layout', layer: call.path };
    }
    this.#tensors.set(call.output(), outputs);
    return undefined;
  }

  #visitActivation(call: GraphCall, activation: Activation): RegionBorder | undefined {
    const closing = this.#pass(call);
    const made = this.#tensors.of(call.output());
    if (made) this.#throughActivation(call, activation, made);
    return closing;
  }

  #throughActivation(call: GraphCall, activation: Activation, channels: Int32Array): void {
    if (isHomogeneous(activation)) return;
    // What is put behind the layer in a TimeDistributed would stand outside of it.
    const isBoundable = this.#throughBounded && call.layer === call.call.layer;
    if (!isBoundable || activation.kind !== 'relu' || activation.threshold !== 0) {
      const border = {
        code: 'activation',
        layer: call.path,
        activation: activationName(activation),
      } as const;
      this.#classes.close(channels, border);
      return;
    }
    // A call inside of a nested model that is used several times has one maximum for all its uses.
    const other = this.#bounded.find((one) => one.call.call === call.call);
    if (other) this.#classes.joinAll(other.channels, channels);
    this.#bounded.push({ call, maxValue: activation.maxValue ?? Infinity, channels });
  }

  /** An operation that keeps channels apart. */
  #pass(call: GraphCall): RegionBorder | undefined {
    const read = this.#tensors.of(call.inputs[0]);
    if (!read) return { code: 'layout', layer: call.path };
    this.#tensors.set(call.output(), read);
    return undefined;
  }

  #visitReshape(call: GraphCall): RegionBorder | undefined {
    const read = this.#tensors.of(call.inputs[0]);
    const found = channelsBehindReshape(call);
    if (!read || !found || read.length !== call.inputs[0]?.channels)
      return { code: 'layout', layer: call.path };
    const { kind, length, places } = found;
    const made = this.#classes.add(length);
    places.forEach((place, index) => {
      const [channel, target] = kind === 'fan-out' ? [place, index] : [index, place];
      this.#classes.join(read[channel] as number, made[target] as number);
    });
    this.#tensors.set(call.output(), made);
    return undefined;
  }

  /** All merges but products keep a factor that all of their tensors have. */
  #visitMerge(call: GraphCall, merge: MergeKind): RegionBorder | undefined {
    if (call.constants.length > 0) return closedAsLayer(call);
    const operands = this.#operands(call);
    if (!operands) return { code: 'layout', layer: call.path };
    if (merge === 'multiply') return this.#visitProduct(call, operands);
    const most = largestOf(operands.map(({ length }) => length));
    if (operands.some(({ length }) => length !== most && length !== 1)) {
      return { code: 'layout', layer: call.path };
    }
    const made = this.#classes.add(most);
    for (const operand of operands) {
      // One channel that is added to all of them binds them together.
      for (let channel = 0; channel < most; channel++) {
        this.#classes.join(made[channel] as number, operand[operand.length === 1 ? 0 : channel] as number);
      }
    }
    this.#tensors.set(call.output(), made);
    return undefined;
  }

  /** A product of which one operand keeps its scale, as a gate does, has the factors of the other. */
  #visitProduct(call: GraphCall, operands: readonly Int32Array[]): RegionBorder | undefined {
    const [one, other, ...more] = operands;
    if (!one || !other || more.length > 0 || one.length !== other.length) return closedAsLayer(call);
    const isClosed = (channels: Int32Array): boolean =>
      channels.every((at) => this.#classes.causeOf(at) !== undefined);
    const free = isClosed(other) ? one : isClosed(one) ? other : undefined;
    if (!free) return closedAsLayer(call);
    this.#tensors.set(call.output(), free);
    return undefined;
  }

  #visitConcatenate(call: GraphCall, axis: number): RegionBorder | undefined {
    if (call.constants.length > 0) return closedAsLayer(call);
    const operands = this.#operands(call);
    if (!operands) return { code: 'layout', layer: call.path };
    const [first, ...others] = operands;
    const { channelAxis, shape } = call.output();
    if (axisFromEnd(axis, shape?.length) === channelAxis) {
      this.#tensors.set(call.output(), Int32Array.from(operands.flatMap((operand) => [...operand])));
      return undefined;
    }
    if (others.some(({ length }) => length !== first.length)) return { code: 'layout', layer: call.path };
    for (const other of others) this.#classes.joinAll(first, other);
    this.#tensors.set(call.output(), first);
    return undefined;
  }

  /** The channels of all that a call reads; undefined where they are not known, or on different axes. */
  #operands({ inputs }: GraphCall): readonly [Int32Array, ...Int32Array[]] | undefined {
    const [{ channelAxis, shape }] = inputs as readonly [GraphTensor];
    const isAlike = (tensor: GraphTensor): boolean =>
      tensor.channelAxis === channelAxis && tensor.shape?.length === shape?.length;
    const [first, ...others] = inputs.flatMap((tensor) => this.#tensors.of(tensor) ?? []);
    const isKnown = first && others.length + 1 === inputs.length && shape !== undefined;
    return isKnown && inputs.every(isAlike) ? [first, ...others] : undefined;
  }
}

/** The weight with which a layer cannot be scaled, and the place in it. */
function faultyWeight(layer: Layer): string | undefined {
  if (isWeighted(layer.operation)) return weightFault(layer)?.where;
  const fault = layer.operation.kind === 'batchNorm' ? batchNormFault(layer) : undefined;
  return fault && 'channel' in fault ? `movingVariance, channel ${fault.channel}` : fault?.where;
}

function closedAsLayer({ path, layer }: GraphCall): RegionBorder {
  return { code: 'layer', layer: path, className: layer.className };
}
