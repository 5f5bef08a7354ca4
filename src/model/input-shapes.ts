import type { Model, ModelTensor } from './model.ts';
import type { Shape } from './operation.ts';

/**
 * A copy of `model` whose inputs have these shapes, without the batch, in their order.
 *
 * @throws RangeError where there are not as many as inputs, or one contradicts what the model says of its own.
 */
export function withInputShapes(model: Model, shapes: readonly (readonly number[])[]): Model {
  if (shapes.length !== model.inputs.length) {
    throw new RangeError(`${shapes.length} shapes for ${model.inputs.length} inputs`);
  }
  const copy = model.clone();
  for (const [index, tensor] of copy.inputs.entries()) setShape(tensor, [null, ...(shapes[index] ?? [])]);
  return copy;
}

function setShape(tensor: ModelTensor, shape: Shape): void {
  const layer = tensor.producer?.layer;
  const operation = layer?.operation.kind === 'input' ? layer.operation : undefined;
  const present = tensor.shape ?? operation?.shape;
  const fits = present?.every((size, axis) => size === null || axis === 0 || size === shape[axis]);
  if (present && (present.length !== shape.length || !fits)) {
    throw new RangeError(
      `${layer?.path ?? 'the input'}: ${shape.slice(1).join(' x ')} for an input of ${present
        .slice(1)
        .map((size) => size ?? '?')
        .join(' x ')}`,
    );
  }
  tensor.shape = shape;
  if (layer && operation) layer.operation = { ...operation, shape };
}
