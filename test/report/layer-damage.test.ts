import { describe, expect, it } from 'vitest';
import { quantize } from '../../src/equalization/quantize.ts';
import type { Model } from '../../src/model/model.ts';
import { DAMAGE_TARGETS, type DamageReport, damageReport } from '../../src/report/layer-damage.ts';
import { type DamagedTensor, damageRanking, tensorRemedy } from '../../src/report/tensor-damage.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { buildModel, input, type LayerSpec, layer } from '../support/model-builder.ts';

/** A depthwise kernel with a channel far larger than the others, as in published MobileNets. */
function network(): Model {
  const model = buildModel([
    input('x', [8, 8, 3]),
    // Tells what the first layer reads.
    layer('BatchNormalization', 'bn0'),
    layer('ReLU', 'relu0'),
    layer('Conv2D', 'first', { filters: 8, kernel_size: 3, use_bias: false }),
    layer('BatchNormalization', 'bn'),
    layer('ReLU', 'relu'),
    layer('DepthwiseConv2D', 'middle', { kernel_size: 3, use_bias: false }),
    layer('BatchNormalization', 'bn2'),
    layer('ReLU', 'relu2'),
    layer('SeparableConv2D', 'last', { filters: 8, kernel_size: 3 }),
    layer('BatchNormalization', 'bn3'),
    layer('GlobalAveragePooling2D', 'pool'),
    layer('Dense', 'dense', { units: 4 }),
  ]);
  const middle = model.layer('middle');
  const kernel = middle.requireWeight('depthwiseKernel');
  const values = kernel.toFloat64().map((value, index) => (index % 8 === 5 ? 300 * value : value));
  middle.setWeight('depthwiseKernel', Tensor.fromNumbers('float32', kernel.shape, values));
  // The batch norm saw that channel as large as it is, so that no other layer does.
  const bn = model.layer('bn2');
  const variance = bn.requireWeight('movingVariance');
  const seen = variance.toFloat64().map((value, index) => (index === 5 ? 300 ** 2 * value : value));
  bn.setWeight('movingVariance', Tensor.fromNumbers('float32', variance.shape, seen));
  return model;
}

/** A tensor of which one channel is 50 times as large as the others, and hardly read. */
function loud(): Model {
  return buildModel([
    input('x', [4, 4, 3]),
    layer('BatchNormalization', 'bn0'),
    layer('Conv2D', 'first', { filters: 4, kernel_size: 1, use_bias: false }),
    layer(
      'BatchNormalization',
      'bn',
      { epsilon: 1e-9 },
      {
        weights: {
          ...{ gamma: [1, 1, 1, 50], beta: [0, 0, 0, 0] },
          ...{ movingMean: [0, 0, 0, 0], movingVariance: [4, 4, 4, 4] },
        },
      },
    ),
    layer('ReLU', 'relu'),
    layer(
      'Conv2D',
      'last',
      { filters: 2, kernel_size: 1 },
      { weights: { kernel: [1, 0.9, -0.8, 1, 1, -0.9, 0.02, -0.02], bias: [0, 0] } },
    ),
  ]);
}

/** Of kernels, and of tensors; one that is not on that side has none. */
const shares = ({ layers, tensors }: DamageReport, stage: 'before' | 'after'): number[][] =>
  [layers, tensors].map((list) => list.map((one) => one[stage]?.share ?? 0));

const sum = (values: readonly number[]): number => values.reduce((total, one) => total + one, 0);

