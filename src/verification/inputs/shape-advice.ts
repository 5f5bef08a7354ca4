import type { Shape } from '../../model/operation.ts';
import { sizeOf } from '../../tensor/dtype.ts';
import type { ModelInput } from './model-inputs.ts';

/** Past so many dimensions all orders of them are too many to try. */
const MOST_DIMENSIONS = 5;

/** Whether an array of this shape is one for `wanted`, which has the samples first and null for any size. */
export function fitsShape(shape: readonly number[], wanted: Shape): boolean {
  return (
    shape.length === wanted.length &&
    wanted.slice(1).every((size, axis) => size === null || size === shape[axis + 1])
  );
}

/** What to do with an array of another shape than the input's, in a clause with the numpy that does it. */
export function shapeAdvice(shape: readonly number[], wanted: Shape, { image }: ModelInput): string {
  const inner = wanted.slice(1);
  if (fitsShape([1, ...shape], wanted)) return 'add the dimension of the samples: array[None]';
  const order = orderThatFits(shape, wanted);
  if (order) return `its dimensions are in another order: array.transpose(${order.join(', ')})`;
  if (image && shape.length === wanted.length) {
    const axis = image.dataFormat === 'channels_first' ? 1 : 3;
    const channels = shape[axis];
    return channels === image.channels
      ? 'resize or pad the pictures before you save them'
      : `save pictures of ${image.channels} ${image.channels === 1 ? 'channel' : 'channels'}, as the model takes them`;
  }
  const sizes = inner.filter((size) => size !== null);
  const values = sizeOf(sizes);
  const perSample = shape.length === 1 ? values : sizeOf(shape.slice(1));
  if (sizes.length === inner.length && perSample === values && sizeOf(shape) % values === 0) {
    return `its values lie otherwise: array.reshape(${[-1, ...inner].join(', ')})`;
  }
  return 'save it so, with the samples first';
}

/** The order of dimensions that makes the shape fit, with as few changes as can be. */
function orderThatFits(shape: readonly number[], wanted: Shape): number[] | undefined {
  if (shape.length !== wanted.length || shape.length > MOST_DIMENSIONS) return undefined;
  return ordersOf([...shape.keys()])
    .filter((order) =>
      fitsShape(
        order.map((axis) => shape[axis] ?? 0),
        wanted,
      ),
    )
    .sort((one, other) => inversions(one) - inversions(other))[0];
}

function ordersOf(axes: readonly number[]): number[][] {
  if (axes.length === 0) return [[]];
  return axes.flatMap((first) =>
    ordersOf(axes.filter((axis) => axis !== first)).map((rest) => [first, ...rest]),
  );
}

/** Pairs that stand the other way round. */
function inversions(order: readonly number[]): number {
  return order.reduce(
    (sum, axis, index) => sum + order.slice(index + 1).filter((later) => later < axis).length,
    0,
  );
}
