import { describe, expect, it } from 'vitest';
import type { AxisPart } from '../../src/model/operation.ts';
import { axisBehindSlice, isWhole, slicedShape, takenPlaces, WHOLE_AXIS } from '../../src/model/slices.ts';

const part = (start: number | null, stop: number | null, step = 1): AxisPart => ({
  start,
  stop,
  step,
  isDropped: false,
});
const at = (index: number): AxisPart => ({
  ...part(index, index === -1 ? null : index + 1),
  isDropped: true,
});

describe('the places that a part takes', () => {
  /** What `list(range(7))[start:stop:step]` is in Python. */
  it.each<[AxisPart, number[]]>([
    [part(null, null), [0, 1, 2, 3, 4, 5, 6]],
    [part(null, null, 2), [0, 2, 4, 6]],
    [part(1, -1), [1, 2, 3, 4, 5]],
    [part(-3, null), [4, 5, 6]],
    [part(5, 99), [5, 6]],
    [part(null, null, -1), [6, 5, 4, 3, 2, 1, 0]],
    [part(5, 1, -2), [5, 3]],
    [part(99, null, -3), [6, 3, 0]],
    [part(4, 2), []],
    [part(-99, 2), [0, 1]],
    [at(-1), [6]],
    [at(2), [2]],
  ])('%o', (one, places) => {
    const { first, step, count } = takenPlaces(one, 7);
    expect(Array.from({ length: count }, (_, index) => first + index * step)).toEqual(places);
  });

  it('are all of an axis where nothing is said', () => {
    expect([WHOLE_AXIS, part(0, null), part(null, -1), at(0)].map(isWhole)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

describe('behind a slice', () => {
  it('axes have the sizes that were taken, and dropped ones are gone', () => {
    expect(slicedShape([null, 9, 8, 3], [WHOLE_AXIS, part(null, null, 2)])).toEqual([null, 5, 8, 3]);
    expect(slicedShape([null, 9, 8, 3], [WHOLE_AXIS, at(0), part(1, -1)])).toEqual([null, 6, 3]);
    expect(slicedShape([null, null, 3], [WHOLE_AXIS, part(1, null), part(0, 2)])).toEqual([null, null, 2]);
    expect(slicedShape([null, 3], [WHOLE_AXIS, WHOLE_AXIS, WHOLE_AXIS])).toBeUndefined();
  });

  it('axes keep their place from the end, less what was dropped behind them', () => {
    const parts = [WHOLE_AXIS, WHOLE_AXIS, at(0), WHOLE_AXIS];
    expect([-1, -2, -3].map((axis) => axisBehindSlice(axis, 4, parts))).toEqual([-1, undefined, -2]);
  });
});
