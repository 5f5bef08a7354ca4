import { describe, expect, it } from 'vitest';
import {
  bypassLayers,
  canBypass,
  expandCalls,
  insertBehind,
  replaceCall,
  withInputShapes,
} from '../../src/model/edit.ts';
import { buildGraph } from '../../src/model/graph.ts';
import { Call, type Model } from '../../src/model/model.ts';
import { type NewLayerPlace, newRelu } from '../../src/model/new-layer.ts';
import { PLAIN_RELU } from '../../src/model/operation.ts';
import { takeSnapshot } from '../../src/model/snapshot.ts';
import { buildModel, input, layer, nested } from '../support/model-builder.ts';

describe('bypassLayers', () => {
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
    bypassLayers(model, new Set([bn]));
    const graph = buildGraph(model);
    expect(graph.calls.map(({ path }) => path)).toEqual(['x', 'dense', 'relu', 'add']);
    expect(graph.calls.at(-1)?.inputs.map((tensor) => tensor.producer?.path)).toEqual(['dense', 'relu']);
    expect(graph.outputs.map((tensor) => tensor.producer?.path)).toEqual(['add', 'dense']);
    expect([...bn.weights.values()]).toEqual(weights);
  });

  it('takes out layers that stand one behind the other', () => {
    const model = buildModel([
      input('x', [2]),
      layer('Dense', 'dense', { units: 2 }),
      layer('BatchNormalization', 'one'),
      layer('BatchNormalization', 'other'),
      layer('ReLU', 'relu'),
    ]);
    bypassLayers(model, new Set([model.layer('one'), model.layer('other')]));
    expect(model.layers.map(({ name }) => name)).toEqual(['x', 'dense', 'relu']);
    expect(callOf(model, 'relu').inputs).toEqual([callOf(model, 'dense').output()]);
  });

  it('refuses a layer with several inputs', () => {
    const model = buildModel([input('x', [2]), layer('Add', 'add', {}, { from: ['x', 'x'] })]);
    expect(() => bypassLayers(model, new Set([model.layer('add')]))).toThrow(
      new TypeError('add does not have one input and one output'),
    );
  });
});

describe('canBypass', () => {
  it('is false where an input would become an output', () => {
    const model = buildModel([input('x', [2]), layer('BatchNormalization', 'bn')]);
    expect(canBypass(model, callOf(model, 'bn'))).toBe(false);
    const longer = buildModel([input('x', [2]), layer('BatchNormalization', 'bn'), layer('ReLU', 'relu')]);
    expect(canBypass(longer, callOf(longer, 'bn'))).toBe(true);
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

describe('expandCalls', () => {
  const place = (model: Model, name: string): NewLayerPlace => ({
    owner: model,
    beside: model.layer('dense'),
    name,
  });
  const reads = (model: Model): string[][] =>
    buildGraph(model).calls.map(({ path, inputs }) => [
      path,
      ...inputs.map((one) => one.producer?.path ?? ''),
    ]);

  it('puts calls in the place of one, and what read it reads the last of them', () => {
    const model = buildModel(
      [
        input('x', [2]),
        layer('Dense', 'dense', { units: 2 }, { calls: [['x'], ['dense:0']] }),
        layer('Add', 'add', {}, { from: ['dense:0', 'dense:1'] }),
      ],
      { outputs: ['add', 'dense:0'] },
    );
    const relu = newRelu(place(model, 'relu'), PLAIN_RELU);
    expandCalls(model, (call) =>
      call.layer.name === 'dense' ? [call, new Call(relu, [call.output()])] : undefined,
    );
    expect(reads(model)).toEqual([
      ...[['x'], ['dense', 'x'], ['relu', 'dense'], ['dense', 'relu'], ['relu', 'dense']],
      ['add', 'relu', 'relu'],
    ]);
    expect(model.layers.map(({ name }) => name)).toEqual(['x', 'dense', 'relu', 'add']);
    expect(buildGraph(model).outputs.map((tensor) => tensor.producer?.path)).toEqual(['add', 'relu']);
    expect(model.outputs[1]?.shape).toEqual(model.outputs[0]?.shape);
  });

  it('takes layers out that are in none of the calls', () => {
    const model = buildModel([
      input('x', [2]),
      layer('Dense', 'dense', { units: 2 }),
      layer('ReLU', 'old'),
      layer('Dense', 'last', { units: 2 }),
    ]);
    const relu = newRelu(place(model, 'relu'), PLAIN_RELU);
    expandCalls(model, (call) =>
      call.layer.name === 'old' ? [new Call(relu, call.inputs), new Call(relu, call.inputs)] : undefined,
    );
    expect(model.layers.map(({ name }) => name)).toEqual(['x', 'dense', 'relu', 'last']);
    expect(reads(model).at(-1)).toEqual(['last', 'relu']);
  });

  it('leaves a model alone where every call stays', () => {
    const model = buildModel([input('x', [2]), layer('Dense', 'dense', { units: 2 })]);
    const { calls, layers } = { calls: [...model.calls], layers: model.layers };
    expandCalls(model, () => undefined);
    expect(model.calls).toEqual(calls);
    expect(model.layers).toBe(layers);
  });
});

describe('withInputShapes', () => {
  it('forgets what the file said of tensors behind inputs that were open', () => {
    const open = [null, null, null, 4];
    const model = buildModel([
      input('x', [null, null, 3]),
      nested('body', [input('in', [null, null, 3]), layer('Conv2D', 'a', { filters: 4, kernel_size: 3 })]),
      layer('Conv2D', 'b', { filters: 4, kernel_size: 1 }),
      layer('GlobalAveragePooling2D', 'mean'),
    ]);
    // As a file of Keras 3 has them.
    for (const owner of [model, model.layer('body').model!]) {
      for (const call of owner.calls.slice(1)) call.output().shape = open;
    }
    const shapes = buildGraph(withInputShapes(model, [[9, 7, 3]])).calls.map((call) => call.output().shape);
    expect(shapes).toEqual([
      [null, 9, 7, 3],
      [null, 7, 5, 4],
      [null, 7, 5, 4],
      [null, 4],
    ]);
    expect(buildGraph(model).calls[1]?.output().shape).toEqual(open);
  });
});
