import { describe, expect, it } from 'vitest';
import { bypassLayer, canBypass } from '../../src/model/edit.ts';
import { buildGraph } from '../../src/model/graph.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';

describe('bypassLayer', () => {
  it('connects what read the layer with what the layer read', () => {
    const model = buildModel(
      [
        input('x', [2]),
        layer('Dense', 'dense', { units: 2 }),
        layer('BatchNormalization', 'bn'),
        layer('ReLU', 'relu'),
        layer('Add', 'add', {}, { from: ['bn', 'relu'] }),
      ],
      { outputs: ['add', 'bn'] },
    );
    const bn = model.layer('bn');
    const weights = [...bn.weights.values()];
    bypassLayer(model, bn);
    const graph = buildGraph(model);
    expect(graph.calls.map(({ path }) => path)).toEqual(['x', 'dense', 'relu', 'add']);
    expect(graph.calls.at(-1)?.inputs.map((tensor) => tensor.producer?.path)).toEqual(['dense', 'relu']);
    expect(graph.outputs.map((tensor) => tensor.producer?.path)).toEqual(['add', 'dense']);
    expect([...bn.weights.values()]).toEqual(weights);
  });

  it('refuses a layer with several inputs', () => {
    const model = buildModel([input('x', [2]), layer('Add', 'add', {}, { from: ['x', 'x'] })]);
    expect(() => bypassLayer(model, model.layer('add'))).toThrow(
      new TypeError('add does not have one input and one output'),
    );
  });
});

describe('canBypass', () => {
  it('is false where an input would become an output', () => {
    const model = buildModel([input('x', [2]), layer('BatchNormalization', 'bn')]);
    expect(canBypass(model, model.layer('bn'))).toBe(false);
    const longer = buildModel([input('x', [2]), layer('BatchNormalization', 'bn'), layer('ReLU', 'relu')]);
    expect(canBypass(longer, longer.layer('bn'))).toBe(true);
  });
});
