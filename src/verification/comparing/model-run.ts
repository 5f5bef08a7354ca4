import { buildGraph } from '../../model/graph.ts';
import type { Model } from '../../model/model.ts';
import type { ModelRunner } from '../../model/model-runner.ts';
import type { WatchOptions } from '../../model/progress.ts';
import { isFloat } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { firstSamples } from '../run/samples.ts';
import { type ScoreSource, scoresOf, withLogits } from './logits.ts';

/** What a model made of some inputs, to be compared with what another makes of them. */
export interface ModelRun {
  /** The outputs by the layers that make them; of a layer that makes several, with their index behind a colon. */
  readonly names: readonly string[];
  readonly outputs: readonly Tensor[];
  /** For each output the scores behind it: the logits where it ends in a softmax, else the output itself. */
  readonly scores: readonly Tensor[];
  readonly sources: readonly ScoreSource[];
  /** The first weight with a NaN or an infinity, as `layer/weight`: the outputs may hide it, as WebAssembly's ReLU6 does. */
  readonly faultyWeight: string | undefined;
}

/** What a model is run with and on. */
export interface RecordOptions extends WatchOptions {
  readonly runner: ModelRunner;
  /** One tensor for each input of the model, with the samples as its first dimension. */
  readonly inputs: readonly Tensor[];
  /** Samples that go through a model at a time. */
  readonly batchSize?: number;
}

/** Runs a model for `compareRuns`, with its logits. */
export async function recordRun(
  model: Model,
  { runner, inputs, batchSize, signal, onProgress }: RecordOptions,
): Promise<ModelRun> {
  const { model: extended, sources } = withLogits(model);
  const made = await runner.run(extended, inputs, {
    signal,
    onProgress,
    ...(batchSize === undefined ? {} : { batchSize }),
  });
  return modelRun(model, sources, made);
}

/**
 * What was made of the outputs of `model`.
 *
 * @param made those of `withLogits`, which gave `sources`
 */
export function modelRun(model: Model, sources: readonly ScoreSource[], made: readonly Tensor[]): ModelRun {
  return {
    names: outputNames(model),
    outputs: made.slice(0, sources.length),
    scores: scoresOf(sources, made),
    sources,
    faultyWeight: faultyWeight(model),
  };
}

/** A run of `model` of which nothing but the outputs is known, such as that of a file. */
export function runOfOutputs(model: Model, outputs: readonly Tensor[]): ModelRun {
  return modelRun(
    model,
    outputs.map(() => ({ kind: 'output' }) as const),
    outputs,
  );
}

/** What a run says of the first samples alone. */
export function firstOfRun(run: ModelRun, samples: number): ModelRun {
  const [outputs, scores] = [firstSamples(run.outputs, samples), firstSamples(run.scores, samples)];
  return { ...run, outputs, scores };
}

function outputNames(model: Model): string[] {
  return buildGraph(model).outputs.map(({ producer, index }, position) => {
    const path = producer?.path ?? `output ${position}`;
    return (producer?.outputs.length ?? 1) > 1 ? `${path}:${index}` : path;
  });
}

function faultyWeight(model: Model): string | undefined {
  for (const { layer, path } of model.allLayers()) {
    for (const [name, tensor] of layer.weights) {
      if (isFloat(tensor.dtype) && tensor.firstNonFinitePair() >= 0) return `${path}/${name}`;
    }
  }
  return undefined;
}
