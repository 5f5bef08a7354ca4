import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { minimize, type SmoothFunction } from '../../src/kernels/minimize.ts';
import { seededRandom } from '../support/random.ts';

/** A symmetric positive definite matrix with eigenvalues of about 1 to `1 + 2 size`, row by row. */
function definite(size: number, seed: number): Float64Array[] {
  const random = seededRandom(seed);
  const rows = Array.from({ length: size }, () => Float64Array.from({ length: size }, () => random.normal()));
  return rows.map((row, at) =>
    Float64Array.from(rows, (other, to) => dot(row, other) / 2 + (at === to ? 1 : 0)),
  );
}

function dot(one: Float64Array, other: Float64Array): number {
  return one.reduce((sum, value, at) => sum + value * other[at]!, 0);
}

/** `(x - center) A (x - center) / 2`. */
function quadratic(rows: readonly Float64Array[], center: Float64Array): SmoothFunction {
  return (x, gradient, curvature) => {
    const away = x.map((value, at) => value - center[at]!);
    for (const [at, row] of rows.entries()) {
      gradient[at] = dot(row, away);
      curvature[at] = row[at]!;
    }
    return dot(away, gradient) / 2;
  };
}

const filled = (size: number, value: number): Float64Array => new Float64Array(size).fill(value);
const between = (size: number, low: number, high: number) => ({
  low: filled(size, low),
  high: filled(size, high),
});
const search = { iterations: 300, tolerance: 1e-14 };

