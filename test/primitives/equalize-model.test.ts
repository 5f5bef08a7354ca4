import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/model/model.ts';
import { foldAllBatchNorms } from '../../src/primitives/batch-norm-fold.ts';
import { CrossLayerScaling } from '../../src/primitives/cross-layer-scaling.ts';
import { equalizeBnFoldedModel, equalizeModel } from '../../src/primitives/equalize-model.ts';
import { HighBiasFold } from '../../src/primitives/high-bias-fold.ts';
import { replaceRelu6WithRelu } from '../../src/primitives/replace-relu6.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';
import { randomInputs, runModel } from '../support/run-model.ts';

/** A block as MobileNetV2 has them: expand, depthwise, project. */
function block(): Model {
  return buildModel([
    input('x', [6, 6, 3]),
    layer('Conv2D', 'expand', { filters: 6, kernel_size: 1, use_bias: false }),
    layer('BatchNormalization', 'expand_bn'),
    layer('ReLU', 'expand_relu', { max_value: 6 }),
    layer('DepthwiseConv2D', 'depthwise', { kernel_size: 3, padding: 'same', use_bias: false }),
    layer('BatchNormalization', 'depthwise_bn'),
    layer('ReLU', 'depthwise_relu', { max_value: 6 }),
    layer('Conv2D', 'project', { filters: 4, kernel_size: 1, use_bias: false }),
    layer('BatchNormalization', 'project_bn'),
  ]);
}

/** All weights by layer and name. */
function weightsOf(model: Model): Record<string, number[]> {
  return Object.fromEntries(
    [...model.allLayers()].flatMap(({ layer: one, path }) =>
      [...one.weights].map(([name, tensor]) => [`${path}/${name}`, [...tensor.toFloat64()]]),
    ),
  );
}

describe('equalizeModel', () => {
  it('leaves its input untouched', async () => {
    const model = block();
    const inputs = randomInputs(model);
    const before = await runModel(model, inputs);
    const [weights, layers] = [weightsOf(model), [...model.layers]];
    const operations = model.layers.map(({ operation }) => operation);
    const equalized = equalizeModel(model);
    expect(equalized).not.toBe(model);
    expect(equalized.layers.some((one) => model.layers.includes(one))).toBe(false);
    expect(model.layers).toEqual(layers);
    expect(model.layers.map(({ operation }) => operation)).toEqual(operations);
    expect(model.layers.every(({ foldedInto }) => foldedInto === undefined)).toBe(true);
    expect(weightsOf(model)).toEqual(weights);
    expect(await runModel(model, inputs)).toEqual(before);
  });

  it('is the four steps, one after the other', () => {
    const steps = block();
    replaceRelu6WithRelu(steps);
    const [pairs] = foldAllBatchNorms(steps);
    const infos = CrossLayerScaling.scaleModel(steps);
    HighBiasFold.biasFold(infos, new Map(pairs));
    const equalized = equalizeModel(block());
    expect(weightsOf(equalized)).toEqual(weightsOf(steps));
    expect(equalized.layers.map(({ name }) => name)).toEqual(steps.layers.map(({ name }) => name));
    expect(infos.map(({ clsPairInfoList }) => clsPairInfoList.length)).toEqual([2]);
  });

  it('tells each step what it left alone', () => {
    const codes: string[] = [];
    equalizeModel(
      buildModel([
        input('x', [4, 4, 2]),
        layer('Conv2D', 'conv', { filters: 2, kernel_size: 1, activation: 'tanh' }),
        layer('BatchNormalization', 'bn'),
        layer('Conv2D', 'conv2', { filters: 2, kernel_size: 3, padding: 'same' }),
        layer('Conv2D', 'conv3', { filters: 2, kernel_size: 1 }),
      ]),
      { onSkip: ({ code, layers }) => codes.push(`${code} ${layers[0]}`) },
    );
    expect(codes).toEqual(['fused-activation bn', 'activation-between conv', 'no-batch-norm conv2']);
  });
});

describe('equalizeBnFoldedModel', () => {
  it('scales and absorbs with the pairs of the fold', () => {
    const [steps, whole] = [block(), block()];
    for (const model of [steps, whole]) replaceRelu6WithRelu(model);
    const [stepPairs] = foldAllBatchNorms(steps);
    HighBiasFold.biasFold(CrossLayerScaling.scaleModel(steps), new Map(stepPairs));
    const [pairs] = foldAllBatchNorms(whole);
    equalizeBnFoldedModel(whole, pairs);
    expect(weightsOf(whole)).toEqual(weightsOf(steps));
  });

  it('goes by the batch norm that was folded backward, where another was folded forward into the same layer', () => {
    const make = (): Model =>
      buildModel([
        input('x', [4, 4, 2]),
        layer('ReLU', 'relu'),
        layer('BatchNormalization', 'front'),
        layer('Conv2D', 'conv', { filters: 2, kernel_size: 1 }),
        layer('BatchNormalization', 'behind'),
        layer('Conv2D', 'conv2', { filters: 2, kernel_size: 1 }),
      ]);
    const [whole, steps] = [make(), make()];
    const [pairs] = foldAllBatchNorms(whole);
    expect(pairs.map(([one, bn]) => `${one.name} ${bn.name}`)).toEqual(['conv behind', 'conv front']);
    equalizeBnFoldedModel(whole, pairs);
    const behind = steps.layer('behind');
    foldAllBatchNorms(steps);
    HighBiasFold.biasFold(CrossLayerScaling.scaleModel(steps), new Map([[steps.layer('conv'), behind]]));
    expect(weightsOf(whole)).toEqual(weightsOf(steps));
  });
});
