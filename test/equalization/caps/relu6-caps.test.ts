import fc from 'fast-check';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { capActivations, describeCap } from '../../../src/equalization/caps/relu6-caps.ts';
import { type RegionRecord, scaleRegions } from '../../../src/equalization/scaling/scale-regions.ts';
import { capsAsLayers } from '../../../src/formats/keras-config/caps-as-layers.ts';
import { writeModelConfig } from '../../../src/formats/keras-config/write-model.ts';
import { memoryFiles, readModel } from '../../../src/formats/read.ts';
import { writeModelToMemory } from '../../../src/formats/write.ts';
import type { JsonObject } from '../../../src/json/value.ts';
import { buildGraph, type GraphCall } from '../../../src/model/graph.ts';
import type { Model } from '../../../src/model/model.ts';
import { activationOf, type CapOperation, PLAIN_RELU } from '../../../src/model/operation.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import {
  buildModel,
  buildSequential,
  input,
  type LayerSpec,
  layer,
  nested,
} from '../../support/model-builder.ts';
import { randomChain } from '../../support/random-chain.ts';
import { randomInputs, relativeDifference, runModel } from '../../support/run-model.ts';

let runner: TfjsRunner;
beforeAll(async () => {
  runner = await TfjsRunner.create({ backend: 'cpu' });
});

/** Of seven digits of float32, two for the sums of a few layers; caps add a rounding or two of the largest value each. */
const TOLERANCE = 1e-5;

async function outputsOf(model: Model, inputs: readonly Tensor[]): Promise<Float32Array[]> {
  return (await runner.run(model, inputs)).map((tensor) => Float32Array.from(tensor.toFloat64()));
}

/** Large enough for a maximum of 6 to be reached in a part of the channels. */
function largeInputs(model: Model): Tensor[] {
  return randomInputs(model).map((tensor) =>
    Tensor.fromNumbers(
      'float32',
      tensor.shape,
      tensor.toFloat64().map((value) => 12 * value),
    ),
  );
}

async function equalized(model: Model): Promise<{
  caps: ReturnType<typeof capActivations>;
  record: RegionRecord;
  /** Largest relative difference of the function. */
  difference: number;
  /** The same where the maxima are dropped: what the caps are there for. */
  withoutCaps: number;
  inputs: readonly Tensor[];
  before: readonly Float32Array[];
}> {
  const inputs = largeInputs(model);
  const before = await outputsOf(model, inputs);
  const record = scaleRegions(model, { throughBounded: true });
  const withoutCaps = relativeDifference(before, await outputsOf(model, inputs));
  const caps = capActivations(model, record.bounded);
  const difference = relativeDifference(before, await outputsOf(model, inputs));
  return { caps, record, difference, withoutCaps, inputs, before };
}

const relu6 = (name: string, reading: Parameters<typeof layer>[3] = {}): LayerSpec =>
  layer('ReLU', name, { max_value: 6, negative_slope: 0, threshold: 0 }, reading);
const conv = (name: string, config: JsonObject = {}, reading: Parameters<typeof layer>[3] = {}): LayerSpec =>
  layer('Conv2D', name, { filters: 3, kernel_size: 3, padding: 'same', ...config }, reading);
const head = conv('last', { filters: 2, kernel_size: 1 });

interface Placement {
  readonly layers: readonly LayerSpec[];
  /** Why tfjs-layers itself cannot run it, with or without caps. */
  readonly notInTfjs?: string;
  /** What is added, for the caps in order. */
  readonly expected: readonly (readonly string[])[];
}

const x = input('x', [6, 6, 2]);

