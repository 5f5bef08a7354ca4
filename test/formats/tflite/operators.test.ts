import { describe, expect, it } from 'vitest';
import type { Model } from '../../../src/model/model.ts';
import {
  buildModel,
  buildSequential,
  input,
  type LayerSpec,
  layer,
  nested,
} from '../../support/model-builder.ts';
import {
  codeDifferences,
  codesBetweenRuntimes,
  floatDifference,
  planned,
} from '../../support/tflite-runs.ts';

/** Models by what is in them, with the operators that they become. */
const CASES: readonly (readonly [name: string, model: () => Model, operators: string])[] = [
  ['Conv2D valid', () => image([conv('conv', {})]), 'CONV_2D'],
  ['Conv2D same, strides', () => image([conv('conv', { strides: 2, padding: 'same' })]), 'CONV_2D'],
  [
    'Conv2D same, odd strides',
    () => image([conv('conv', { strides: [2, 1], padding: 'same', kernel_size: [3, 2] })], [7, 6, 4]),
    'CONV_2D',
  ],
  ['Conv2D dilated', () => image([conv('conv', { dilation_rate: 2, padding: 'same' })]), 'CONV_2D'],
  ['Conv2D grouped', () => image([conv('conv', { groups: 2 })]), 'CONV_2D'],
  ['Conv2D without bias', () => image([conv('conv', { use_bias: false })]), 'CONV_2D'],
  ['Conv2D relu', () => image([conv('conv', { activation: 'relu' })]), 'CONV_2D'],
  ['Conv2D relu6', () => image([conv('conv', { activation: 'relu6' })]), 'CONV_2D'],
  [
    'Conv2D channels first',
    () => image([conv('conv', { data_format: 'channels_first', padding: 'same' })], [4, 8, 6]),
    'TRANSPOSE CONV_2D TRANSPOSE',
  ],
  [
    'two Conv2D channels first',
    () =>
      image(
        [conv('one', { data_format: 'channels_first' }), conv('two', { data_format: 'channels_first' })],
        [4, 8, 6],
      ),
    'TRANSPOSE CONV_2D CONV_2D TRANSPOSE',
  ],
  [
    'ReLU layer with a maximum',
    () => image([conv('conv', {}), layer('ReLU', 'cut', { max_value: 0.5 })]),
    'CONV_2D',
  ],
  [
    'Conv1D',
    () => sequence([layer('Conv1D', 'conv', { filters: 5, kernel_size: 3 })]),
    'RESHAPE CONV_2D RESHAPE',
  ],
  [
    'Conv1D same, strides',
    () => sequence([layer('Conv1D', 'conv', { filters: 5, kernel_size: 3, strides: 2, padding: 'same' })]),
    'RESHAPE CONV_2D RESHAPE',
  ],
  [
    'Conv1D causal',
    () =>
      sequence([
        layer('Conv1D', 'conv', { filters: 5, kernel_size: 3, dilation_rate: 2, padding: 'causal' }),
      ]),
    'RESHAPE PAD CONV_2D RESHAPE',
  ],
  [
    'DepthwiseConv2D',
    () => image([layer('DepthwiseConv2D', 'depthwise', { kernel_size: 3 })]),
    'DEPTHWISE_CONV_2D',
  ],
  [
    'DepthwiseConv2D with a multiplier',
    () =>
      image([
        layer('DepthwiseConv2D', 'depthwise', {
          kernel_size: 3,
          depth_multiplier: 2,
          strides: 2,
          padding: 'same',
        }),
      ]),
    'DEPTHWISE_CONV_2D',
  ],
  [
    'DepthwiseConv2D dilated',
    () => image([layer('DepthwiseConv2D', 'depthwise', { kernel_size: 3, dilation_rate: 2 })]),
    'DEPTHWISE_CONV_2D',
  ],
  [
    'DepthwiseConv1D',
    () => sequence([layer('DepthwiseConv1D', 'depthwise', { kernel_size: 3 })]),
    'RESHAPE DEPTHWISE_CONV_2D RESHAPE',
  ],
  [
    'SeparableConv2D',
    () => image([layer('SeparableConv2D', 'separable', { filters: 5, kernel_size: 3, activation: 'relu' })]),
    'DEPTHWISE_CONV_2D CONV_2D',
  ],
  [
    'Conv2DTranspose',
    () => image([layer('Conv2DTranspose', 'up', { filters: 5, kernel_size: 3, strides: 2 })]),
    'TRANSPOSE_CONV',
  ],
  [
    'Conv2DTranspose same, relu',
    () =>
      image([
        layer('Conv2DTranspose', 'up', {
          filters: 5,
          kernel_size: 3,
          strides: 2,
          padding: 'same',
          activation: 'relu',
        }),
      ]),
    'TRANSPOSE_CONV',
  ],
  ['Dense', () => buildSequential([input('in', [12]), dense('dense', {})]), 'FULLY_CONNECTED'],
  [
    'Dense relu',
    () => buildSequential([input('in', [12]), dense('dense', { activation: 'relu' })]),
    'FULLY_CONNECTED',
  ],
  ['Dense on pictures', () => image([dense('dense', {})]), 'RESHAPE FULLY_CONNECTED RESHAPE'],
  [
    'Dense softmax',
    () => buildSequential([input('in', [12]), dense('dense', { activation: 'softmax' })]),
    'FULLY_CONNECTED SOFTMAX',
  ],
  ['ReLU alone', () => image([layer('ReLU', 'relu', {})]), 'RELU'],
  ['LeakyReLU', () => image([layer('LeakyReLU', 'leaky', { alpha: 0.2 })]), 'LEAKY_RELU'],
  ['PReLU', () => image([layer('PReLU', 'prelu', { shared_axes: [1, 2] })]), 'PRELU'],
  ['ELU', () => image([layer('ELU', 'elu', {})]), 'ELU'],
  ['sigmoid', () => image([activation('sigmoid')]), 'LOGISTIC'],
  ['tanh', () => image([activation('tanh')]), 'TANH'],
  ['swish', () => image([activation('swish')]), 'LOGISTIC MUL'],
  ['hard_swish', () => image([activation('hard_silu')]), 'HARD_SWISH'],
  ['Add', () => two([merge('Add')]), 'ADD'],
  ['Add with a relu', () => two([merge('Add'), layer('ReLU', 'relu', {})]), 'ADD'],
  ['Subtract', () => two([merge('Subtract')]), 'SUB'],
  ['Multiply', () => two([merge('Multiply')]), 'MUL'],
  ['Average', () => two([merge('Average')]), 'MUL MUL ADD'],
  ['Maximum', () => two([merge('Maximum')]), 'MAXIMUM'],
  ['Minimum', () => two([merge('Minimum')]), 'MINIMUM'],
  ['Concatenate', () => two([merge('Concatenate', { axis: -1 })]), 'CONCATENATION'],
  [
    'Concatenate of unlike ranges',
    () =>
      two([
        layer('Rescaling', 'wide', { scale: 9 }, { from: ['in1'] }),
        layer('Concatenate', 'merge', {}, { from: ['in0', 'wide'] }),
        layer('Add', 'beside', {}, { from: ['in0', 'in1'] }),
        layer('Concatenate', 'all', {}, { from: ['merge', 'beside'] }),
      ]),
    'DEPTHWISE_CONV_2D QUANTIZE CONCATENATION ADD CONCATENATION',
  ],
  ['Add of three', () => buildModel([...inputs(3), merge('Add', {}, 3)]), 'ADD ADD'],
  ['Maximum of three', () => buildModel([...inputs(3), merge('Maximum', {}, 3)]), 'MAXIMUM MAXIMUM'],
  ['MaxPooling2D', () => image([layer('MaxPooling2D', 'pool', { pool_size: 2 })]), 'MAX_POOL_2D'],
  [
    'MaxPooling2D same',
    () => image([layer('MaxPooling2D', 'pool', { pool_size: 3, strides: 2, padding: 'same' })]),
    'MAX_POOL_2D',
  ],
  ['AveragePooling2D', () => image([layer('AveragePooling2D', 'pool', { pool_size: 2 })]), 'AVERAGE_POOL_2D'],
  [
    'AveragePooling2D same',
    () => image([layer('AveragePooling2D', 'pool', { pool_size: 3, strides: 2, padding: 'same' })]),
    'AVERAGE_POOL_2D',
  ],
  [
    'MaxPooling1D',
    () => sequence([layer('MaxPooling1D', 'pool', { pool_size: 2 })]),
    'RESHAPE MAX_POOL_2D RESHAPE',
  ],
  ['GlobalAveragePooling2D', () => image([layer('GlobalAveragePooling2D', 'pool', {})]), 'MEAN'],
  [
    'GlobalAveragePooling2D, dimensions kept',
    () => image([layer('GlobalAveragePooling2D', 'pool', { keepdims: true })]),
    'MEAN',
  ],
  ['GlobalAveragePooling1D', () => sequence([layer('GlobalAveragePooling1D', 'pool', {})]), 'MEAN'],
  ['GlobalMaxPooling2D', () => image([layer('GlobalMaxPooling2D', 'pool', {})]), 'MAX_POOL_2D RESHAPE'],
  [
    'ZeroPadding2D',
    () =>
      image([
        layer('ZeroPadding2D', 'pad', {
          padding: [
            [1, 2],
            [0, 1],
          ],
        }),
      ]),
    'PAD',
  ],
  ['ZeroPadding1D', () => sequence([layer('ZeroPadding1D', 'pad', { padding: [1, 2] })]), 'PAD'],
  [
    'Cropping2D',
    () =>
      image([
        layer('Cropping2D', 'crop', {
          cropping: [
            [1, 2],
            [0, 1],
          ],
        }),
      ]),
    'STRIDED_SLICE',
  ],
  ['UpSampling2D', () => image([layer('UpSampling2D', 'up', { size: [2, 3] })]), 'RESIZE_NEAREST_NEIGHBOR'],
  [
    'UpSampling2D bilinear',
    () => image([layer('UpSampling2D', 'up', { size: 2, interpolation: 'bilinear' })]),
    'RESIZE_BILINEAR',
  ],
  ['Flatten', () => image([layer('Flatten', 'flat', {})]), 'RESHAPE'],
  ['Reshape', () => image([layer('Reshape', 'shape', { target_shape: [-1, 2] })]), 'RESHAPE'],
  ['Permute', () => image([layer('Permute', 'swap', { dims: [3, 1, 2] })]), 'TRANSPOSE'],
  ['BatchNormalization', () => image([layer('BatchNormalization', 'bn', {})]), 'DEPTHWISE_CONV_2D'],
  [
    'BatchNormalization relu',
    () => image([layer('BatchNormalization', 'bn', {}), layer('ReLU', 'relu', {})]),
    'DEPTHWISE_CONV_2D',
  ],
  [
    'BatchNormalization of features',
    () => buildModel([input('in', [12]), layer('BatchNormalization', 'bn', {})]),
    'RESHAPE DEPTHWISE_CONV_2D RESHAPE',
  ],
  [
    'BatchNormalization channels first',
    () => image([layer('BatchNormalization', 'bn', { axis: 1 })]),
    'TRANSPOSE DEPTHWISE_CONV_2D TRANSPOSE',
  ],
  [
    'Rescaling',
    () => image([layer('Rescaling', 'rescaling', { scale: 0.5, offset: -1 })]),
    'DEPTHWISE_CONV_2D',
  ],
  [
    'Normalization',
    () =>
      image([
        layer('Normalization', 'norm', { axis: -1, mean: [0.1, 0.2, 0.3, 0.4], variance: [1, 2, 0.5, 1] }),
      ]),
    'DEPTHWISE_CONV_2D',
  ],
  ['hard_sigmoid', () => image([activation('hard_sigmoid')]), 'DEPTHWISE_CONV_2D'],
  [
    'Average of three',
    () => buildModel([...inputs(3), merge('Average', {}, 3)]),
    'ADD ADD DEPTHWISE_CONV_2D',
  ],
  ['Multiply of three', () => buildModel([...inputs(3), merge('Multiply', {}, 3)]), 'MUL MUL'],
  [
    'a sum with features',
    () =>
      buildModel([
        input('in0', [8, 6, 4]),
        input('in1', [4]),
        layer('Add', 'merge', {}, { from: ['in0', 'in1'] }),
      ]),
    'RESHAPE ADD',
  ],
  [
    'a shared layer',
    () =>
      buildModel([
        ...inputs(2),
        layer('Conv2D', 'conv', { filters: 6, kernel_size: 3 }, { calls: [['in0'], ['in1']] }),
        layer('Add', 'add', {}, { from: ['conv', 'conv:1'] }),
      ]),
    'CONV_2D CONV_2D ADD',
  ],
  [
    'a nested model',
    () =>
      buildModel([
        input('in', [8, 6, 4]),
        nested('inner', [input('inner_in', [8, 6, 4]), conv('conv', {}), layer('ReLU', 'relu', {})]),
        layer('GlobalAveragePooling2D', 'pool', {}),
      ]),
    'CONV_2D MEAN',
  ],
  ['an input as the output', () => image([layer('Dropout', 'drop', { rate: 0.5 })]), 'RESHAPE'],
  ['Dropout', () => image([layer('Dropout', 'drop', { rate: 0.5 }), conv('conv', {})]), 'CONV_2D'],
];

