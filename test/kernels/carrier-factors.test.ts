import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { carrierFactors } from '../../src/kernels/carrier-factors.ts';

const extremes = (min: readonly number[], max: readonly number[]) => ({
  min: Float64Array.from(min),
  max: Float64Array.from(max),
});

describe('carrierFactors', () => {
  it('are the ranges where channels reach as far down as up', () => {
    expect([...carrierFactors(extremes([-2, -8], [2, 8]), [1, 1])]).toEqual([2, 8]);
  });

  it('turn channels around that reach further down', () => {
    // Both reach half as far on their smaller side, so that a grid from -0.5 to 1 fits.
    expect([...carrierFactors(extremes([-1, -8], [2, 4]), [1, 1])]).toEqual([2, -8]);
  });

  it('weigh what a wide channel costs the others', () => {
    const one = extremes([-1, -8], [1, 1]);
    // The first needs the whole grid; where it counts for nothing it is made to fit a smaller one.
    expect([...carrierFactors(one, [1, 0])]).toEqual([1, 8]);
    const [wide] = carrierFactors(one, [0, 1]);
    expect(wide).toBeCloseTo(1 / 0.13, 12);
  });

  it('a channel of zeros has 0', () => {
    expect([...carrierFactors(extremes([0, -1], [0, 1]), [1, 1])]).toEqual([0, 1]);
  });

  it('bring all channels into one grid no coarser than that of the ranges', () => {
    const size = fc.double({ min: 1e-3, max: 1e3, noNaN: true });
    fc.assert(
      fc.property(fc.array(fc.tuple(size, size), { minLength: 1, maxLength: 20 }), (sides) => {
        const min = sides.map(([below]) => -below);
        const max = sides.map(([, above]) => above);
        const importance = sides.map(([below, above]) => 1 / Math.max(below, above));
        const factors = carrierFactors(extremes(min, max), importance);
        let low = 0;
        for (const [channel, factor] of factors.entries()) {
          const ends = [min[channel]! / factor, max[channel]! / factor];
          expect(Math.max(...ends)).toBeLessThanOrEqual(1 + 1e-12);
          low = Math.min(low, ...ends);
        }
        const cost = [...factors].reduce((sum, f, o) => sum + (importance[o]! * f * (1 - low)) ** 2, 0);
        expect(cost).toBeLessThanOrEqual(4 * sides.length * (1 + 1e-9));
      }),
    );
  });
});
