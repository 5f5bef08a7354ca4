/**
 * What the rest of the package asks of something that runs models; `verification/` has the one over TF.js.
 *
 * @module
 */

import { Tensor } from '../tensor/tensor.ts';
import type { GraphTensor } from './graph.ts';
import type { Model } from './model.ts';
import { type WatchOptions, watchOf } from './progress.ts';

/** How a model is run. A runner tells of the stage `run`, and looks at the signal between batches. */
export interface RunOptions extends WatchOptions {
  /** Samples that go through the model at a time; as many as memory for activations
   * allows where it is left out, 8 at most. */
  readonly batchSize?: number;
  /** Which tensors {@link onTensor} sees; all where it is left out. Copying one out of the backend takes time. */
  readonly wantsTensor?: (tensor: GraphTensor) => boolean;
  /**
   * Called with every tensor that flows through the model, inputs first, once for each batch. `values` has the batch as
   * its first dimension and holds only during the call. What it returns goes on in its place.
   */
  readonly onTensor?: (tensor: GraphTensor, values: Tensor) => Tensor | undefined;
}

/** Something that runs models. */
export interface ModelRunner {
  /**
   * The outputs of `model` for `inputs`, one tensor for each input of the model with the samples as its first dimension.
   *
   * @throws CannotRunError where the model has a layer that it cannot run; RangeError where the inputs do not fit the
   * model.
   */
  run(model: Model, inputs: readonly Tensor[], options?: RunOptions): Promise<Tensor[]>;
}

/** `runner` with whom it tells and who may end it, where a run does not say. */
export function watchedRunner(runner: ModelRunner, watch: WatchOptions): ModelRunner {
  return {
    run: (model, inputs, options = {}) =>
      runner.run(model, inputs, { ...options, ...watchOf(options, watch) }),
  };
}

/**
 * Checks what a model is run by and on, for callers without types.
 *
 * @throws TypeError where `runner` runs nothing, or `inputs` is no list of Tensors.
 */
export function checkRunnerArguments(runner: unknown, inputs: unknown): void {
  const runs = typeof runner === 'object' && runner !== null && 'run' in runner;
  if (!runs || typeof runner.run !== 'function') {
    const isSwapped = isTensors(runner) && typeof inputs === 'object' && inputs !== null && 'run' in inputs;
    throw new TypeError(
      `the runner: expected a ModelRunner, such as await TfjsRunner.create()${
        isSwapped ? ', and the inputs behind it; the two are swapped' : ''
      }`,
    );
  }
  if (isTensors(inputs)) return;
  throw new TypeError('the inputs: expected a list with a Tensor for each input of the model');
}

function isTensors(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => one instanceof Tensor);
}
