import type { Graph, GraphTensor } from '../model/graph.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * Checks that there is a tensor for each input of the model, of its shape, and the same number of samples in all.
 *
 * @returns the number of samples.
 * @throws RangeError where they do not fit.
 */
export function checkInputs(graph: Graph, inputs: readonly Tensor[]): number {
  if (inputs.length !== graph.inputs.length) {
    throw new RangeError(
      `${inputs.length} tensors for the ${graph.inputs.length} inputs of ${graph.model.name}; give one for each`,
    );
  }
  const samples = inputs[0]?.shape[0] ?? 0;
  for (const [index, tensor] of inputs.entries()) {
    const expected = graph.inputs[index] as GraphTensor;
    const name = expected.producer?.path ?? `input ${index}`;
    if (tensor.shape[0] !== samples || samples === 0) {
      throw new RangeError(`${name}: ${tensor.shape[0] ?? 0} samples, but ${samples} in the first input`);
    }
    const shape = expected.shape ?? expected.producer?.call.output(expected.index).shape;
    const fits =
      shape === undefined ||
      (shape.length === tensor.shape.length &&
        shape.slice(1).every((size, axis) => size === null || size === tensor.shape[axis + 1]));
    if (!fits) {
      throw new RangeError(
        `${name}: a tensor of shape [${tensor.shape.join(', ')}] for an input of shape ` +
          `[${shape.map((size) => size ?? '?').join(', ')}]`,
      );
    }
  }
  return samples;
}
