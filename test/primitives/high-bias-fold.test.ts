import { describe, expect, it } from 'vitest';
import type { Layer } from '../../src/model/layer.ts';
import type { Model } from '../../src/model/model.ts';
import type { SkipReason } from '../../src/model/skip-reason.ts';
import { foldAllBatchNorms } from '../../src/primitives/batch-norm-fold.ts';
import { ClsSetInfo, ClsSetLayerPairInfo } from '../../src/primitives/cls-set-info.ts';
import { HighBiasFold } from '../../src/primitives/high-bias-fold.ts';
import { buildModel, input, type LayerSpec, layer } from '../support/model-builder.ts';
import { randomInputs, relativeDifference, runModel } from '../support/run-model.ts';

/** gamma 1 and -2, beta 10 and -4; sigma is 1, so that folding keeps the kernels readable. */
const batchNorm = (name: string): LayerSpec =>
  layer(
    'BatchNormalization',
    name,
    { epsilon: 0 },
    { weights: { gamma: [1, -2], beta: [10, -4], movingMean: [0, 0], movingVariance: [1, 1] } },
  );

const bias = (one: Layer): number[] => [...one.requireWeight('bias').toFloat64()];

/** conv, batch norm, ReLU, conv with two positions; folded. */
function pairModel(): { model: Model; one: Layer; two: Layer; bns: Map<Layer, Layer> } {
  const model = buildModel([
    input('x', [1, 3, 2]),
    layer(
      'Conv2D',
      'one',
      { filters: 2, kernel_size: 1 },
      { weights: { kernel: [1, 0, 0, 1], bias: [0, 0] } },
    ),
    batchNorm('bn'),
    layer('ReLU', 'relu'),
    layer(
      'Conv2D',
      'two',
      { filters: 1, kernel_size: [1, 2] },
      { weights: { kernel: [1, 2, 3, 4], bias: [100] } },
    ),
  ]);
  const [pairs] = foldAllBatchNorms(model);
  return { model, one: model.layer('one'), two: model.layer('two'), bns: new Map(pairs) };
}

describe('HighBiasFold.biasFold on a pair', () => {
  it('moves max(0, beta - 3 |gamma|) / s behind a ReLU', () => {
    const { one, two, bns } = pairModel();
    expect(bias(one)).toEqual([10, -4]);
    const info = new ClsSetInfo(new ClsSetLayerPairInfo(one, two, [2, 0.5], true));
    HighBiasFold.biasFold([info], bns);
    // c = (10 - 3) / 2 = 3.5 in the first channel; -4 - 3 * 2 is negative in the second.
    expect(bias(one)).toEqual([6.5, -4]);
    // The kernel adds up to 1 + 3 for the first input channel.
    expect(bias(two)).toEqual([100 + 3.5 * 4]);
  });

  it('moves beta / s, negative ones too, where no ReLU stands between', () => {
    const { one, two, bns } = pairModel();
    const info = new ClsSetInfo(new ClsSetLayerPairInfo(one, two, [2, 0.5], false));
    HighBiasFold.biasFold([info], bns);
    // c = 10 / 2 and -4 / 0.5.
    expect(bias(one)).toEqual([5, 4]);
    expect(bias(two)).toEqual([100 + 5 * 4 - 8 * 6]);
  });

  it('keeps the function where the output of the first layer stays above c and nothing is padded', async () => {
    const { model, one, two, bns } = pairModel();
    const inputs = randomInputs(model).map((tensor) => tensor.scaled('columns', [0.5, 0.1]));
    const before = await runModel(model, inputs);
    HighBiasFold.biasFold([new ClsSetInfo(new ClsSetLayerPairInfo(one, two, [1, 1], true))], bns);
    expect(bias(one)).toEqual([3, -4]);
    // Moving 7 between biases costs a rounding or two of float32 at the size of the outputs.
    expect(relativeDifference(before, await runModel(model, inputs))).toBeLessThan(1e-6);
  });
});

