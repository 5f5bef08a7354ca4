import { fromFront } from './layer-config.ts';

/** The axes of a configuration, counted from the front and in order. */
export function axesOf(axes: readonly number[], rank: number): number[] {
  return axes.map((axis) => fromFront(axis, rank)).sort((one, other) => one - other);
}

/** The sizes of a shape at the axes, and 1 elsewhere. */
export function sizesAt(shape: readonly (number | null)[], axes: readonly number[]): number[] {
  return shape.map((size, axis) => (axes.includes(axis) ? (size ?? 1) : 1));
}