describe('what LiteRT computes of a written file', () => {
  for (const [name, model, operators] of CASES) {
    for (const weights of ['int8-per-channel', 'int8-per-tensor-symmetric'] as const) {
      it(`is what the plan says: ${name}, ${weights}`, async () => {
        const made = await planned(model(), { weights });
        expect(made.graph.operators.map(({ op }) => op).join(' ')).toBe(operators);
        const { most, distinct } = await codeDifferences(made);
        // Kernels round in their own ways: half a code becomes one.
        expect(most).toBeLessThanOrEqual(1);
        expect(distinct).toBeGreaterThan(10);
        expect(await codesBetweenRuntimes(made)).toBeLessThanOrEqual(1);
      });
    }
  }
});

describe('what LiteRT computes of a written file in float', () => {
  for (const [name, model] of CASES) {
    // Kernels add in another order than the runner; 8e-7 was seen.
    it(`is what the model computes: ${name}`, async () =>
      expect(await floatDifference(model())).toBeLessThan(2e-6));
  }
});

function image(layers: readonly LayerSpec[], shape: readonly number[] = [8, 6, 4]): Model {
  return buildModel([input('in', shape), ...layers]);
}

function sequence(layers: readonly LayerSpec[]): Model {
  return buildModel([input('in', [15, 4]), ...layers]);
}

function inputs(count: number): LayerSpec[] {
  return Array.from({ length: count }, (_, index) => input(`in${index}`, [8, 6, 4]));
}

function two(layers: readonly LayerSpec[]): Model {
  return buildModel([...inputs(2), ...layers]);
}

function merge(className: string, config: LayerSpec['config'] = {}, count = 2): LayerSpec {
  return layer(className, 'merge', config, { from: inputs(count).map(({ name }) => name) });
}

function conv(name: string, config: LayerSpec['config']): LayerSpec {
  return layer('Conv2D', name, { filters: 6, kernel_size: 3, ...config });
}

function dense(name: string, config: LayerSpec['config']): LayerSpec {
  return layer('Dense', name, { units: 20, ...config });
}

function activation(name: string): LayerSpec {
  return layer('Activation', 'activation', { activation: name });
}
