import type { GraphTensor } from '../../model/graph.ts';
import type { Model } from '../../model/model.ts';
import type { ModelRunner } from '../../model/model-runner.ts';
import { isFloat } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { ActivationMoments, tensorKey } from './activation-moments.ts';
import { MomentAccumulator } from './moment-sums.ts';

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
  const sums = new Map<string, MomentAccumulator>();
  await runner.run(model, inputs, {
    ...(batchSize === undefined ? {} : { batchSize }),
    wantsTensor,
    onTensor: (tensor, values) => {
      if (!isFloat(values.dtype)) return undefined;
      const key = tensorKey(tensor);
      const known = sums.get(key) ?? new MomentAccumulator(tensor.channelAxis);
      sums.set(key, known);
      known.add(values);
      return undefined;
    },
  });
  return new ActivationMoments(new Map([...sums].map(([key, one]) => [key, one.distribution()])));
}