describe('HighBiasFold.biasFold on a triple', () => {
  it('absorbs through the depthwise layer channel by channel, then behind it', () => {
    const model = buildModel([
      input('x', [1, 3, 2]),
      layer(
        'Conv2D',
        'one',
        { filters: 2, kernel_size: 1 },
        { weights: { kernel: [1, 0, 0, 1], bias: [0, 0] } },
      ),
      batchNorm('bn1'),
      layer('ReLU', 'relu1'),
      layer(
        'DepthwiseConv2D',
        'two',
        { kernel_size: [1, 2] },
        { weights: { depthwiseKernel: [1, 2, 3, 4], bias: [0, 0] } },
      ),
      batchNorm('bn2'),
      layer('ReLU', 'relu2'),
      layer('Conv2D', 'three', { filters: 1, kernel_size: 1 }, { weights: { kernel: [5, 7], bias: [1] } }),
    ]);
    const [pairs] = foldAllBatchNorms(model);
    const [one, two, three] = [model.layer('one'), model.layer('two'), model.layer('three')];
    expect(bias(two)).toEqual([10, -4]);
    // bn2's gamma of -2 has turned the second channel of the depthwise kernel to -4, -8.
    const info = new ClsSetInfo(
      new ClsSetLayerPairInfo(one, two, [2, 1], true),
      new ClsSetLayerPairInfo(two, three, [7, 1], true),
    );
    HighBiasFold.biasFold([info], new Map(pairs));
    // First pair: c = 3.5, 0; the depthwise kernel adds up to 1 + 3 in the first channel.
    expect(bias(one)).toEqual([6.5, -4]);
    // Second pair: c = (10 - 3) / 7 = 1, 0, taken from what the first pair left.
    expect(bias(two)).toEqual([10 + 3.5 * 4 - 1, -4]);
    expect(bias(three)).toEqual([1 + 1 * 5]);
  });
});

describe('what HighBiasFold.biasFold leaves alone', () => {
  const reasonsOf = (infos: readonly ClsSetInfo[], bns: ReadonlyMap<Layer, Layer>): SkipReason[] => {
    const reasons: SkipReason[] = [];
    HighBiasFold.biasFold(infos, bns, { onSkip: (reason) => reasons.push(reason) });
    return reasons;
  };

  it('is a pair whose first layer got no batch norm', () => {
    const { one, two } = pairModel();
    const info = new ClsSetInfo(new ClsSetLayerPairInfo(one, two, [1, 1], true));
    expect(reasonsOf([info], new Map())).toEqual([{ code: 'no-batch-norm', layers: ['one', 'two'] }]);
    expect(bias(one)).toEqual([10, -4]);
  });

  it('is a pair of which a layer has no bias', () => {
    const model = buildModel([
      input('x', [1, 1, 2]),
      layer('Conv2D', 'one', { filters: 2, kernel_size: 1 }),
      batchNorm('bn'),
      layer('Conv2D', 'two', { filters: 1, kernel_size: 1, use_bias: false }),
    ]);
    const bns = new Map(foldAllBatchNorms(model)[0]);
    const [one, two] = [model.layer('one'), model.layer('two')];
    const before = bias(one);
    const info = new ClsSetInfo(new ClsSetLayerPairInfo(one, two, [1, 1], true));
    expect(reasonsOf([info], bns)).toEqual([{ code: 'no-bias', layers: ['one', 'two'], without: 'two' }]);
    expect(bias(one)).toEqual(before);
  });

  it('is a pair whose batch norm has not the channels that the first layer writes', () => {
    const { one, two } = pairModel();
    const wide = buildModel([input('x', [3]), layer('BatchNormalization', 'bn3')]).layer('bn3');
    const info = new ClsSetInfo(new ClsSetLayerPairInfo(one, two, [1, 1], true));
    expect(reasonsOf([info], new Map([[one, wide]]))).toEqual([
      { code: 'no-batch-norm', layers: ['one', 'two'] },
    ]);
    expect(bias(one)).toEqual([10, -4]);
  });
});
