import { describe, expect, it } from 'vitest';
import { type Relu6Damage, relu6Damage } from '../../../src/equalization/caps/relu6-damage.ts';
import { foldAllBatchNorms } from '../../../src/primitives/batch-norm-fold.ts';
import { buildModel, input, layer } from '../../support/model-builder.ts';
import { seededRandom } from '../../support/random.ts';

/** What a ReLU6 behind `N(mean, deviation²)` loses. */
function damageOf(mean: number, deviation: number): NonNullable<Relu6Damage['expected']> {
  const weights = { beta: [mean], gamma: [deviation] };
  const model = buildModel([
    input('x', [4]),
    layer('Dense', 'a', { units: 1 }),
    layer('BatchNormalization', 'bn', { epsilon: 0 }, { weights }),
    layer('ReLU', 'r', { max_value: 6 }),
  ]);
  const expected = relu6Damage(model)[0]?.expected;
  if (!expected) throw new Error('no damage');
  return expected;
}

describe('the loss of a normal distribution', () => {
  it('by hand: half of N(6, 2²) lies above 6, and is 2 φ(0) above it', () => {
    const { clippedShare, meanLost } = damageOf(6, 2);
    expect(clippedShare).toBeCloseTo(0.5, 15);
    expect(meanLost).toBeCloseTo(2 * 0.3989422804014327, 14);
  });

  it('by hand: N(3, 3²)', () => {
    // t = 1: Φ(-1) = 0.158655, φ(1) - Φ(-1) = 0.083315; E[max(x, 0)] = 3 Φ(1) + 3 φ(1) = 3.249946.
    const { clippedShare, meanLost, relativeLost } = damageOf(3, 3);
    expect(clippedShare).toBeCloseTo(0.158655, 6);
    expect(meanLost).toBeCloseTo(0.249946, 5);
    // By symmetry around 3 what is cut off above is what is cut off below, which leaves 3.
    expect(relativeLost * 3).toBeCloseTo(meanLost, 12);
  });

  it('a constant is above or not', () => {
    expect(damageOf(8, 0)).toMatchObject({ clippedShare: 1, meanLost: 2, relativeLost: 2 / 6 });
    expect(damageOf(6, 0)).toMatchObject({ clippedShare: 0, meanLost: 0, relativeLost: 0 });
    expect(damageOf(-1, 0)).toMatchObject({ clippedShare: 0, meanLost: 0, relativeLost: 0 });
  });

  it('is never negative, however far the maximum is', () => {
    for (let mean = -400; mean < 6; mean += 0.37) {
      const { clippedShare, meanLost, relativeLost } = damageOf(mean, 1.1);
      expect(Math.min(clippedShare, meanLost, relativeLost)).toBeGreaterThanOrEqual(0);
    }
  });

  it('agrees with a sample', () => {
    const random = seededRandom(3);
    const count = 200_000;
    const sums = { share: 0, lost: 0, kept: 0 };
    for (let index = 0; index < count; index++) {
      const x = 4 + 2.5 * random.normal();
      sums.share += Number(x > 6);
      sums.lost += Math.max(0, x - 6);
      sums.kept += Math.min(6, Math.max(0, x));
    }
    const { clippedShare, meanLost, relativeLost } = damageOf(4, 2.5);
    // Standard deviations of at most 2 over the root of 200,000 are 0.0045; three of them.
    expect(Math.abs(sums.share / count - clippedShare)).toBeLessThan(0.0135);
    expect(Math.abs(sums.lost / count - meanLost)).toBeLessThan(0.0135);
    expect(Math.abs(sums.kept / count - meanLost / relativeLost)).toBeLessThan(0.0135);
  });
});

describe('relu6Damage', () => {
  it('reads gamma and beta of the batch norm right before, layer by layer', () => {
    const model = buildModel([
      input('x', [4, 4, 2]),
      layer('Conv2D', 'a', { filters: 2, kernel_size: 1 }),
      layer('BatchNormalization', 'bn', { epsilon: 0 }, { weights: { beta: [6, 3], gamma: [-2, 3] } }),
      layer('Dropout', 'drop', { rate: 0.5 }),
      layer('ReLU', 'r', { max_value: 6 }),
      layer('Conv2D', 'b', { filters: 2, kernel_size: 1, activation: 'relu6' }),
      layer('BatchNormalization', 'bn2', { epsilon: 0, center: false, scale: false }),
      layer('Activation', 'named', { activation: 'relu6' }),
      layer('ReLU', 'other', { max_value: 4 }),
    ]);
    const [first, fused, named, ...others] = relu6Damage(model);
    expect(first).toMatchObject({ layer: 'r', source: 'bn', expected: { channels: 2 } });
    expect(first?.expected?.clippedShare).toBeCloseTo((0.5 + 0.158655) / 2, 6);
    expect(first?.expected?.worstShare).toBeCloseTo(0.5, 12);
    expect(first?.expected?.meanLost).toBeCloseTo((0.797885 + 0.249946) / 2, 5);
    // E[max(x, 0)] of N(6, 2²) is 6.000764, less 0.797885 above 6.
    expect(first?.expected?.relativeLost).toBeCloseTo((0.797885 + 0.249946) / (5.20288 + 3), 5);
    expect(fused).toEqual({ layer: 'b', source: null, expected: null });
    // N(0, 1): Φ(-6) = 9.87e-10.
    expect(named?.expected?.clippedShare).toBeCloseTo(9.865876e-10, 15);
    expect(others).toEqual([]);
    expect(model.layer('r').operation).toMatchObject({ activation: { maxValue: 6 } });
  });

  it('reads what layers keep of a folded batch norm', () => {
    const model = buildModel([
      input('x', [4, 4, 2]),
      layer('Conv2D', 'a', { filters: 2, kernel_size: 1, use_bias: false }),
      layer('BatchNormalization', 'bn'),
      layer('ReLU', 'r', { max_value: 6 }),
    ]);
    const before = relu6Damage(model)[0];
    foldAllBatchNorms(model);
    expect(relu6Damage(model)).toEqual([{ ...before, source: 'a' }]);
    expect(before?.source).toBe('bn');
  });

  it('says nothing of a gate that the step leaves alone', () => {
    const model = buildModel([
      input('x', [4, 4, 2]),
      layer('BatchNormalization', 'bn'),
      layer('TFOpLambda', 'plus', { function: 'math.add' }, { kwargs: { y: 3 } }),
      layer('ReLU', 'gate', { max_value: 6 }),
    ]);
    expect(relu6Damage(model)).toEqual([]);
  });
});
