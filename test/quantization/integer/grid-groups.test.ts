import { describe, expect, test } from 'vitest';
import { insertBehind } from '../../../src/model/edit.ts';
import { buildGraph, type GraphTensor, tensorKey } from '../../../src/model/graph.ts';
import type { Model } from '../../../src/model/model.ts';
import { newCap } from '../../../src/model/new-layer.ts';
import { gridGroups } from '../../../src/quantization/integer/grid-groups.ts';
import { integerForm } from '../../../src/quantization/integer/integer-form.ts';
import {
  buildModel,
  buildSequential,
  input,
  type LayerSpec,
  layer,
  nested,
} from '../../support/model-builder.ts';

const X = input('x', [8, 8, 2]);
const CONV = { filters: 2, kernel_size: 3, padding: 'same' };

/**
 * The groups, each as its tensors: `+` before those that decide, `~` behind those that are rounded, and the zero point behind
 * a fixed grid. First calls and outputs go without their numbers.
 */
function groupsOf(model: Model): string[] {
  return gridGroups(buildGraph(model)).map(({ tensors, deciding, rounded, fixed }) => {
    const words = tensors.map((tensor) => {
      const before = deciding.includes(tensor) ? '+' : '';
      return `${before}${keyOf(tensor)}${rounded.includes(tensor) ? '~' : ''}`;
    });
    return `${words.join(' ')}${fixed ? ` = ${fixed.scale} ${fixed.zeroPoint}` : ''}`;
  });
}

