import { describe, expect, it } from 'vitest';
import { leastSquares } from '../../src/kernels/least-squares.ts';

const f64 = (...values: number[]): Float64Array => Float64Array.from(values);

describe('leastSquares', () => {
  it('fits a line through points by their weights', () => {
    // Offset and slope of (0, 1), (1, 3), (2, 2), the last counted twice: the normal equations are 4 a + 5 b = 8,
    // 5 a + 9 b = 11, whose determinant is 11.
    const fit = leastSquares([f64(1, 1, 1), f64(0, 1, 2)], f64(1, 3, 2), f64(1, 1, 2));
    const [offset, slope] = [17 / 11, 4 / 11];
    expect(fit?.solution[0]).toBeCloseTo(offset, 12);
    expect(fit?.solution[1]).toBeCloseTo(slope, 12);
    const residuals = [1 - offset, 3 - offset - slope, 2 - offset - 2 * slope];
    for (const [at, residual] of residuals.entries()) expect(fit?.residuals[at]).toBeCloseTo(residual, 12);
    expect(fit?.inverseDiagonal[0]).toBeCloseTo(9 / 11, 12);
    expect(fit?.inverseDiagonal[1]).toBeCloseTo(4 / 11, 12);
  });

  it('finds nothing where columns depend on each other, are zero, or hold no numbers', () => {
    const ones = f64(1, 1, 1);
    expect(leastSquares([f64(1, 2, 3), f64(2, 4, 6)], ones, ones)).toBeUndefined();
    expect(leastSquares([f64(0, 0, 0)], ones, ones)).toBeUndefined();
    expect(leastSquares([f64(1, Number.NaN, 1)], ones, ones)).toBeUndefined();
    expect(leastSquares([f64(1, Infinity, 1)], ones, ones)).toBeUndefined();
    expect(leastSquares([ones], f64(1, Number.NaN, 1), ones)).toBeUndefined();
  });
});
