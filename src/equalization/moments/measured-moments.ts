/**
 * What flows through a model for given inputs: moments of all tensors, or of what layers write that no batch norm tells of.
 *
 * @module
 */

import { buildGraph, firstKernelCalls, type GraphTensor, tensorKey } from '../../model/graph.ts';
import type { Model } from '../../model/model.ts';
import { type ModelRunner, watchedRunner } from '../../model/model-runner.ts';
import { asStage, type WatchOptions } from '../../model/progress.ts';
import { isFloat } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { ActivationMoments, activationMoments } from './activation-moments.ts';
import { linearCopy, linearMoments } from './linear-copy.ts';
import { MomentSums } from './moment-sums.ts';

/** How moments are measured. */
export interface MeasureMomentsOptions {
  /** Samples that go through the model at a time; see `RunOptions`. */
  readonly batchSize?: number;
  /** Which tensors are measured; all where it is left out. */
  readonly wantsTensor?: (tensor: GraphTensor) => boolean;
}

/**
 * The moments of what flows through `model` when it computes the outputs of `inputs`, over samples and positions. For models
 * that came folded, of which no batch norm tells anything.
 *
 * @param inputs one tensor for each input of the model, with the samples as its first dimension
 * @throws CannotRunError and RangeError as {@link ModelRunner.run} does.
 */
export async function measureMoments(
  model: Model,
  runner: ModelRunner,
  inputs: readonly Tensor[],
  options: MeasureMomentsOptions = {},
): Promise<ActivationMoments> {
  const { batchSize, wantsTensor = () => true } = options;
  const sums = new MomentSums();
  await runner.run(model, inputs, {
    ...(batchSize === undefined ? {} : { batchSize }),
    wantsTensor,
    onTensor: (tensor, values) => {
      if (!isFloat(values.dtype)) return undefined;
      sums.add(tensorKey(tensor), tensor, values);
      return undefined;
    },
  });
  return new ActivationMoments(sums.distributions());
}

/** With what statistics are measured: the stage `measure`. */
export interface MeasuredStatisticsOptions extends WatchOptions {
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
  { runner: given, inputs, ...watch }: MeasuredStatisticsOptions,
): Promise<string[]> {
  const runner = watchedRunner(given, asStage(watch, 'measure'));
  const copy = linearCopy(model);
  const wanted = unknownLayers(model).filter((path) => copy.functions.has(path));
  if (wanted.length === 0) return [];
  const measured = await linearMoments(copy, runner, inputs, ({ producer }) =>
    producer && wanted.includes(producer.path) ? producer.path : undefined,
  );
  for (const [path, { mean, variance }] of measured) model.layer(path).statistics = { mean, variance };
  return [...measured.keys()];
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
