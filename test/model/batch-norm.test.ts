import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/json/value.ts';
import {
  affineOf,
  batchNormChannels,
  batchNormFault,
  betaOf,
  gammaOf,
  isIdentityBatchNorm,
} from '../../src/model/batch-norm.ts';
import type { Layer } from '../../src/model/layer.ts';
import { buildModel, type GivenWeights, input, layer } from '../support/model-builder.ts';

function batchNorm(weights: GivenWeights, config: JsonObject = {}): Layer {
  const statistics = { movingMean: [0, 0], movingVariance: [1, 1] };
  const spec = layer(
    'BatchNormalization',
    'bn',
    { epsilon: 0, ...config },
    { weights: { ...statistics, ...weights } },
  );
  return buildModel([input('x', [2]), spec]).layer('bn');
}

describe('batch norms', () => {
  it('are an affine map of each channel', () => {
    const bn = batchNorm({ gamma: [4, 1], beta: [1, 0], movingMean: [3, -2], movingVariance: [4, 0.25] });
    expect(affineOf(bn)).toEqual({ a: Float64Array.of(2, 2), d: Float64Array.of(-5, 4) });
    expect(batchNormChannels(bn)).toBe(2);
  });

  it('have a gamma of ones without scale and a beta of zeros without center', () => {
    const bn = batchNorm({}, { scale: false, center: false });
    expect([...bn.weights.keys()]).toEqual(['movingMean', 'movingVariance']);
    expect([...gammaOf(bn)]).toEqual([1, 1]);
    expect([...betaOf(bn)]).toEqual([0, 0]);
  });

  it('are the identity only where they are it exactly', () => {
    expect(isIdentityBatchNorm(batchNorm({ gamma: [1, 1], beta: [0, 0] }))).toBe(true);
    expect(isIdentityBatchNorm(batchNorm({ gamma: [2, 1], beta: [0, 0], movingVariance: [4, 1] }))).toBe(
      true,
    );
    expect(isIdentityBatchNorm(batchNorm({ gamma: [1, 1], beta: [0, 1e-30] }))).toBe(false);
    const shifted = batchNorm({ gamma: [1, 1], beta: [0, 0] }, { epsilon: 1e-3 });
    expect(isIdentityBatchNorm(shifted)).toBe(false);
  });

  it('tell what makes folding impossible', () => {
    expect(batchNormFault(batchNorm({}))).toBeUndefined();
    expect(batchNormFault(batchNorm({ gamma: [1, NaN] }))).toEqual({
      kind: 'non-finite',
      where: 'gamma, channel 1',
    });
    expect(batchNormFault(batchNorm({ movingVariance: [Infinity, 1] }))).toEqual({
      kind: 'non-finite',
      where: 'movingVariance, channel 0',
    });
    expect(batchNormFault(batchNorm({ movingVariance: [1, -0.5] }))).toEqual({
      kind: 'negative-variance',
      channel: 1,
      variance: -0.5,
    });
    expect(batchNormFault(batchNorm({ movingVariance: [1, 0] }))?.kind).toBe('negative-variance');
    expect(batchNormFault(batchNorm({ movingVariance: [1, 0] }, { epsilon: 1e-3 }))).toBeUndefined();
  });

  it('are refused where the layer is none', () => {
    const relu = buildModel([input('x', [2]), layer('ReLU', 'relu')]).layer('relu');
    expect(isIdentityBatchNorm(relu)).toBe(false);
    expect(() => affineOf(relu)).toThrow(TypeError);
  });
});