const PLACEMENTS: Readonly<Record<string, Placement>> = {
  'behind a convolution': {
    layers: [x, conv('a'), relu6('r'), head],
    expected: [['r_cap']],
  },
  'behind a convolution without bias': {
    layers: [x, conv('a', { use_bias: false }), relu6('r'), head],
    expected: [['r_cap']],
  },
  'behind depthwise, grouped, transposed and separable convolutions': {
    layers: [
      x,
      layer('DepthwiseConv2D', 'd', { kernel_size: 3, padding: 'same', depth_multiplier: 2 }),
      relu6('rd'),
      conv('g', { filters: 4, groups: 2 }),
      relu6('rg'),
      layer('Conv2DTranspose', 't', { filters: 3, kernel_size: 2 }),
      relu6('rt'),
      layer('SeparableConv2D', 's', { filters: 3, kernel_size: 2 }),
      relu6('rs'),
      head,
    ],
    expected: [['rd_cap'], ['rg_cap'], ['rt_cap'], ['rs_cap']],
  },
  'behind Dense': {
    layers: [
      input('x', [5]),
      layer('Dense', 'a', { units: 4 }),
      relu6('r'),
      layer('Dense', 'b', { units: 2 }),
    ],
    expected: [['r_cap']],
  },
  'where a Reshape puts the channels first': {
    layers: [
      x,
      layer('Flatten', 'flat'),
      layer('Dense', 'a', { units: 4 }),
      layer('Reshape', 'shape', { target_shape: [4, 1, 1] }),
      relu6('r'),
      layer('Conv2D', 'last', { filters: 2, kernel_size: 1, data_format: 'channels_first' }),
    ],
    notInTfjs: 'channels come first',
    expected: [['r_cap']],
  },
  'as an Activation layer by name': {
    layers: [x, conv('a'), layer('Activation', 'r', { activation: 'relu6' }), head],
    expected: [['r_cap']],
  },
  'fused into layers': {
    layers: [
      x,
      conv('a', { activation: 'relu6' }),
      layer('DepthwiseConv2D', 'd', { kernel_size: 3, activation: 'relu6', use_bias: false }),
      head,
    ],
    expected: [['a_cap'], ['d_cap']],
  },
  'fused as an object with a slope': {
    layers: [
      x,
      conv('a', {
        activation: { class_name: 'ReLU', config: { name: 'act', max_value: 5, negative_slope: 0.2 } },
      }),
      head,
    ],
    expected: [['a_cap']],
  },
  'with a slope below zero': {
    layers: [x, conv('a'), layer('ReLU', 'r', { max_value: 3, negative_slope: 0.25, threshold: 0 }), head],
    expected: [['r_cap']],
  },
  'behind an Add': {
    layers: [x, conv('a'), conv('b'), layer('Add', 'sum', {}, { from: ['a', 'b'] }), relu6('r'), head],
    expected: [['r_cap']],
  },
  'beside another reader of the convolution': {
    layers: [
      x,
      conv('a'),
      relu6('r'),
      conv('c', {}, { from: ['a'] }),
      layer('Add', 'sum', {}, { from: ['r', 'c'] }),
      head,
    ],
    expected: [['r_cap']],
  },
  'behind zero padding and dropout': {
    layers: [
      x,
      conv('a'),
      layer('ZeroPadding2D', 'pad', { padding: 1 }),
      layer('Dropout', 'drop', { rate: 0.5 }),
      relu6('r'),
      head,
    ],
    expected: [['r_cap']],
  },
  'one ReLU6 called twice': {
    layers: [
      x,
      conv('a'),
      conv('b', { kernel_size: 1 }, { from: ['x'] }),
      relu6('r', { calls: [['a'], ['b']] }),
      conv('c', {}, { from: ['r'] }),
      conv('d', {}, { from: ['r:1'] }),
      layer('Add', 'sum', {}, { from: ['c', 'd'] }),
    ],
    // The layer itself stays with its last call.
    expected: [['r_relu', 'r_cap'], ['r_cap_1']],
  },
  'one convolution called twice': {
    layers: [
      x,
      conv('same', { filters: 2, activation: 'relu6' }, { calls: [['x'], ['same']] }),
      conv('c', {}, { from: ['same:1'] }),
    ],
    // What it writes it reads, next to the input of the model: nothing is scaled, and nothing capped.
    expected: [],
  },
  'one fused convolution with two readers': {
    layers: [
      x,
      conv('l', { activation: 'linear' }),
      conv('m', { activation: 'linear' }, { from: ['x'] }),
      conv('same', { activation: 'relu6' }, { calls: [['l'], ['m']] }),
      layer('Concatenate', 'both', { axis: -1 }, { from: ['same', 'same:1'] }),
      conv('c'),
    ],
    expected: [['same_cap'], ['same_cap_1']],
  },
  'names that are taken': {
    layers: [x, conv('a'), relu6('r'), conv('r_cap'), relu6('r_relu'), head],
    expected: [['r_cap_1'], ['r_relu_cap']],
  },
  'inside a nested model': {
    layers: [
      x,
      nested('inner', [input('y', [6, 6, 2]), conv('a'), relu6('r')]),
      layer('AveragePooling2D', 'pool'),
      head,
    ],
    expected: [['inner/r_cap']],
  },
  'behind a nested model': {
    layers: [x, nested('inner', [input('y', [6, 6, 2]), conv('a')]), relu6('r'), head],
    expected: [['r_cap']],
  },
  'channels first': {
    notInTfjs: 'normalizes the last axis, whichever it is given',
    layers: [
      input('x', [2, 6, 6]),
      conv('a', { data_format: 'channels_first' }),
      relu6('r'),
      layer('MaxPooling2D', 'pool', { data_format: 'channels_first' }),
      relu6('q'),
      conv('last', { data_format: 'channels_first' }),
    ],
    expected: [['r_cap'], ['q_cap']],
  },
  'in three and in one spatial dimension': {
    notInTfjs: 'its batch norm takes no more than two spatial dimensions',
    layers: [
      input('x', [4, 4, 4, 2]),
      layer('Conv3D', 'a', { filters: 3, kernel_size: 2 }),
      relu6('r'),
      layer('Conv3D', 'b', { filters: 2, kernel_size: 2 }),
      layer('Reshape', 'flat', { target_shape: [8, 2] }),
      layer('Conv1D', 'c', { filters: 3, kernel_size: 2, activation: 'relu6' }),
      layer('Conv1D', 'd', { filters: 1, kernel_size: 1 }),
    ],
    expected: [['r_cap'], ['c_cap']],
  },
};

