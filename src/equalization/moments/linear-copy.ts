import { weightFault } from '../../model/channels.ts';
import { buildGraph, type GraphTensor } from '../../model/graph.ts';
import type { Model } from '../../model/model.ts';
import type { ModelRunner } from '../../model/model-runner.ts';
import { activationName, activationOf, isWeighted, LINEAR } from '../../model/operation.ts';
import { faultReason, type SkipReason } from '../../model/skip-reason.ts';
import { allocate, type FloatValues } from '../../tensor/dtype.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { activationFunction } from './activation-rules.ts';
import type { ChannelDistribution } from './channel-distribution.ts';
import { MomentSums } from './moment-sums.ts';

/**
 * A copy of a model whose layers with kernels stop short of their activations, so that what they compute can be seen and
 * shifted in between. Whoever runs it puts {@link activated} in the place of each output.
 */
export interface LinearCopy {
  readonly model: Model;
  /** The layers with kernels by their paths, and what is left out in each. */
  readonly functions: ReadonlyMap<string, (x: number) => number>;
  readonly left: readonly SkipReason[];
  /** What is left out in the layer that makes a tensor; undefined where nothing is. */
  functionOf(tensor: GraphTensor): ((x: number) => number) | undefined;
}

/** Makes the copy; layers whose weights are faulty or whose activations are not known stay as they are. */
export function linearCopy(original: Model): LinearCopy {
  const model = original.clone();
  const graph = buildGraph(model);
  const functions = new Map<string, (x: number) => number>();
  const left: SkipReason[] = [];
  for (const call of graph.calls) {
    const { layer, owner, path } = call;
    const { operation } = layer;
    if (!isWeighted(operation) || graph.callsOf(layer)[0] !== call) continue;
    const fault = weightFault(layer);
    const activation = activationOf(operation);
    // Nobody asks what becomes of an output that nothing reads, which often is a softmax.
    const isLast = graph.callsOf(layer).every(({ outputs }) => outputs.every(isUnread));
    const f = isLast ? identity : activationFunction(activation, owner.dialect);
    if (fault) left.push({ ...faultReason([path], path, fault), edit: 'correct' });
    else if (!f) {
      const name = activationName(activation);
      left.push({ code: 'unknown-activation', edit: 'correct', layers: [path], activation: name });
    } else {
      layer.operation = { ...operation, activation: LINEAR };
      functions.set(path, f);
    }
  }
  return { model, functions, left, functionOf: ({ producer }) => producer && functions.get(producer.path) };
}

/** Runs the copy, and takes the moments of what its layers with kernels write before their activations, by key. */
export async function linearMoments(
  copy: LinearCopy,
  runner: ModelRunner,
  inputs: readonly Tensor[],
  keyOf: (tensor: GraphTensor) => string | undefined,
): Promise<Map<string, ChannelDistribution>> {
  const sums = new MomentSums();
  await runner.run(copy.model, inputs, {
    wantsTensor: (tensor) => copy.functionOf(tensor) !== undefined,
    onTensor: (tensor, values) => {
      const key = keyOf(tensor);
      if (key !== undefined) sums.add(key, tensor, values);
      return activated(values, copy.functionOf(tensor), undefined);
    },
  });
  return sums.distributions();
}

function isUnread({ consumers }: GraphTensor): boolean {
  return consumers.length === 0;
}

function identity(x: number): number {
  return x;
}

/** `f(x + shift[c])` of each value, the axis of the channels counted from the end; undefined where that is x. */
export function activated(
  values: Tensor,
  f: ((x: number) => number) | undefined,
  shift: { readonly of: Float64Array; readonly axis: number } | undefined,
): Tensor | undefined {
  if (!f || (f === identity && !shift)) return undefined;
  const made = allocate(values.dtype, values.size) as FloatValues;
  const { of = Float64Array.of(0), axis = -1 } = shift ?? {};
  const inner = values.shape
    .slice(values.shape.length + axis + 1)
    .reduce((product, size) => product * size, 1);
  for (const { start, values: block } of values.blocks()) {
    let channel = Math.floor(start / inner) % of.length;
    let left = inner - (start % inner);
    for (let index = 0; index < block.length; index++) {
      made[start + index] = f(((block as FloatValues)[index] as number) + (of[channel] as number));
      if (--left > 0) continue;
      left = inner;
      channel = channel + 1 === of.length ? 0 : channel + 1;
    }
  }
  return Tensor.of(values.dtype, values.shape, made);
}