describe('damageReport', () => {
  it('ranks layers by what they do before, in shares of each side', async () => {
    const model = network();
    const report = await damageReport(model);
    expect(report.target).toBe('int8-per-tensor');
    expect(report.layers).toHaveLength(4);
    const before = shares(report, 'before');
    for (const list of before) expect(list).toEqual([...list].sort((a, b) => b - a));
    expect(sum(before.flat())).toBeCloseTo(1, 12);
    expect(sum(shares(report, 'after').flat())).toBeCloseTo(1, 12);
    expect(report.tensors.map(({ tensor }) => tensor).sort()).toEqual([
      'output of dense',
      'output of last',
      'output of last_depthwise, a part of last',
      'output of pool',
      'output of relu',
      'output of relu0',
      'output of relu2',
      'the input x',
    ]);
    expect(model.layers.map(({ name }) => name)).toContain('bn2');
  });

  it('compares all kernels and tensors together, before and after', async () => {
    const { layers, tensors, improvementDb } = await damageReport(network());
    const [before, after] = (['before', 'after'] as const).map((side) =>
      sum([...layers, ...tensors].map((one) => one[side]?.damage ?? NaN)),
    );
    expect(improvementDb).toBeCloseTo(10 * Math.log10((before ?? NaN) / (after ?? NaN)), 9);
    expect(improvementDb).toBeGreaterThan(0);
  });

  it('keeps batch norms for TF.js, and has something to say for every target', async () => {
    const found = await Promise.all(DAMAGE_TARGETS.map((target) => damageReport(network(), target)));
    for (const { target, layers, tensors, improvementDb } of found) {
      expect(layers).toHaveLength(4);
      expect(improvementDb).toBeGreaterThan(0);
      expect(tensors).toHaveLength(target === 'tfjs-uint8' ? 0 : 8);
    }
    // Where batch norms stay the large channel hurts the others of its kernel; folded, it is divided by what they saw.
    expect(found[DAMAGE_TARGETS.indexOf('tfjs-uint8')]?.layers[0]?.layer).toBe('middle');
  });

  it('finds the tensor whose range a channel sets alone, which equalizing evens out', async () => {
    const model = loud();
    const report = await damageReport(model);
    const relu = report.tensors.find(({ layer: path }) => path === 'relu');
    // Means of 0 and deviations of 1 and, of channel 3, 50.
    expect(relu?.before).toMatchObject({ min: 0, loneChannel: 3, isKnown: true });
    expect(relu?.before?.max).toBeCloseTo(300, 0);
    expect(relu?.after?.loneChannel).toBeNull();
    expect(relu && tensorRemedy(relu)).toBe('its range is set by channel 3 alone; equalize cures that');
    expect(tensorRemedy({ ...(relu as DamagedTensor), after: null })).toBe(
      'its range is set by channel 3 alone',
    );
    const left = { ...(relu as DamagedTensor), after: relu?.before ?? null };
    expect(tensorRemedy(left)).toBe('its range is set by channel 3 alone, and equalize leaves it so');
    expect(damageRanking(report)[0]).toMatchObject({
      ...{ kind: 'tensor', layer: 'relu', name: 'output of relu' },
      remedy: 'its range is set by channel 3 alone; equalize cures that',
    });
    const ranked = damageRanking(report).map(({ before }) => before?.damage ?? -1);
    expect(ranked).toHaveLength(report.layers.length + report.tensors.length);
    expect(ranked).toEqual([...ranked].sort((a, b) => b - a));
  });

  it('answers without statistics too, and says so', async () => {
    const model = buildModel([
      input('x', [4]),
      layer('Dense', 'a', { units: 8 }),
      layer('ReLU', 'relu'),
      layer('Dense', 'b', { units: 2 }),
    ]);
    const { layers, improvementDb, notes } = await damageReport(model);
    expect(layers).toHaveLength(2);
    expect(layers.every(({ before, after }) => before && after && !before.isKnown)).toBe(true);
    expect(improvementDb).toBeNull();
    expect(notes).toEqual([
      expect.stringMatching(/^no batch norm tells how what these layers read varies.*: [ab], [ab]$/),
      expect.stringMatching(
        /^nothing tells the range of these tensors, .*: the input x, output of relu, output of b$/,
      ),
    ]);
  });

  it('does not compare with kernels that are on a grid already', async () => {
    const { model } = await quantize(network());
    const { improvementDb, notes } = await damageReport(model, 'tfjs-uint8');
    expect(improvementDb).toBeNull();
    expect(notes.join()).toMatch(/on a grid of 8 bits already: what that cost is not counted/);
  });

  it('has nothing of a model without kernels, and of kernels with a NaN', async () => {
    const bare = await damageReport(buildModel([input('x', [4]), layer('ReLU', 'relu')]));
    expect(bare).toEqual({
      ...{ target: 'int8-per-tensor', layers: [], tensors: [], improvementDb: null },
      notes: [expect.stringMatching(/^nothing tells the range of these tensors/)],
    });
    const nan: LayerSpec = layer('Dense', 'a', { units: 1 }, { weights: { kernel: [NaN, 1] } });
    expect((await damageReport(buildModel([input('x', [2]), nan]))).layers).toEqual([]);
  });
});
