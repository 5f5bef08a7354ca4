import { describe, expect, it } from 'vitest';
import { parseModelConfig } from '../../src/formats/keras-config/parse/parse-model.ts';
import type { JsonObject } from '../../src/json/value.ts';
import { readsChannels } from '../../src/model/channel-axes.ts';
import { buildGraph, type GraphCall } from '../../src/model/graph.ts';
import { buildModel, input, type LayerSpec, layer } from '../support/model-builder.ts';

const first = { data_format: 'channels_first' };
const conv = (name: string, config: object = {}, from?: readonly string[]): LayerSpec =>
  layer('Conv2D', name, { filters: 4, kernel_size: 1, ...config }, from ? { from } : {});
const image = input('x', [4, 4, 4]);

function callsOf(layers: readonly LayerSpec[]): Map<string, GraphCall> {
  return new Map(buildGraph(buildModel(layers)).calls.map((call) => [call.path, call]));
}

/** The axis behind the layer of each name. */
function axesOf(layers: readonly LayerSpec[]): Record<string, number | undefined> {
  return Object.fromEntries([...callsOf(layers)].map(([path, call]) => [path, call.output().channelAxis]));
}

describe('channelAxis of a tensor', () => {
  it.each<[string, LayerSpec, number | undefined, number | undefined]>([
    ['Conv2D', conv('a'), -1, 4],
    ['Conv2D, channels first', conv('a', first), -3, 4],
    ['Conv1D, channels first', layer('Conv1D', 'a', { filters: 5, kernel_size: 1, ...first }), -2, 5],
    ['DepthwiseConv2D', layer('DepthwiseConv2D', 'a', { kernel_size: 1, depth_multiplier: 2 }), -1, 8],
    ['Dense on more than two dimensions', layer('Dense', 'a', { units: 3 }), -1, 3],
    ['GlobalAveragePooling2D', layer('GlobalAveragePooling2D', 'a', first), -1, 4],
    [
      'GlobalMaxPooling2D that keeps dimensions',
      layer('GlobalMaxPooling2D', 'a', { keepdims: true, ...first }),
      -3,
      4,
    ],
    ['a batch norm on axis 1', layer('BatchNormalization', 'a', { axis: 1 }), -3, 4],
    ['a batch norm on axis 3', layer('BatchNormalization', 'a', { axis: [3] }), -1, 4],
    [
      'a batch norm on several axes',
      layer('BatchNormalization', 'a', { axis: [1, 3] }),
      undefined,
      undefined,
    ],
    ['Flatten', layer('Flatten', 'a'), -1, 64],
    ['an activation alone', layer('ReLU', 'a'), undefined, undefined],
    ['a layer that nobody knows', layer('Custom', 'a'), undefined, undefined],
  ])('%s', (name, spec, axis, channels) => {
    const shape = name.startsWith('Conv1D') ? [4, 4] : [4, 4, 4];
    const made = callsOf([input('x', shape), spec])
      .get('a')
      ?.output();
    expect([made?.channelAxis, made?.channels]).toEqual([axis, channels]);
  });

  it('goes with the tensor through layers that keep it', () => {
    const axes = axesOf([
      image,
      conv('a', first),
      layer('ReLU', 'relu'),
      layer('Dropout', 'drop', { rate: 0.5 }),
      layer('LayerNormalization', 'norm'),
      layer('ZeroPadding2D', 'pad', { padding: 1, ...first }),
      layer('Add', 'add', {}, { from: ['pad', 'pad'] }),
      layer('Concatenate', 'join', { axis: 1 }, { from: ['add', 'pad'] }),
    ]);
    expect(Object.values(axes)).toEqual([-3, -3, -3, -3, -3, -3, -3, -3]);
  });

  it('is that of what reads a tensor which nothing before it tells of', () => {
    const axes = axesOf([
      image,
      layer('Rescaling', 'scale', { scale: 2 }),
      layer('ReLU', 'relu'),
      conv('a', first),
      layer('ReLU', 'other', {}, { from: ['scale'] }),
      layer('Custom', 'odd', {}, { from: ['a'] }),
      layer('Dense', 'dense', { units: 2 }, { from: ['a'] }),
    ]);
    expect(axes).toEqual({ x: -3, scale: -3, relu: -3, a: -3, other: -3, odd: undefined, dense: -1 });
  });

  it('stays with the layer that makes a tensor, whatever reads it', () => {
    const calls = callsOf([
      image,
      conv('a'),
      conv('b', first),
      layer('MaxPooling2D', 'pool', {}, { from: ['a'] }),
    ]);
    expect(calls.get('a')?.output().channelAxis).toBe(-1);
    expect([...calls.values()].map(readsChannels)).toEqual([true, true, false, true]);
  });

  it('is where a reshape puts the channels', () => {
    const axisBehind = (shape: readonly number[], target: number[], config: object = {}) =>
      axesOf([input('x', shape), conv('a', config), layer('Reshape', 'r', { target_shape: target })])['r'];
    expect(axisBehind([1, 1, 4], [4, 1, 1])).toBe(-3);
    expect(axisBehind([1, 1, 4], [1, 1, 4])).toBe(-1);
    expect(axisBehind([2, 3, 4], [6, 4])).toBe(-1);
    expect(axisBehind([4, 2, 3], [4, 6], first)).toBe(-2);
    // Twelve elements in a row are three channels of four.
    expect(axisBehind([2, 3, 4], [8, 3])).toBeUndefined();
  });

  it('is none where two of them meet', () => {
    const axes = axesOf([
      image,
      conv('a'),
      conv('b', first, ['x']),
      layer('Add', 'add', {}, { from: ['a', 'b'] }),
    ]);
    expect(axes['add']).toBeUndefined();
  });

  it('counts further batches of a convolution as Keras does', () => {
    const calls = callsOf([input('x', [5, 4, 6, 6]), conv('a', { kernel_size: 3, ...first }), conv('b')]);
    const made = calls.get('a')?.output();
    expect(made).toMatchObject({ channelAxis: -3, shape: [null, 5, 4, 4, 4], channels: 4 });
  });

  it('is known behind a convolution that reads a tensor of unknown shape', () => {
    const entry = (className: string, name: string, config: object, from?: string): JsonObject => ({
      class_name: className,
      name,
      config: { name, ...config },
      inbound_nodes: from ? [[[from, 0, 0, {}]]] : [],
    });
    const config = {
      name: 'model',
      layers: [
        entry('InputLayer', 'x', { batch_input_shape: [null, 8] }),
        entry('Custom', 'odd', {}, 'x'),
        entry('Conv2D', 'a', { filters: 4, kernel_size: 1 }, 'odd'),
        entry('BatchNormalization', 'bn', { axis: [3] }, 'a'),
      ],
      input_layers: [['x', 0, 0]],
      output_layers: [['bn', 0, 0]],
    };
    const graph = buildGraph(parseModelConfig({ class_name: 'Functional', config }, 'model'));
    const [, odd, , bn] = graph.calls.map((call) => call.output());
    expect(odd).toMatchObject({ channelAxis: -1, shape: undefined });
    expect(bn).toMatchObject({ channelAxis: -1, shape: [null, null, null, 4] });
  });
});
