import { describe, expect, it } from 'vitest';
import { applyScales } from '../../src/equalization/scaling/apply-scales.ts';
import { scaleRegions } from '../../src/equalization/scaling/scale-regions.ts';
import type { Layer, LayerStatistics } from '../../src/model/layer.ts';
import type { Model } from '../../src/model/model.ts';
import { takeSnapshot } from '../../src/model/snapshot.ts';
import { isNormalizing, statisticsBehind } from '../../src/model/statistics.ts';
import { foldAllBatchNorms } from '../../src/primitives/batch-norm-fold.ts';
import { CrossLayerScaling } from '../../src/primitives/cross-layer-scaling.ts';
import { equalizeBnFoldedModel } from '../../src/primitives/equalize-model.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';

const STATISTICS = { gamma: [2, -3], beta: [1, -1], movingMean: [5, 5], movingVariance: [3, 0] };

function folded(): { model: Model; conv: Layer; next: Layer } {
  const model = buildModel([
    input('x', [4, 4, 1]),
    layer('Conv2D', 'conv', { filters: 2, kernel_size: 1 }),
    layer('BatchNormalization', 'bn', { epsilon: 1 }, { weights: STATISTICS }),
    layer('ReLU', 'relu'),
    layer('Conv2D', 'next', { filters: 3, kernel_size: 1 }),
    layer('BatchNormalization', 'bn2'),
  ]);
  foldAllBatchNorms(model);
  return { model, conv: model.layer('conv'), next: model.layer('next') };
}

function listed({ mean, variance }: LayerStatistics): number[][] {
  return [[...mean], [...variance]];
}

describe('statistics of a layer', () => {
  it('are those of the batch norm that is folded into it', () => {
    // gamma² v / (v + epsilon): 4 * 3 / 4, and 0 for the channel that never varied.
    expect(listed(folded().conv.statistics!)).toEqual([
      [1, -1],
      [3, 0],
    ]);
  });

  it('stay behind when a batch norm is folded forward', () => {
    const model = buildModel([
      input('x', [4]),
      layer('BatchNormalization', 'bn'),
      layer('Dense', 'dense', { units: 2 }),
    ]);
    const dense = model.layer('dense');
    const kept = { mean: Float64Array.of(1, 2), variance: Float64Array.of(3, 4) };
    dense.statistics = kept;
    const [pairs] = foldAllBatchNorms(model);
    expect(pairs).toHaveLength(1);
    expect(dense.statistics).toBe(kept);
  });

  it('go with copies and snapshots', () => {
    const { model, conv } = folded();
    const { statistics } = conv;
    expect(model.clone().layer('conv').statistics).toBe(statistics);
    const restore = takeSnapshot(model);
    conv.setWeight('kernel', conv.requireWeight('kernel'));
    expect(conv.statistics).toBeUndefined();
    restore();
    expect(conv.statistics).toBe(statistics);
  });

  it('are divided as scaling proceeds, on either side of the pair', () => {
    const { conv, next } = folded();
    const [before, after] = [conv.statistics!, next.statistics];
    const s = CrossLayerScaling.scaleClsSetWithConvLayers([conv, next]);
    expect(s[0]).not.toBe(1);
    expect(listed(conv.statistics!)).toEqual([
      [...before.mean].map((mean, channel) => mean / s[channel]!),
      [...before.variance].map((variance, channel) => variance / s[channel]! ** 2),
    ]);
    expect(next.statistics).toEqual(after);
  });

  it('are divided when a graph is scaled', () => {
    const { model, conv, next } = folded();
    const [before, after] = [conv.statistics!, next.statistics];
    const { outputScales } = scaleRegions(model);
    const s = outputScales.get(conv.path)!;
    expect(s[0]).not.toBe(1);
    for (const channel of [0, 1]) {
      expect(conv.statistics!.mean[channel]).toBeCloseTo(before.mean[channel]! / s[channel]!, 12);
      expect(conv.statistics!.variance[channel]).toBeCloseTo(
        before.variance[channel]! / s[channel]! ** 2,
        12,
      );
    }
    expect(next.statistics).toEqual(after);
  });

  it('are shifted by high-bias fold', () => {
    const model = buildModel([
      input('x', [4, 4, 1]),
      layer('Conv2D', 'conv', { filters: 2, kernel_size: 1 }),
      layer(
        'BatchNormalization',
        'bn',
        { epsilon: 1 },
        { weights: { ...STATISTICS, beta: [100, -1], movingVariance: [3, 3] } },
      ),
      layer('ReLU', 'relu'),
      layer('Conv2D', 'next', { filters: 3, kernel_size: 1 }),
    ]);
    const [pairs] = foldAllBatchNorms(model);
    const conv = model.layer('conv');
    const bias = (): number => conv.requireWeight('bias').toFloat64()[0]!;
    const scaled = model.clone();
    CrossLayerScaling.scaleModel(scaled);
    equalizeBnFoldedModel(model, pairs);
    const shift = scaled.layer('conv').requireWeight('bias').toFloat64()[0]! - bias();
    expect(shift).toBeGreaterThan(1);
    // The biases are rounded to float32.
    expect(conv.statistics!.mean[0]! / (scaled.layer('conv').statistics!.mean[0]! - shift)).toBeCloseTo(1, 5);
    expect(conv.statistics!.variance).toEqual(scaled.layer('conv').statistics!.variance);
  });
});