function keyOf(tensor: GraphTensor): string {
  return tensorKey(tensor).replace(/#0:0$/, '').replace(/:0$/, '');
}

function chain(...layers: readonly LayerSpec[]): Model {
  return buildModel([X, ...layers]);
}

function withCap(model: Model, name: string, maxima: readonly number[]): Model {
  const beside = model.layer(name);
  const cap = newCap({ owner: model, beside, name: 'cap' }, Float64Array.from(maxima), -1);
  insertBehind(model, model.calls.find((call) => call.layer === beside)!, [cap]);
  return model;
}

describe('gridGroups', () => {
  test('a kernel has a grid of its own, before a ReLU none', () => {
    const model = chain(
      layer('Conv2D', 'a', CONV),
      layer('ReLU', 'relu'),
      layer('Conv2D', 'b', CONV),
      layer('ReLU', 'relu6', { max_value: 6 }),
      layer('Conv2D', 'c', CONV),
      layer('LeakyReLU', 'leaky'),
      layer('Conv2D', 'd', { ...CONV, activation: 'relu' }),
      layer('ReLU', 'again'),
    );
    expect(groupsOf(model)).toEqual(['+x~', '+relu~', '+relu6~', '+c~', '+leaky~', '+d~', '+again~']);
  });

  test.each([
    ['Add', 'x'],
    ['Subtract', 'x'],
    ['Multiply', 'x'],
    ['Average', 'x'],
  ])('%s goes with the ReLU behind it', (className, other) => {
    const model = chain(
      layer('Conv2D', 'conv', CONV),
      layer(className, 'merge', {}, { from: ['conv', other] }),
      layer('ReLU', 'relu'),
    );
    expect(groupsOf(model)).toEqual(['+x~', '+conv~', '+relu~']);
  });

  test('a batch norm goes with the ReLU behind it', () => {
    const model = chain(layer('BatchNormalization', 'bn'), layer('ReLU', 'relu'));
    expect(groupsOf(model)).toEqual(['+x~', '+relu~']);
  });

  test('a tensor that others see as well is not computed away', () => {
    const layers = [layer('Conv2D', 'conv', CONV), layer('ReLU', 'relu')];
    const read = [...layers, layer('Add', 'sum', {}, { from: ['conv', 'relu'] })];
    expect(groupsOf(buildModel([X, ...read]))).toEqual(['+x~', '+conv~', '+relu~', '+sum~']);
    const written = buildModel([X, ...layers], { outputs: ['relu', 'conv'] });
    expect(groupsOf(written)).toEqual(['+x~', '+conv~', '+relu~']);
  });

  test.each<[string, LayerSpec, boolean]>([
    [
      'padding',
      layer('ZeroPadding2D', 'y', {
        padding: [
          [1, 1],
          [1, 1],
        ],
      }),
      false,
    ],
    [
      'cropping',
      layer('Cropping2D', 'y', {
        cropping: [
          [1, 1],
          [1, 1],
        ],
      }),
      false,
    ],
    ['flattening', layer('Flatten', 'y'), false],
    ['reshaping', layer('Reshape', 'y', { target_shape: [4, 16, 2] }), false],
    ['Dropout', layer('Dropout', 'y', { rate: 0.5 }), false],
    ['max pooling', layer('MaxPooling2D', 'y', { pool_size: [2, 2] }), false],
    ['a global maximum', layer('GlobalMaxPooling2D', 'y'), false],
    ['average pooling', layer('AveragePooling2D', 'y', { pool_size: [2, 2] }), true],
    ['nearest upsampling', layer('UpSampling2D', 'y', { size: [2, 2] }), false],
    ['bilinear upsampling', layer('UpSampling2D', 'y', { size: [2, 2], interpolation: 'bilinear' }), true],
  ])('%s keeps the grid', (_, spec, isRounded) => {
    expect(groupsOf(chain(layer('Conv2D', 'conv', CONV), spec))).toEqual([
      '+x~',
      `+conv~ y${isRounded ? '~' : ''}`,
    ]);
  });

  test.each<[string, LayerSpec]>([
    ['a global mean', layer('GlobalAveragePooling2D', 'y')],
    ['bicubic upsampling', layer('UpSampling2D', 'y', { size: [2, 2], interpolation: 'bicubic' })],
    ['a batch norm', layer('BatchNormalization', 'y')],
    ['a PReLU', layer('PReLU', 'y')],
    ['an ELU', layer('ELU', 'y')],
    ['hard sigmoid', layer('Activation', 'y', { activation: 'hard_sigmoid' })],
    ['a ReLU with a threshold', layer('ReLU', 'y', { threshold: 1 })],
    ['a layer that nobody knows', layer('LayerNormalization', 'y')],
  ])('%s has a grid of its own', (_, spec) => {
    expect(groupsOf(chain(layer('Conv2D', 'conv', CONV), spec))).toEqual(['+x~', '+conv~', '+y~']);
  });

  test.each([
    ['softmax', ' = 0.00390625 -128'],
    ['sigmoid', ' = 0.00390625 -128'],
    ['tanh', ' = 0.0078125 0'],
  ])('%s has a fixed grid', (activation, grid) => {
    const model = chain(layer('Activation', 'y', { activation }), layer('Flatten', 'flatten'));
    expect(groupsOf(model)).toEqual(['+x~', `y~ flatten${grid}`]);
  });

  test.each(['Maximum', 'Minimum', 'Concatenate'])('%s has one grid for all', (className) => {
    const model = chain(
      layer('Conv2D', 'conv', CONV),
      layer('ReLU', 'relu'),
      layer('Conv2D', 'other', CONV, { from: ['x'] }),
      layer(className, 'merge', {}, { from: ['relu', 'other'] }),
      layer('Conv2D', 'last', CONV),
    );
    expect(groupsOf(model)).toEqual(['+x~', '+relu~ +other~ merge', '+last~']);
  });

  test('chains of them are one group', () => {
    const model = chain(
      layer('Conv2D', 'a', CONV),
      layer('Conv2D', 'b', CONV),
      layer('Concatenate', 'ab', {}, { from: ['a', 'b'] }),
      layer('MaxPooling2D', 'pool', { pool_size: [2, 2] }),
      layer('UpSampling2D', 'up', { size: [2, 2] }),
      layer('Concatenate', 'all', {}, { from: ['up', 'x'] }),
    );
    expect(groupsOf(model)).toEqual(['+x~ +a~ +b~ ab pool up all']);
  });

  describe('a cap has one grid with what it caps', () => {
    const relu = [layer('Conv2D', 'conv', CONV), layer('ReLU', 'relu')];

    test('which saturates behind the ReLU of a kernel and behind a kernel', () => {
      expect(groupsOf(withCap(chain(...relu), 'relu', [1, 2]))).toEqual(['+x~', 'relu~ +cap']);
      expect(groupsOf(withCap(chain(...relu), 'conv', [1, 2]))).toEqual(['+x~', 'conv~ +cap', '+relu~']);
      const fused = chain(layer('Conv2D', 'conv', { ...CONV, activation: 'relu' }));
      expect(groupsOf(withCap(fused, 'conv', [1, 2]))).toEqual(['+x~', 'conv~ +cap']);
    });

    test('which saturates behind a sum and its ReLU', () => {
      const sum = chain(layer('Conv2D', 'conv', CONV), layer('Add', 'sum', {}, { from: ['conv', 'x'] }));
      expect(groupsOf(withCap(sum, 'sum', [1, 2]))).toEqual(['+x~', '+conv~', 'sum~ +cap']);
    });

    test('which decides where others read it', () => {
      const model = buildModel([X, ...relu], { outputs: ['relu'] });
      withCap(model, 'relu', [1, 2]);
      model.outputs = [...model.outputs, model.calls.find((call) => call.layer.name === 'relu')!.output()];
      expect(groupsOf(model)).toEqual(['+x~', '+relu~ cap']);
    });

    test('which decides where no kernel could cut it off', () => {
      const pooled = chain(...relu, layer('MaxPooling2D', 'pool', { pool_size: [2, 2] }));
      expect(groupsOf(withCap(pooled, 'pool', [1, 2]))).toEqual(['+x~', '+relu~ pool cap']);
      expect(groupsOf(withCap(chain(...relu), 'x', [1, 2]))).toEqual(['+x~ cap', '+relu~']);
    });

    test('and decides itself where a maximum lies below 0', () => {
      const pooled = chain(...relu, layer('MaxPooling2D', 'pool', { pool_size: [2, 2] }));
      expect(groupsOf(withCap(pooled, 'pool', [-1, 2]))).toEqual(['+x~', '+relu~ pool +cap']);
    });
  });

  test('what goes into the calls of one kernel shares a grid', () => {
    const model = chain(
      layer('Conv2D', 'a', CONV),
      layer('Conv2D', 'shared', CONV, { calls: [['x'], ['a']] }),
      layer('Add', 'sum', {}, { from: ['shared:0', 'shared:1'] }),
    );
    expect(groupsOf(model)).toEqual(['+x~ +a~', '+shared~', '+shared#1~', '+sum~']);
  });

  test('the uses of a nested model have one grid for each of its tensors', () => {
    const inner = [input('y', [8, 8, 2]), layer('Conv2D', 'conv', CONV), layer('Conv2D', 'last', CONV)];
    const model = chain(
      nested('inner', inner, { calls: [['x'], ['inner:0']] }),
      layer('ReLU', 'relu', {}, { from: ['inner:1'] }),
    );
    // What one use computes together with a ReLU, the other gives to a kernel.
    expect(groupsOf(model)).toEqual(['+x~ +inner/last~ +inner/last~', '+inner/conv~ +inner/conv~', '+relu~']);
  });

  test('whole numbers have none', () => {
    const model = buildModel([
      input('words', [4]),
      layer('Reshape', 'line', { target_shape: [4] }),
      layer('Embedding', 'embedding', { input_dim: 5, output_dim: 3 }),
    ]);
    expect(groupsOf(model)).toEqual(['+embedding~']);
    const typed = buildModel([
      { ...input('n', [4]), config: { batch_input_shape: [null, 4], dtype: 'int32' } },
      layer('Flatten', 'flat'),
    ]);
    expect(groupsOf(typed)).toEqual([]);
  });

  test('the input of a Sequential without InputLayer', () => {
    const model = buildSequential([
      layer('Dense', 'dense', { units: 2, batch_input_shape: [null, 3] }),
      layer('ReLU', 'relu'),
    ]);
    expect(groupsOf(model)).toEqual(['+~', '+relu~']);
  });

  test('what no output needs is in no group', () => {
    const model = buildModel(
      [X, layer('Conv2D', 'conv', CONV), layer('Conv2D', 'unread', CONV, { from: ['x'] })],
      { outputs: ['conv'] },
    );
    expect(groupsOf(model)).toEqual(['+x~', '+conv~']);
  });

  test('a fixed grid is not shared with others', () => {
    const model = chain(
      layer('Activation', 'gate', { activation: 'sigmoid' }),
      layer('Concatenate', 'both', {}, { from: ['gate', 'x'] }),
    );
    expect(() => groupsOf(model)).toThrow(
      'gate: int8 kernels fix the grid of its output, which the input x would share; take the integerForm',
    );
    expect(groupsOf(integerForm(model))).toEqual(['+x~ +gate_rescaled~ both', 'gate~ = 0.00390625 -128']);
    const alike = chain(
      layer('Activation', 'a', { activation: 'sigmoid' }),
      layer('Activation', 'b', { activation: 'softmax' }, { from: ['x'] }),
      layer('Concatenate', 'both', {}, { from: ['a', 'b'] }),
    );
    expect(groupsOf(alike)).toEqual(['+x~', 'a~ b~ both = 0.00390625 -128']);
    const unlike = chain(
      layer('Activation', 'a', { activation: 'sigmoid' }),
      layer('Activation', 'b', { activation: 'tanh' }, { from: ['x'] }),
      layer('Concatenate', 'both', {}, { from: ['a', 'b'] }),
    );
    expect(() => groupsOf(unlike)).toThrow('a: int8 kernels fix');
    expect(groupsOf(integerForm(unlike))).toContain('+a_rescaled~ +b_rescaled~ both');
  });
});