describe('minimize', () => {
  it('finds the minimum of a quadratic', () => {
    const center = Float64Array.of(1, -2, 0.5, 3, -0.1);
    const f = quadratic(definite(5, 3), center);
    const found = minimize(f, filled(5, 0), { ...between(5, -10, 10), ...search });
    for (const [at, value] of found.entries()) expect(value).toBeCloseTo(center[at]!, 5);
  });

  it('finds a minimum at the bounds by hand', () => {
    // x² + y² + x y with x >= 1: y = -x / 2 there, where the derivative by x is 2 - 1/2 > 0.
    const f: SmoothFunction = (x, gradient, curvature) => {
      const [a, b] = [x[0]!, x[1]!];
      gradient.set([2 * a + b, 2 * b + a]);
      curvature.set([2, 2]);
      return a * a + b * b + a * b;
    };
    const bounds = { low: Float64Array.of(1, -9), high: Float64Array.of(5, 9) };
    const found = minimize(f, Float64Array.of(4, 4), { ...bounds, ...search });
    expect(found[0]).toBe(1);
    expect(found[1]).toBeCloseTo(-0.5, 6);
  });

  it('ends where nothing leads further down: the gradient is zero, or leads out of the bounds', () => {
    let pressed = 0;
    const cases = fc.record({ size: fc.integer({ min: 1, max: 12 }), seed: fc.nat(1_000_000) });
    fc.assert(
      fc.property(cases, ({ size, seed }) => {
        const random = seededRandom(seed);
        const center = Float64Array.from({ length: size }, () => 2 * random.normal());
        const f = quadratic(definite(size, seed + 1), center);
        const start = Float64Array.from({ length: size }, () => random.uniform() - 0.5);
        const found = minimize(f, start, { ...between(size, -1, 1), ...search });
        const gradient = filled(size, 0);
        f(found, gradient, filled(size, 0));
        for (const [at, slope] of gradient.entries()) {
          const value = found[at]!;
          expect(Math.abs(value)).toBeLessThanOrEqual(1);
          // Values of up to 100, of which a double cannot tell apart what lies within 1e-14: slopes of 1e-6.
          if (value === 1) expect(slope).toBeLessThan(1e-4);
          else if (value === -1) expect(slope).toBeGreaterThan(-1e-4);
          else expect(Math.abs(slope)).toBeLessThan(1e-4);
          pressed += Math.abs(value) === 1 ? 1 : 0;
        }
      }),
      { seed: 20_240, numRuns: 200 },
    );
    expect(pressed).toBeGreaterThan(200);
  });

  it('follows a narrow bent valley', () => {
    // Rosenbrock's, whose minimum 0 is at (1, 1).
    const f: SmoothFunction = (x, gradient, curvature) => {
      const [a, b] = [x[0]!, x[1]!];
      const bend = b - a * a;
      curvature.set([800 * a * a + 2, 200]);
      gradient.set([-400 * a * bend - 2 * (1 - a), 200 * bend]);
      return 100 * bend ** 2 + (1 - a) ** 2;
    };
    const found = minimize(f, Float64Array.of(-1.2, 1), { ...between(2, -5, 5), ...search });
    expect(found[0]).toBeCloseTo(1, 4);
    expect(found[1]).toBeCloseTo(1, 4);
  });

  it('finds the minimum of sums of exponentials, steep far from it', () => {
    // e^x + e^-(x - 2): x = 1. e^4y + e^-2y: e^6y = 1/2.
    const f: SmoothFunction = (x, gradient, curvature) => {
      const [a, b] = [x[0]!, x[1]!];
      const terms = [Math.exp(a), Math.exp(2 - a), Math.exp(4 * b), Math.exp(-2 * b)] as const;
      gradient.set([terms[0] - terms[1], 4 * terms[2] - 2 * terms[3]]);
      curvature.set([terms[0] + terms[1], 16 * terms[2] + 4 * terms[3]]);
      return terms[0] + terms[1] + terms[2] + terms[3];
    };
    const found = minimize(f, Float64Array.of(9, -6), { ...between(2, -10, 10), ...search });
    expect(found[0]).toBeCloseTo(1, 6);
    expect(found[1]).toBeCloseTo(-Math.log(2) / 6, 6);
  });

  it('takes next to no steps where variables change the value each by itself, however unequally', () => {
    // A million times as steep in one variable as in another.
    const steepness = Float64Array.of(1e-3, 1, 1e3);
    const center = Float64Array.of(1, -2, 3);
    let values = 0;
    const f: SmoothFunction = (x, gradient, curvature) => {
      values++;
      curvature.set(steepness);
      for (const at of x.keys()) gradient[at] = steepness[at]! * (x[at]! - center[at]!);
      return (
        dot(
          gradient,
          x.map((value, at) => value - center[at]!),
        ) / 2
      );
    };
    const found = minimize(f, Float64Array.of(0, -1, 2), { ...between(3, -9, 9), ...search });
    for (const [at, value] of found.entries()) expect(value).toBeCloseTo(center[at]!, 9);
    expect(values).toBeLessThan(6);
  });

  it('never goes up, and stays within the iterations', () => {
    const f = quadratic(definite(6, 11), filled(6, 3));
    const values: number[] = [];
    for (let iterations = 0; iterations < 12; iterations++) {
      const found = minimize(f, filled(6, 0), { ...between(6, -5, 5), iterations, tolerance: 0 });
      values.push(f(found, filled(6, 0), filled(6, 0)));
    }
    expect(values).toEqual([...values].sort((one, other) => other - one));
    expect(values[1]).toBeLessThan(values[0]!);
    expect(minimize(f, filled(6, 0), { ...between(6, -5, 5), iterations: 0, tolerance: 0 })).toEqual(
      filled(6, 0),
    );
  });

  it('brings the start between the bounds, and keeps a variable between two equal ones', () => {
    const f = quadratic(definite(3, 5), Float64Array.of(0, 1, 2));
    const bounds = { low: Float64Array.of(-1, 0.25, -1), high: Float64Array.of(1, 0.25, 1) };
    const start = Float64Array.of(7, 7, -7);
    expect(minimize(f, start, { ...bounds, iterations: 0, tolerance: 0 })).toEqual(
      Float64Array.of(1, 0.25, -1),
    );
    expect(minimize(f, start, { ...bounds, ...search })[1]).toBe(0.25);
    expect(start).toEqual(Float64Array.of(7, 7, -7));
  });

  it('stays at a minimum and where the function is flat; nothing is a minimum of nothing', () => {
    const center = Float64Array.of(0.5, -0.5);
    const options = { ...between(2, -1, 1), ...search };
    expect(minimize(quadratic(definite(2, 9), center), center, options)).toEqual(center);
    expect(minimize(() => 4, center, options)).toEqual(center);
    expect(minimize(() => 4, filled(0, 0), { ...between(0, 0, 0), ...search })).toHaveLength(0);
  });

  it('finds the same bits every time', () => {
    const run = (): Float64Array => {
      const f = quadratic(definite(20, 21), filled(20, 2));
      return minimize(f, filled(20, 0), { ...between(20, -1.5, 3), iterations: 30, tolerance: 1e-6 });
    };
    expect(run()).toEqual(run());
  });
});
