import { describe, expect, it } from 'vitest';
import type { Layer } from '../../src/model/layer.ts';
import { activationOf } from '../../src/model/operation.ts';
import { describeSkip, type SkipReason } from '../../src/model/skip-reason.ts';
import { replaceRelu6WithRelu } from '../../src/primitives/replace-relu6.ts';
import { buildModel, input, type LayerSpec, layer } from '../support/model-builder.ts';
import { randomInputs, runModel } from '../support/run-model.ts';

const maximumOf = (one: Layer): number | undefined => {
  const activation = activationOf(one.operation);
  return activation.kind === 'relu' ? activation.maxValue : undefined;
};

describe('replaceRelu6WithRelu', () => {
  it('takes the maximum from layers and from fused activations, in the order of the model', () => {
    const model = buildModel([
      input('x', [4, 4, 2]),
      layer('Conv2D', 'conv', { filters: 2, kernel_size: 1, activation: 'relu6' }),
      layer('ReLU', 'relu', { max_value: 6 }),
      layer('DepthwiseConv2D', 'depthwise', { kernel_size: 1, activation: 'relu6' }),
      layer('Activation', 'activation', { activation: 'relu6' }),
      layer('Dense', 'dense', { units: 2, activation: 'relu6' }),
    ]);
    const names = ['conv', 'relu', 'depthwise', 'activation', 'dense'];
    expect(names.map((name) => maximumOf(model.layer(name)))).toEqual([6, 6, 6, 6, 6]);
    const [same, changed] = replaceRelu6WithRelu(model);
    expect(same).toBe(model);
    expect(changed).toEqual(names.map((name) => model.layer(name)));
    expect(names.map((name) => maximumOf(model.layer(name)))).toEqual(names.map(() => undefined));
    expect(replaceRelu6WithRelu(model)[1]).toEqual([]);
  });

  it('leaves other activations alone, and keeps a negative slope', () => {
    const model = buildModel([
      input('x', [4]),
      layer('ReLU', 'plain'),
      layer('ReLU', 'five', { max_value: 5 }),
      layer('ReLU', 'leaky', { max_value: 6, negative_slope: 0.1 }),
    ]);
    const [, changed] = replaceRelu6WithRelu(model);
    expect(changed.map(({ name }) => name)).toEqual(['leaky']);
    expect(maximumOf(model.layer('five'))).toBe(5);
    expect(activationOf(model.layer('leaky').operation)).toEqual({
      kind: 'relu',
      maxValue: undefined,
      negativeSlope: 0.1,
      threshold: 0,
    });
  });

  it('changes outputs above 6 alone', async () => {
    const model = buildModel([
      input('x', [50]),
      layer('Rescaling', 'ten', { scale: 10, offset: 0 }),
      layer('Dropout', 'between', { rate: 0.1 }),
      layer('ReLU', 'relu', { max_value: 6 }),
    ]);
    const inputs = randomInputs(model);
    const [before] = await runModel(model, inputs);
    replaceRelu6WithRelu(model);
    const [after] = await runModel(model, inputs);
    expect(before?.includes(6)).toBe(true);
    expect(after?.map((value) => Math.min(value, 6))).toEqual(before);
    expect(after?.some((value) => value > 6)).toBe(true);
  });

  it('leaves the gate of a hard-swish alone, and says so', () => {
    const model = buildModel([
      input('x', [4, 4, 2]),
      layer('Conv2D', 'conv', { filters: 2, kernel_size: 1 }),
      layer('Rescaling', 'shift', { scale: 1, offset: 3 }),
      layer('ReLU', 'gate', { max_value: 6 }),
      layer('Rescaling', 'sixth', { scale: 1 / 6, offset: 0 }),
      layer('Multiply', 'swish', {}, { from: ['conv', 'sixth'] }),
      layer('ReLU', 'plain', { max_value: 6 }),
    ]);
    const reasons: SkipReason[] = [];
    const [, changed] = replaceRelu6WithRelu(model, { onSkip: (reason) => reasons.push(reason) });
    expect(changed.map(({ name }) => name)).toEqual(['plain']);
    expect(maximumOf(model.layer('gate'))).toBe(6);
    expect(reasons).toEqual([{ code: 'hard-swish', layers: ['gate'], between: 'shift (Rescaling)' }]);
    expect(describeSkip(reasons[0] as SkipReason)).toBe(
      'gate keeps its maximum: with shift (Rescaling) it is part of a hard-swish, which needs it',
    );
  });

  it('knows a hard-swish of operators too, whichever side of the ReLU6 the number stands on', () => {
    const operator = (name: string, symbol: string, y: number): LayerSpec =>
      layer('TFOpLambda', name, { function: symbol }, { kwargs: { y, name: null } });
    const gate = layer('ReLU', 'gate', { max_value: 6 });
    for (const between of [
      [operator('plus', 'math.add', 3), gate],
      [gate, operator('times', 'math.multiply', 1 / 6)],
    ]) {
      const reasons: SkipReason[] = [];
      const model = buildModel([input('x', [4]), ...between]);
      expect(replaceRelu6WithRelu(model, { onSkip: (reason) => reasons.push(reason) })[1]).toEqual([]);
      expect(reasons.map(({ code, layers }) => [code, ...layers])).toEqual([['hard-swish', 'gate']]);
    }
    // Without a number it is no such arithmetic.
    const sum = buildModel([
      input('x', [4]),
      layer('ReLU', 'relu', { max_value: 6 }),
      layer('Add', 'add', {}, { from: ['x', 'relu'] }),
    ]);
    expect(replaceRelu6WithRelu(sum)[1].map(({ name }) => name)).toEqual(['relu']);
  });

  it('changes a shared layer once', () => {
    const model = buildModel([
      input('x', [2]),
      layer('ReLU', 'relu', { max_value: 6 }, { calls: [['x'], ['relu']] }),
    ]);
    expect(replaceRelu6WithRelu(model)[1]).toHaveLength(1);
  });
});
