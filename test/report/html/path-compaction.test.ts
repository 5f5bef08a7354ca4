import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compactPath } from '../../../src/report/html/path-compaction.ts';

test('right angles take one number, and digits that nobody sees go', () => {
  expect(compactPath('M40,22.582L60.04,22.582L60.04,32.904L100,32.904Z', 1)).toBe('M40,22.6H60V32.9H100Z');
  expect(compactPath('M0,0L1,1H3V2', 1)).toBe('M0,0L1,1H3V2');
});

test('the points are those of the path, rounded', () => {
  const coordinate = fc.double({ min: -500, max: 500, noNaN: true });
  const points = fc.array(fc.tuple(coordinate, coordinate, fc.constantFrom('both', 'x', 'y')), {
    minLength: 1,
  });
  fc.assert(
    fc.property(points, fc.constantFrom(1, 2), (moves, digits) => {
      const path: [number, number][] = [];
      for (const [x, y, kind] of moves) {
        const [lastX, lastY] = path.at(-1) ?? [x, y];
        path.push([kind === 'y' ? lastX : x, kind === 'x' ? lastY : y]);
      }
      const text = path.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${x},${y}`).join('');
      const rounded = path.map((point) => point.map((value) => Number(value.toFixed(digits)) + 0));
      // A point that rounds to the one before it is no step any more.
      const steps = rounded.filter(
        (point, index) => index === 0 || String(point) !== String(rounded[index - 1]),
      );
      expect(pointsOf(compactPath(text, digits))).toEqual(steps);
    }),
  );
});

function pointsOf(path: string): number[][] {
  let [x, y] = [0, 0];
  return [...path.matchAll(/([MLHV])([-\d.]+)(?:,([-\d.]+))?/g)].map(([, kind, one, other]) => {
    if (kind !== 'V') x = Number(one) + 0;
    if (kind !== 'H') y = Number(kind === 'V' ? one : other) + 0;
    return [x, y];
  });
}
