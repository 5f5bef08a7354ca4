/**
 * Means and second moments of what flows through a model, as far as its batch norms tell them.
 *
 * @module
 */

import { readsChannels } from '../../model/channel-axes.ts';
import {
  buildGraph,
  type Graph,
  type GraphCall,
  type GraphTensor,
  keyOf,
  tensorKey,
} from '../../model/graph.ts';
import type { Model } from '../../model/model.ts';
import { activationOf, isWeighted } from '../../model/operation.ts';
import { isNormalizing } from '../../model/statistics.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import {
  type ChannelDistribution,
  type ChannelMoments,
  matchedDistribution,
  mixedDistribution,
} from './channel-distribution.ts';
import { inputMoments } from './input-moments.ts';
import { distributionOf, linearDistribution } from './layer-moments.ts';
import { MomentAccumulator } from './moment-sums.ts';

/**
 * How the tensors of a model are distributed, by the calls that make them: that holds for every graph of the model and of its
 * copies. A call inside a nested model that is used several times has the distribution of all its uses together.
 */
export class ActivationMoments {
  readonly #tensors: ReadonlyMap<string, ChannelDistribution>;
  readonly #linear: ReadonlyMap<string, ChannelDistribution>;
  readonly #ends: ReadonlyMap<string, string>;

  /**
   * @param tensors by `tensorKey`
   * @param linear for layers with kernels what stands before their activations, by `tensorKey` of their outputs
   * @param ends for tensors of which nothing is known the paths of the layers at which it is lost
   */
  constructor(
    tensors: ReadonlyMap<string, ChannelDistribution>,
    linear: ReadonlyMap<string, ChannelDistribution> = new Map(),
    ends: ReadonlyMap<string, string> = new Map(),
  ) {
    this.#tensors = tensors;
    this.#linear = linear;
    this.#ends = ends;
  }

  /** The distribution of a tensor; undefined where it is not known. */
  of(tensor: GraphTensor): ChannelDistribution | undefined {
    return this.#tensors.get(tensorKey(tensor));
  }

  /** The distribution of the first output of a layer, in its `call`th call, by its path. */
  ofLayer(path: string, call = 0): ChannelDistribution | undefined {
    return this.#tensors.get(keyOf(path, call, 0));
  }

  /**
   * What stands before the activation of a call, fused into its layer or a layer by itself; the same for both, and for a
   * layer without an activation what it writes.
   */
  before(call: GraphCall): ChannelMoments | undefined {
    const { operation, statistics } = call.layer;
    if (operation.kind === 'activation') return call.input && this.of(call.input);
    if (activationOf(operation).kind === 'linear') return this.of(call.output());
    return this.#linear.get(tensorKey(call.output())) ?? statistics;
  }

  /** The layer behind which nothing is known any more, for a tensor without moments; an input of the model by its path. */
  endOf(tensor: GraphTensor): string | undefined {
    return this.#ends.get(tensorKey(tensor));
  }

  /** Number of tensors that are known. */
  get size(): number {
    return this.#tensors.size;
  }
}

/** What is known besides the model. */
export interface ActivationMomentsOptions {
  /** One tensor for each input of the model, whose moments are taken; without them those of inputs are estimated. */
  readonly inputs?: readonly Tensor[];
  /** Only the moments of what kernels read, and of what those are computed from; all of them where it is left out. */
  readonly ofKernelInputs?: boolean;
}

/**
 * The moments of all tensors, without data: what a batch norm writes, or a layer that one was folded into, is normal with
 * beta and gamma for its mean and deviation, and what it reads has its moving statistics. From there the moments are pushed
 * through the graph, with values of different tensors and channels taken for independent and those of neighbouring positions
 * for somewhat alike (Nagel et al. 2019, section 4.2, and Clark 1961 for maxima). Behind a layer that is not known nothing is, up to the next batch norm.
 *
 * What no layer tells in front, such as an input of the model, is estimated from the statistics of the layer that reads it,
 * where there are clearly more outputs than inputs and they agree; not where inputs are given.
 *
 * The moments behind zero padding are those of what is padded. `Layer.statistics` has what folding left.
 *
 * @throws RangeError where the number of inputs is not that of the model.
 */
export function activationMoments(model: Model, options: ActivationMomentsOptions = {}): ActivationMoments {
  const graph = buildGraph(model);
  const walk = new MomentWalk(graph);
  if (options.inputs) walk.giveInputs(options.inputs);
  else walk.estimateInputs();
  for (const call of options.ofKernelInputs ? callsBeforeKernels(graph) : graph.calls) walk.visit(call);
  return walk.result();
}

