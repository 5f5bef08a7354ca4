import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addPiece,
  addQuadrature,
  type ClippedNormals,
  gaussHermite,
} from '../../src/kernels/normal-pieces.ts';

const one = (value: number): Float64Array => Float64Array.of(value);

function normals(mean: number, variance: number, low = -Infinity, high = Infinity): ClippedNormals {
  return { mean: one(mean), variance: one(variance), low: one(low), high: one(high) };
}

/** `E[y]` and `E[y²]` of `slope x + offset` on `[from, to)`. */
function moments(of: ClippedNormals, from: number, to: number, slope = 1, offset = 0): [number, number] {
  const sums = { first: one(0), second: one(0) };
  addPiece(of, { from, to, slope: one(slope), offset: one(offset) }, sums);
  return [sums.first[0]!, sums.second[0]!];
}

describe('addPiece', () => {
  it('knows the half of the standard normal', () => {
    const [first, second] = moments(normals(0, 1), 0, Infinity);
    expect(first).toBeCloseTo(1 / Math.sqrt(2 * Math.PI), 14);
    expect(second).toBeCloseTo(0.5, 14);
  });

  it('has the moments of the whole where the piece is the whole line', () => {
    // y = 2 x + 1 of N(3, 4): mean 7, variance 16.
    const [first, second] = moments(normals(3, 4), -Infinity, Infinity, 2, 1);
    expect(first).toBeCloseTo(7, 12);
    expect(second).toBeCloseTo(49 + 16, 12);
  });

  it('counts what is cut off at its end', () => {
    // min(0, X) for N(0, 1) is minus the half; what lies above is 0 and adds nothing, shifted by 1 it adds a half.
    const [first, second] = moments(normals(0, 1, -Infinity, 0), -Infinity, Infinity, 1, 1);
    expect(first).toBeCloseTo(1 - 1 / Math.sqrt(2 * Math.PI), 14);
    expect(second).toBeCloseTo(1 - 2 / Math.sqrt(2 * Math.PI) + 0.5, 14);
  });

  it('takes a variance of 0 for a constant, on the piece that begins at it', () => {
    expect(moments(normals(2, 0), 2, 3, 5, 1)).toEqual([11, 121]);
    expect(moments(normals(2, 0), 1, 2)).toEqual([0, 0]);
    expect(moments(normals(2, 0, 0, 1), 0, 5)).toEqual([1, 1]);
  });

  it('keeps NaN', () => {
    expect(moments(normals(NaN, 1), -Infinity, Infinity)).toEqual([NaN, NaN]);
    expect(moments(normals(NaN, 0), 0, 1)).toEqual([NaN, NaN]);
  });

  it('adds up: pieces side by side are the whole', () => {
    const value = fc.double({ min: -4, max: 4, noNaN: true });
    fc.assert(
      fc.property(value, fc.double({ min: 0.01, max: 9, noNaN: true }), value, (mean, variance, cut) => {
        const of = normals(mean, variance, -3, 2.5);
        const whole = moments(of, -Infinity, Infinity, 1.5, -0.5);
        const left = moments(of, -Infinity, cut, 1.5, -0.5);
        const right = moments(of, cut, Infinity, 1.5, -0.5);
        // Sums of some numbers of about 10 in float64.
        expect(left[0] + right[0]).toBeCloseTo(whole[0], 11);
        expect(left[1] + right[1]).toBeCloseTo(whole[1], 11);
      }),
    );
  });
});

describe('gaussHermite', () => {
  it('has the rule of three points', () => {
    const { nodes, weights } = gaussHermite(3);
    for (const [index, node] of [-Math.sqrt(3), 0, Math.sqrt(3)].entries()) {
      expect(nodes[index]).toBeCloseTo(node, 12);
    }
    for (const [index, weight] of [1 / 6, 2 / 3, 1 / 6].entries()) {
      expect(weights[index]).toBeCloseTo(weight, 12);
    }
  });

  it('is exact for the moments of the normal distribution', () => {
    const { nodes, weights } = gaussHermite(40);
    const moment = (power: number): number => nodes.reduce((sum, x, k) => sum + weights[k]! * x ** power, 0);
    // 1, 1, 3, 15, 105 ...; the sum of 40 terms in float64.
    for (const [power, expected] of [
      [0, 1],
      [2, 1],
      [4, 3],
      [6, 15],
      [8, 105],
      [10, 945],
    ] as const) {
      expect(Math.abs(moment(power) / expected - 1)).toBeLessThan(1e-11);
      expect(Math.abs(moment(power + 1))).toBeLessThan(1e-8);
    }
  });
});

describe('addQuadrature', () => {
  it('integrates a smooth function: the mean of e^x is e^(mean + variance / 2)', () => {
    const sums = { first: one(0), second: one(0) };
    addQuadrature(normals(0.5, 0.25), Math.exp, gaussHermite(40), sums);
    expect(sums.first[0]).toBeCloseTo(Math.exp(0.625), 12);
    expect(sums.second[0]).toBeCloseTo(Math.exp(1.5), 11);
  });
});
