/**
 * Statistics of layers that no batch norm tells of, from given inputs.
 *
 * @module
 */

import { buildGraph, firstKernelCalls, type GraphTensor } from '../../model/graph.ts';
import type { Model } from '../../model/model.ts';
import type { ModelRunner } from '../../model/model-runner.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { activationMoments } from './activation-moments.ts';
import { activated, linearCopy } from './linear-copy.ts';
import { MomentAccumulator } from './moment-sums.ts';

/** With what statistics are measured. */
export interface MeasuredStatisticsOptions {
  readonly runner: ModelRunner;
  /** One tensor for each input of the model, with the samples as its first dimension. */
  readonly inputs: readonly Tensor[];
}

/**
 * Gives the layers with kernels of whose outputs nothing is known the statistics that they have on given inputs, over samples
 * and positions: for a model that came folded, so that biases can be absorbed, and kernels rounded by the moments of what
 * they read. Edits `model`, but no weight of it.
 *
 * Takes a run, and none where everything is known. What a layer writes that nothing reads is left alone, and so is one whose
 * activation is not known.
 *
 * @returns the paths of the layers that were measured.
 * @throws CannotRunError and RangeError as {@link ModelRunner.run} does.
 */
export async function measureStatistics(
  model: Model,
  { runner, inputs }: MeasuredStatisticsOptions,
): Promise<string[]> {
  const copy = linearCopy(model);
  const wanted = unknownLayers(model).filter((path) => copy.functions.has(path));
  if (wanted.length === 0) return [];
  const functionFor = ({ producer }: GraphTensor): ((x: number) => number) | undefined =>
    producer && copy.functions.get(producer.path);
  const sums = new Map<string, MomentAccumulator>();
  await runner.run(copy.model, inputs, {
    wantsTensor: (tensor) => functionFor(tensor) !== undefined,
    onTensor: (tensor, values) => {
      const path = tensor.producer?.path ?? '';
      if (wanted.includes(path)) {
        const known = sums.get(path) ?? new MomentAccumulator(tensor.channelAxis);
        sums.set(path, known);
        known.add(values);
      }
      return activated(values, functionFor(tensor), undefined);
    },
  });
  for (const [path, one] of sums) {
    const { mean, variance } = one.distribution();
    model.layer(path).statistics = { mean, variance };
  }
  return [...sums.keys()];
}

function unknownLayers(model: Model): string[] {
  const moments = activationMoments(model);
  const graph = buildGraph(model);
  return firstKernelCalls(graph).flatMap(({ layer, path }) => {
    const outputs = graph.callsOf(layer).map((call) => call.output());
    const isRead = outputs.some(({ consumers }) => consumers.length > 0);
    return isRead && outputs.some((tensor) => moments.of(tensor) === undefined) ? [path] : [];
  });
}
