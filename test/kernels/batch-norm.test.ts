import { describe, expect, it } from 'vitest';
import { batchNormAffine } from '../../src/kernels/batch-norm.ts';

describe('batchNormAffine', () => {
  it('is gamma / sigma and beta - mean gamma / sigma', () => {
    const { a, d } = batchNormAffine({
      gamma: [6, -1],
      beta: [1, 2],
      movingMean: [10, -4],
      movingVariance: [8, 0.25],
      epsilon: 1,
    });
    // sigma = sqrt(8 + 1) = 3 and sqrt(1.25).
    expect(a[0]).toBe(2);
    expect(d[0]).toBe(1 - 10 * 2);
    expect(a[1]).toBeCloseTo(-1 / Math.sqrt(1.25), 15);
    expect(d[1]).toBeCloseTo(2 - 4 / Math.sqrt(1.25), 15);
  });

  it('takes a missing gamma for 1 and a missing beta for 0', () => {
    const statistics = { movingMean: [3], movingVariance: [4], epsilon: 0 };
    expect(batchNormAffine({ ...statistics, gamma: undefined, beta: [7] })).toEqual({
      a: Float64Array.of(0.5),
      d: Float64Array.of(5.5),
    });
    expect(batchNormAffine({ ...statistics, gamma: [4], beta: undefined })).toEqual({
      a: Float64Array.of(2),
      d: Float64Array.of(-6),
    });
  });

  it('works in float64: a tiny variance is not lost beside epsilon', () => {
    const { a } = batchNormAffine({
      gamma: [1],
      beta: [0],
      movingMean: [0],
      movingVariance: [1e-12],
      epsilon: 1e-3,
    });
    // In float32 the sum would be 1e-3 itself.
    expect(a[0]).toBe(1 / Math.sqrt(1e-3 + 1e-12));
    expect(a[0]).not.toBe(1 / Math.sqrt(1e-3));
  });

  it('lets NaN and infinities through, each in its channel alone', () => {
    const { a, d } = batchNormAffine({
      gamma: [NaN, 1, 1],
      beta: [0, Infinity, 0],
      movingMean: [0, 0, 0],
      movingVariance: [1, 1, -1],
      epsilon: 0,
    });
    expect([...a]).toEqual([NaN, 1, NaN]);
    expect([...d]).toEqual([NaN, Infinity, NaN]);
  });

  it('has no channels where there are none', () => {
    const nothing = { gamma: [], beta: [], movingMean: [], movingVariance: [], epsilon: 1 };
    expect(batchNormAffine(nothing)).toEqual({ a: new Float64Array(0), d: new Float64Array(0) });
  });
});
