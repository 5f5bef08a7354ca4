import { describe, expect, it } from 'vitest';
import { bypassLayer, canBypass, insertBehind, replaceCall } from '../../src/model/edit.ts';
import { buildGraph } from '../../src/model/graph.ts';
import type { Call, Model } from '../../src/model/model.ts';
import { type NewLayerPlace, newRelu } from '../../src/model/new-layer.ts';
import { takeSnapshot } from '../../src/model/snapshot.ts';
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

describe('insertBehind', () => {
  it('feeds all that read the call, outputs too', () => {
    const model = branched(['dense', 'add']);
    callOf(model, 'dense').output().shape = [null, 2];
    insertBehind(model, callOf(model, 'dense'), [newRelu(place(model, 'new'), RELU)]);
    expect(wiring(model)).toEqual(['dense<x', 'new<dense', 'relu<new', 'add<new,relu']);
    expect(callOf(model, 'new').output().shape).toEqual([null, 2]);
    // The order in which Keras counts layers once it has loaded the model.
    expect(model.layers.map(({ name }) => name)).toEqual(['x', 'dense', 'new', 'relu', 'add']);
    expect(model.outputs.map(({ producer }) => producer?.layer.name)).toEqual(['new', 'add']);
  });

  it('keeps a layer that is put behind several calls once', () => {
    const model = branched();
    const shared = newRelu(place(model, 'new'), RELU);
    insertBehind(model, callOf(model, 'dense'), [shared]);
    insertBehind(model, callOf(model, 'add'), [shared]);
    expect(model.layers.filter((one) => one === shared)).toHaveLength(1);
    expect(buildGraph(model).callsOf(shared)).toHaveLength(2);
  });

  it('can be undone', () => {
    const model = branched();
    const restore = takeSnapshot(model);
    const before = wiring(model);
    insertBehind(model, callOf(model, 'dense'), [newRelu(place(model, 'new'), RELU)]);
    restore();
    expect(wiring(model)).toEqual(before);
  });
});

describe('replaceCall', () => {
  it('calls another layer and drops the one that is not called any more', () => {
    const model = branched();
    replaceCall(model, callOf(model, 'relu'), newRelu(place(model, 'new'), RELU));
    expect(wiring(model)).toEqual(['dense<x', 'new<dense', 'add<dense,new']);
    expect(model.layers.map(({ name }) => name)).toEqual(['x', 'dense', 'new', 'add']);
  });
});

const RELU = { kind: 'relu', maxValue: undefined, negativeSlope: 0, threshold: 0 } as const;

function branched(outputs: readonly string[] = ['add']): Model {
  return buildModel(
    [
      input('x', [2]),
      layer('Dense', 'dense', { units: 2 }),
      layer('ReLU', 'relu'),
      layer('Add', 'add', {}, { from: ['dense', 'relu'] }),
    ],
    { outputs },
  );
}

function place(model: Model, name: string): NewLayerPlace {
  return { owner: model, beside: model.layer('dense'), name };
}

function callOf(model: Model, name: string): Call {
  return model.calls.find((call) => call.layer.name === name)!;
}

function wiring(model: Model): string[] {
  return model.calls
    .filter(({ inputs }) => inputs.length > 0)
    .map(
      ({ layer: { name }, inputs }) =>
        `${name}<${inputs.map(({ producer }) => producer?.layer.name).join(',')}`,
    );
}
