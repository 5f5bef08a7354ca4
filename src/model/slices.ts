import type { AxisPart, Shape } from './operation.ts';

/** The places that a part takes of an axis: `count` of them from `first` on, each `step` further. */
export interface TakenPlaces {
  readonly first: number;
  readonly step: number;
  readonly count: number;
}

/** The whole of an axis. */
export const WHOLE_AXIS: AxisPart = { start: null, stop: null, step: 1, isDropped: false };

/** Whether a part takes all of an axis as it is. */
export function isWhole({ start, stop, step, isDropped }: AxisPart): boolean {
  return (start === null || start === 0) && stop === null && step === 1 && !isDropped;
}

/** The places that a part takes of an axis of that size, as `slice.indices` of Python has it. */
export function takenPlaces({ start, stop, step }: AxisPart, size: number): TakenPlaces {
  const [lowest, highest] = step > 0 ? [0, size] : [-1, size - 1];
  const within = (place: number): number =>
    Math.min(highest, Math.max(lowest, place < 0 ? place + size : place));
  const first = start === null ? (step > 0 ? lowest : highest) : within(start);
  const end = stop === null ? (step > 0 ? highest : lowest) : within(stop);
  return { first, step, count: Math.max(0, Math.ceil((end - first) / step)) };
}

/** The shape of what a slice takes of a tensor; undefined where the tensor has fewer axes than parts. */
export function slicedShape(shape: Shape, parts: readonly AxisPart[]): Shape | undefined {
  if (parts.length > shape.length) return undefined;
  return shape.flatMap((size, axis) => {
    const part = parts[axis] ?? WHOLE_AXIS;
    if (part.isDropped) return [];
    return [size === null ? null : takenPlaces(part, size).count];
  });
}

/** Which axis behind a slice an axis before it is, both counted from the end; undefined where it was dropped. */
export function axisBehindSlice(axis: number, rank: number, parts: readonly AxisPart[]): number | undefined {
  if (parts[rank + axis]?.isDropped) return undefined;
  const behind = parts.slice(rank + axis + 1).filter(({ isDropped }) => isDropped).length;
  return axis + behind;
}