describe('capActivations', () => {
  test.each(Object.entries(PLACEMENTS))('a ReLU6 %s', async (_, { layers, expected, notInTfjs }) => {
    const model = buildModel(layers);
    const { caps, difference, withoutCaps, record, inputs, before } = await equalized(model);
    expect(caps.caps.map(({ added }) => added)).toEqual(expected);
    expect(record.bounded).toHaveLength(expected.length);
    expect(difference).toBeLessThan(TOLERANCE);
    // Without caps the function is another one, so that the line above says something.
    if (expected.length > 0) expect(withoutCaps).toBeGreaterThan(100 * TOLERANCE);
    // The runner has classes of its own for some layers; this is TF.js alone, from files.
    if (notInTfjs === undefined)
      expect(relativeDifference(before, await runModel(model, inputs))).toBeLessThan(TOLERANCE);
  });

  it('in a Sequential keeps the layers in order', async () => {
    const model = buildSequential([x, conv('a'), relu6('r'), conv('b', { activation: 'relu6' }), head]);
    const { difference } = await equalized(model);
    expect(model.layers.map(({ name }) => name)).toEqual(['x', 'a', 'r', 'r_cap', 'b', 'b_cap', 'last']);
    expect(difference).toBeLessThan(TOLERANCE);
  });

  it('needs one layer where all channels have the same maximum, and none for a ReLU layer', async () => {
    const model = buildModel([
      x,
      conv('a'),
      relu6('r'),
      conv('b', { activation: 'relu6' }),
      layer('Activation', 'named', { activation: 'relu6' }),
      head,
    ]);
    const graph = buildGraph(model);
    const bounded = ['r', 'b', 'named'].map((name) => {
      const call = graph.callsOf(model.layer(name))[0];
      return { call: call!, maxima: Float64Array.of(4, 4, 4) };
    });
    const { caps, addedLayers } = capActivations(model, bounded);
    expect(caps).toEqual([
      { kind: 'one-maximum', path: 'r', maximum: 4, added: [] },
      { kind: 'one-maximum', path: 'b', maximum: 4, added: ['b_relu'] },
      { kind: 'one-maximum', path: 'named', maximum: 4, added: ['named_relu'] },
    ]);
    expect(caps.slice(1).map(describeCap)).toEqual([
      'b: a maximum of 4 for all channels; added: b_relu',
      'named: a maximum of 4 for all channels; added: named_relu',
    ]);
    // The ReLU in the place of the Activation is one for one.
    expect(addedLayers).toBe(1);
    expect(model.layers.map(({ name }) => name)).toEqual([
      'x',
      'a',
      'r',
      'b',
      'b_relu',
      'named_relu',
      'last',
    ]);
    expect(model.layers.map(({ operation }) => activationOf(operation))).toMatchObject([
      { kind: 'linear' },
      { kind: 'linear' },
      { maxValue: 4 },
      { kind: 'linear' },
      { maxValue: 4 },
      { maxValue: 4 },
      { kind: 'linear' },
    ]);
  });

  it('refuses a nested model that needs other maxima in each use, before anything is edited', () => {
    const model = buildModel([
      x,
      conv('a'),
      conv('b', {}, { from: ['x'] }),
      nested('clip', [input('y', [6, 6, 3]), relu6('r')], { calls: [['a'], ['b']] }),
      conv('c', {}, { from: ['clip'] }),
      conv('d', {}, { from: ['clip:1'] }),
      layer('Add', 'sum', {}, { from: ['c', 'd'] }),
    ]);
    const layers = [...model.allLayers()].length;
    const graph = buildGraph(model);
    const bounded = graph
      .callsOf(model.layer('clip/r'))
      .map((call, index) => ({ call, maxima: Float64Array.of(1, 2, 3 + index) }));
    expect(() => capActivations(model, bounded)).toThrow(
      /clip\/r: the nested model around it is used 2 times/,
    );
    expect(() => capActivations(model, bounded.slice(1))).toThrow(/used 2 times/);
    expect([...model.allLayers()]).toHaveLength(layers);
  });

  it('refuses calls of other layers', () => {
    const make = (): Model => buildModel([x, conv('a'), relu6('r'), head]);
    const model = make();
    const graph = buildGraph(model);
    const call = graph.callsOf(model.layer('a'))[0]!;
    expect(() => capActivations(model, [{ call, maxima: Float64Array.of(1, 2, 3) }])).toThrow(
      new TypeError('a (Conv2D) is no ReLU with a maximum'),
    );
    expect(() => capActivations(make(), [{ call, maxima: Float64Array.of(1) }])).toThrow(
      new TypeError('a is called nowhere in model'),
    );
  });

  it.each([
    [6, ['relu6', 6, 6], []],
    [6.5, ['relu', undefined, undefined], ['shared_relu']],
  ] as const)(
    'with %d as the largest maximum leaves ReLUs %j',
    (largest, [fusedName, named, shared], made) => {
      const model = buildModel([
        x,
        conv('a', { activation: 'relu6' }),
        layer('Activation', 'named', { activation: 'relu6' }),
        relu6('shared', { calls: [['named'], ['shared']] }),
        conv('last', {}, { from: ['shared:1'] }),
      ]);
      const graph = buildGraph(model);
      const callOf = (name: string): GraphCall => graph.callsOf(model.layer(name))[0]!;
      const bounded = ['a', 'named', 'shared'].map((name) => ({
        call: callOf(name),
        maxima: Float64Array.of(1, largest, 3),
      }));
      const { caps, addedLayers } = capActivations(model, bounded);
      expect(caps.map(({ added }) => added)).toEqual([['a_cap'], ['named_cap'], [...made, 'shared_cap']]);
      expect(addedLayers).toBe(3 + made.length);
      expect(caps[0]).toMatchObject({ kind: 'per-channel', path: 'a', smallest: 1, largest });
      expect(describeCap(caps[0]!)).toBe(`a: maxima of 1 to ${largest}, a channel its own; added: a_cap`);
      const configOf = (name: string): JsonObject => {
        const { config } = writeModelConfig(model) as { config: { layers: JsonObject[] } };
        return config.layers.find((entry) => entry['name'] === name)?.['config'] as JsonObject;
      };
      expect(configOf('a')['activation']).toBe(fusedName);
      const relu = (name: string): unknown => activationOf(model.layer(name).operation);
      expect(relu('named')).toMatchObject({ kind: 'relu', maxValue: named });
      expect(relu(made[0] ?? 'shared')).toMatchObject({ kind: 'relu', maxValue: shared });
      // Its other call needs no other maximum.
      expect(relu('shared')).toMatchObject({ maxValue: 6 });
    },
  );

  it('lowers the cap that is there already when a model is scaled again', async () => {
    const model = buildModel([x, conv('a'), relu6('r'), head]);
    await equalized(model);
    const cap = model.layer('r_cap').operation as CapOperation;
    const call = buildGraph(model).callsOf(model.layer('r'))[0]!;
    model.layer('r').operation = { kind: 'activation', activation: { ...PLAIN_RELU, maxValue: 100 } };
    const [first = 0, ...others] = cap.maxima;
    const { caps, addedLayers } = capActivations(model, [
      { call, maxima: Float64Array.of(first / 2, ...others.map((one) => one + 1)) },
    ]);
    expect([caps[0]?.added, addedLayers]).toEqual([[], 0]);
    expect(model.layer('r_cap').operation).toEqual({ ...cap, maxima: Float64Array.of(first / 2, ...others) });
    expect(activationOf(model.layer('r').operation)).toMatchObject({ maxValue: 100 });
  });

  it('is scaled no further the second time, as one region with what is before and behind', async () => {
    const model = buildModel([
      x,
      conv('a'),
      relu6('r'),
      conv('b', {}, { from: ['x'] }),
      layer('Add', 'sum', {}, { from: ['r', 'b'] }),
      relu6('q'),
      conv('side', {}, { from: ['sum'] }),
      conv('c', {}, { from: ['q'] }),
      layer('Add', 'end', {}, { from: ['side', 'c'] }),
      head,
    ]);
    const { record } = await equalized(model);
    const again = scaleRegions(model, { throughBounded: true });
    expect(again.bounded).toEqual([]);
    expect(again.regions.map(({ sources, sinks }) => [sources, sinks])).toEqual(
      record.regions.map(({ sources, sinks }) => [sources, sinks]),
    );
    for (const { smallest, largest } of again.regions) {
      expect(largest).toBeLessThan(1.001);
      expect(smallest).toBeGreaterThan(1 / 1.001);
    }
  });

  it('is one region in the stock layers of TF.js files, and of older releases', async () => {
    const model = buildModel([x, conv('a'), relu6('r'), head]);
    await equalized(model);
    const { files } = await writeModelToMemory(model, { format: 'tfjs-layers' });
    const negation = {
      gamma: [-1, -1, -1],
      beta: [1, 2, 3],
      movingMean: [0, 0, 0],
      movingVariance: [1, 1, 1],
    };
    const older = buildModel([
      x,
      conv('a', { activation: 'relu' }),
      layer('BatchNormalization', 'r_cap', { epsilon: 0 }, { weights: negation }),
      layer('ReLU', 'r'),
      head,
    ]);
    for (const stock of [await readModel(memoryFiles(files, 'model.json')), older]) {
      const inputs = largeInputs(stock);
      const before = await outputsOf(stock, inputs);
      const kernel = stock.layer('last').requireWeight('kernel');
      stock.layer('last').setWeight('kernel', kernel.scaled('rows', Float64Array.of(1, 10, 100)));
      const changed = await outputsOf(stock, inputs);
      const { regions } = scaleRegions(stock);
      expect(regions).toMatchObject([{ sources: ['a'], sinks: ['last'] }]);
      expect(relativeDifference(changed, await outputsOf(stock, inputs))).toBeLessThan(TOLERANCE);
      expect(relativeDifference(before, changed)).toBeGreaterThan(100 * TOLERANCE);
    }
  });

  it('can be scaled after it, by any factors', async () => {
    const model = buildModel([x, conv('a'), relu6('r'), conv('b'), relu6('q'), head]);
    const { inputs, before } = await equalized(model);
    const kernel = model.layer('b').requireWeight('kernel');
    const uneven = Float64Array.from({ length: kernel.rows }, (_, row) => 3 ** row);
    model.layer('b').setWeight('kernel', kernel.scaled('rows', uneven));
    const changed = await outputsOf(model, inputs);
    const { outputScales } = scaleRegions(model);
    expect(Math.max(...(outputScales.get('a') ?? []))).not.toBeCloseTo(1, 1);
    expect(relativeDifference(changed, await outputsOf(model, inputs))).toBeLessThan(TOLERANCE);
    expect(relativeDifference(before, changed)).toBeGreaterThan(100 * TOLERANCE);
  });

  it('gives operators entries in the dialect that is written, with their maxima in the call', async () => {
    const model = buildModel([x, conv('a'), layer('Dropout', 'drop'), relu6('r'), head]);
    await equalized(model);
    const maxima = [...(model.layer('r_cap').operation as CapOperation).maxima];
    const entry = (dialect: 'keras2' | 'keras3'): JsonObject | undefined => {
      const { config } = writeModelConfig(model.clone(), dialect) as { config: { layers: JsonObject[] } };
      return config.layers.find(({ name }) => name === 'r_cap');
    };
    expect(entry('keras2')).toMatchObject({
      class_name: 'TFOpLambda',
      config: { name: 'r_cap', function: 'math.minimum' },
      inbound_nodes: [['r', 0, 0, { y: maxima, name: null }]],
    });
    expect(entry('keras3')).toMatchObject({
      module: 'keras.src.ops.numpy',
      class_name: 'Minimum',
      registered_name: 'Minimum',
      inbound_nodes: [{ args: [{}, { class_name: '__numpy__', config: { value: maxima } }] }],
    });
  });

  it.each(['keras-h5', 'keras-v3', 'tfjs-layers'] as const)(
    'is the same model from %s files',
    async (format) => {
      const model = buildModel([
        x,
        conv('side', { filters: 2 }),
        conv('a', { use_bias: false, filters: 2 }),
        relu6('r'),
        layer('Add', 'sum', {}, { from: ['r', 'side'] }),
        relu6('q'),
        nested('inner', [input('y', [6, 6, 2]), conv('b', { activation: 'relu6' }), conv('c')]),
        head,
      ]);
      const { caps, inputs, before } = await equalized(model);
      expect(caps.caps).toHaveLength(3);
      const dialects = format === 'keras-h5' ? (['keras2', 'keras3'] as const) : [undefined];
      for (const dialect of dialects) {
        const { files, report } = await writeModelToMemory(model, { format, ...(dialect && { dialect }) });
        expect(report.dropped).toEqual([]);
        const [main = ''] = files.keys();
        const read = await readModel(memoryFiles(files, main));
        expect(relativeDifference(before, await outputsOf(read, inputs))).toBeLessThan(TOLERANCE);
        const written = format === 'tfjs-layers' ? capsAsLayers(model) : model;
        const pathsOf = (one: Model): string[] => [...one.allLayers()].map(({ path }) => path).sort();
        expect(pathsOf(read)).toEqual(pathsOf(written));
      }
    },
  );

  it('keeps the function of random models', async () => {
    let capped = 0;
    await fc.assert(
      fc.asyncProperty(randomChain, async (make) => {
        const { caps, difference } = await equalized(make());
        capped += caps.caps.length;
        expect(difference).toBeLessThan(TOLERANCE);
      }),
      { numRuns: 60, seed: 5 },
    );
    expect(capped).toBeGreaterThan(10);
  });
});