/** The calls behind which a kernel stands, in one of their uses. */
function callsBeforeKernels({ calls }: Graph): GraphCall[] {
  const wanted = new Set<string>();
  return calls
    .toReversed()
    .filter(({ inputs, outputs, layer }) => {
      const isWanted = outputs.some((tensor) => wanted.has(tensorKey(tensor)));
      if (isWanted || isWeighted(layer.operation)) for (const tensor of inputs) wanted.add(tensorKey(tensor));
      return isWanted;
    })
    .reverse();
}

class MomentWalk {
  readonly #graph: Graph;
  readonly #known = new Map<GraphTensor, ChannelDistribution>();
  readonly #linear = new Map<GraphTensor, ChannelDistribution>();
  /** The moving statistics of the batch norms that read a tensor: better than anything computed. */
  readonly #read: ReadonlyMap<GraphTensor, ChannelDistribution>;
  readonly #ends = new Map<GraphTensor, string>();
  #isGiven = false;

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#read = readStatistics(graph);
  }

  estimateInputs(): void {
    for (const tensor of this.#graph.inputs) {
      this.#set(tensor, undefined, tensor.producer?.path ?? 'the input');
    }
  }

  giveInputs(inputs: readonly Tensor[]): void {
    if (inputs.length !== this.#graph.inputs.length) {
      throw new RangeError(`${inputs.length} inputs for a model with ${this.#graph.inputs.length}`);
    }
    this.#isGiven = true;
    for (const [index, tensor] of this.#graph.inputs.entries()) {
      const sums = new MomentAccumulator(tensor.channelAxis);
      sums.add(inputs[index] as Tensor);
      this.#known.set(tensor, sums.distribution());
    }
  }

  visit(call: GraphCall): void {
    if (call.inputs.length === 0) return;
    const lookup = (tensor: GraphTensor): ChannelDistribution | undefined => this.#known.get(tensor);
    const linear = isWeighted(call.layer.operation) ? linearDistribution(call, lookup) : undefined;
    if (linear) this.#linear.set(call.output(), linear);
    const made = distributionOf(call, call.inputs.map(lookup), linear);
    const lost = call.inputs.find((tensor) => !this.#known.has(tensor));
    const end = (lost && this.#ends.get(lost)) ?? call.path;
    this.#set(call.output(), made, end);
    for (const tensor of call.outputs.slice(1)) this.#set(tensor, undefined, call.path);
  }

  #set(tensor: GraphTensor, computed: ChannelDistribution | undefined, end: string): void {
    const read = this.#read.get(tensor);
    // What is computed from statistics of its own keeps its shape.
    const made =
      read && computed && computed.mean.length === read.mean.length
        ? matchedDistribution(read.mean, read.variance, computed)
        : (read ?? computed ?? this.#estimated(tensor));
    if (made) this.#known.set(tensor, made);
    else this.#ends.set(tensor, end);
  }

  #estimated(tensor: GraphTensor): ChannelDistribution | undefined {
    const found = this.#isGiven ? undefined : inputMoments(this.#graph, tensor);
    return found && matchedDistribution(found.mean, found.variance);
  }

  result(): ActivationMoments {
    const ends = new Map([...this.#ends].map(([tensor, end]) => [tensorKey(tensor), end]));
    return new ActivationMoments(mixedByKey(this.#known), mixedByKey(this.#linear), ends);
  }
}

/** By {@link tensorKey}. */
function mixedByKey(known: ReadonlyMap<GraphTensor, ChannelDistribution>): Map<string, ChannelDistribution> {
  const lists = new Map<string, ChannelDistribution[]>();
  for (const [tensor, one] of known) {
    const key = tensorKey(tensor);
    lists.set(key, [...(lists.get(key) ?? []), one]);
  }
  return new Map([...lists].map(([key, list]) => [key, mixedDistribution(list)]));
}

/** What batch norms in their places tell of their inputs. */
function readStatistics(graph: Graph): Map<GraphTensor, ChannelDistribution> {
  const found = new Map<GraphTensor, ChannelDistribution>();
  for (const call of graph.calls) {
    const { layer, input } = call;
    // One that was scaled has statistics of its own, and a moving variance that is not that of its input.
    if (
      !input ||
      !readsChannels(call) ||
      layer.operation.kind !== 'batchNorm' ||
      layer.statistics ||
      !isNormalizing(layer)
    )
      continue;
    const isShared = graph.callsOf(layer).length > 1;
    if (isShared || found.has(input)) continue;
    const mean = layer.requireWeight('movingMean').toFloat64();
    const variance = layer.requireWeight('movingVariance').toFloat64();
    found.set(input, matchedDistribution(mean, variance));
  }
  return found;
}
