import type { Graph, GraphTensor } from '../../model/graph.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { count, dimensionsText } from '../../text/numbers.ts';
import { fitsShape } from './shape-advice.ts';

/**
 * Checks that there is a tensor for each input of the model, of its shape, and the same number of samples in all.
 *
 * @returns the number of samples.
 * @throws RangeError where they do not fit.
 */
export function checkInputs(graph: Graph, inputs: readonly Tensor[]): number {
  if (inputs.length !== graph.inputs.length) {
    throw new RangeError(
      `${count(inputs.length, 'tensor')} for the ${count(graph.inputs.length, 'input')} of ${graph.model.name}; ` +
        'give one for each',
    );
  }
  const samples = inputs[0]?.shape[0] ?? 0;
  for (const [index, tensor] of inputs.entries()) {
    const expected = graph.inputs[index] as GraphTensor;
    const name = expected.producer?.path ?? `input ${index}`;
    if (tensor.size === 0 || tensor.shape.length === 0) {
      throw new RangeError(
        `${name}: a tensor of shape ${dimensionsText(tensor.shape)} has no samples; give one or more, along the first dimension`,
      );
    }
    if (tensor.shape[0] !== samples) {
      throw new RangeError(
        `${name}: ${count(tensor.shape[0] ?? 0, 'sample')}, but ${samples} in the first input; give as many`,
      );
    }
    const shape = expected.shape ?? expected.producer?.call.output(expected.index).shape;
    if (shape !== undefined && !fitsShape(tensor.shape, shape)) {
      throw new RangeError(
        `${name}: a tensor of shape ${dimensionsText(tensor.shape)} for an input of shape ${dimensionsText(shape)}`,
      );
    }
  }
  return samples;
}