describe('isNormalizing', () => {
  const bn = (config: object, weights: object): Layer =>
    buildModel([
      input('x', [2]),
      layer('BatchNormalization', 'bn', { ...config }, { weights: { ...weights } }),
    ]).layer('bn');

  it('is false of a batch norm that has seen no data', () => {
    expect(isNormalizing(bn({}, { movingMean: [0, 0], movingVariance: [1, 1] }))).toBe(false);
    const epsilon = 2 ** -8;
    const affine = { movingMean: [0, 0], movingVariance: [1 - epsilon, 1 - epsilon] };
    expect(isNormalizing(bn({ epsilon }, affine))).toBe(false);
    expect(isNormalizing(bn({}, { movingMean: [0, 0.1], movingVariance: [1, 1] }))).toBe(true);
    expect(isNormalizing(bn({}, { movingMean: [0, NaN], movingVariance: [1, 2] }))).toBe(false);
  });

  it('decides whether the statistics are those of gamma and beta or those before', () => {
    const affine = bn(
      { epsilon: 0 },
      { movingMean: [0, 0], movingVariance: [1, 1], gamma: [2, -1], beta: [1, 3] },
    );
    expect(statisticsBehind(affine, undefined)).toBeUndefined();
    const before = { mean: Float64Array.of(10, 20), variance: Float64Array.of(4, 5) };
    expect(listed(statisticsBehind(affine, before)!)).toEqual([
      [21, -17],
      [16, 5],
    ]);
    affine.statistics = before;
    expect(statisticsBehind(affine, undefined)).toBe(before);
  });
});

describe('a batch norm that stays', () => {
  it('keeps its own statistics once factors are in its gamma', () => {
    const model = buildModel([
      input('x', [2]),
      layer(
        'BatchNormalization',
        'bn',
        { epsilon: 1 },
        { weights: { ...STATISTICS, movingVariance: [3, 3] } },
      ),
    ]);
    const bn = model.layer('bn');
    const sides = { inputs: Int32Array.of(0, 1), between: undefined, outputs: Int32Array.of(2, 3) };
    applyScales({ layer: bn, path: 'bn', ...sides }, Float64Array.of(2, 4, 5, 10));
    expect([...bn.requireWeight('gamma').toFloat64()].map((value) => value.toFixed(6))).toEqual([
      '0.800000',
      '-1.200000',
    ]);
    // N(1, 3) and N(-1, 27/4), over 5 and 10.
    expect(listed(bn.statistics!)).toEqual([
      [1 / 5, -1 / 10],
      [3 / 25, 6.75 / 100],
    ]);
  });
});

it('a layer drops its statistics when somebody sets a weight', () => {
  const { conv } = folded();
  conv.setWeight('bias', Tensor.fromNumbers('float32', [2], [0, 0]));
  expect(conv.statistics).toBeUndefined();
});
