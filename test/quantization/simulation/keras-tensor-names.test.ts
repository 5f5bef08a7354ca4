import { describe, expect, it, test } from 'vitest';
import { readModel } from '../../../src/formats/read.ts';
import type { JsonObject } from '../../../src/json/value.ts';
import { buildGraph } from '../../../src/model/graph.ts';
import {
  kerasVariableName,
  layerScopes,
  tensorNames,
} from '../../../src/quantization/simulation/keras-tensor-names.ts';
import { fixtureBytes } from '../../support/format-fixtures.ts';
import { buildModel, buildSequential, input, layer, nested } from '../../support/model-builder.ts';

type Model = ReturnType<typeof buildModel>;

function namesOf(model: Model): string[] {
  const graph = buildGraph(model);
  return [...tensorNames(model, graph).values()];
}

const CONV = { filters: 4, kernel_size: 3 };
const NO_BIAS = { use_bias: false };
const IMAGE = [8, 8, 4];
const SEQUENCE = [8, 4];
const VOLUME = [4, 4, 4, 4];
const VECTOR = [4];

/** What tf.keras 2.15 gives as `layer.output.name`. */
const KERAS: readonly (readonly [string, string, JsonObject, number[]])[] = [
  ['l/BiasAdd:0', 'Conv2D', CONV, IMAGE],
  ['l/Conv2D:0', 'Conv2D', { ...CONV, ...NO_BIAS }, IMAGE],
  ['l/Relu:0', 'Conv2D', { ...CONV, activation: 'relu' }, IMAGE],
  ['l/Softmax:0', 'Dense', { units: 3, activation: 'softmax' }, VECTOR],
  ['l/BiasAdd:0', 'Conv1D', CONV, SEQUENCE],
  ['l/Conv1D/Squeeze:0', 'Conv1D', { ...CONV, ...NO_BIAS }, SEQUENCE],
  ['l/Conv3D:0', 'Conv3D', { ...CONV, ...NO_BIAS }, VOLUME],
  ['l/depthwise:0', 'DepthwiseConv2D', { kernel_size: 3, ...NO_BIAS }, IMAGE],
  ['l/Squeeze:0', 'DepthwiseConv1D', { kernel_size: 3 }, SEQUENCE],
  ['l/separable_conv2d:0', 'SeparableConv2D', { ...CONV, ...NO_BIAS }, IMAGE],
  ['l/Squeeze:0', 'SeparableConv1D', CONV, SEQUENCE],
  ['l/conv2d_transpose:0', 'Conv2DTranspose', { ...CONV, ...NO_BIAS }, IMAGE],
  ['l/conv1d_transpose/Squeeze:0', 'Conv1DTranspose', { ...CONV, ...NO_BIAS }, SEQUENCE],
  ['l/MatMul:0', 'Dense', { units: 3, ...NO_BIAS }, VECTOR],
  ['l/Tensordot:0', 'Dense', { units: 3, ...NO_BIAS }, IMAGE],
  ['l/BiasAdd:0', 'Dense', { units: 3 }, VECTOR],
  ['l/Relu:0', 'ReLU', {}, IMAGE],
  ['l/Relu6:0', 'ReLU', { max_value: 6 }, IMAGE],
  ['l/clip_by_value:0', 'ReLU', { max_value: 3 }, IMAGE],
  ['l/sub:0', 'ReLU', { max_value: 6, negative_slope: 0.1 }, IMAGE],
  ['l/mul:0', 'ReLU', { threshold: 1 }, IMAGE],
  ['l/LeakyRelu:0', 'LeakyReLU', {}, IMAGE],
  ['l/Relu6:0', 'Activation', { activation: 'relu6' }, IMAGE],
  ['l/add:0', 'Rescaling', { scale: 2 }, IMAGE],
  ['l/transpose:0', 'Permute', { dims: [2, 1, 3] }, IMAGE],
  ['l/Sigmoid:0', 'Activation', { activation: 'sigmoid' }, IMAGE],
  ['l/IdentityN:0', 'Activation', { activation: 'swish' }, IMAGE],
  ['l/add:0', 'PReLU', {}, IMAGE],
  ['l/FusedBatchNormV3:0', 'BatchNormalization', {}, IMAGE],
  ['l/FusedBatchNormV3:0', 'BatchNormalization', {}, VOLUME],
  ['l/batchnorm/add_1:0', 'BatchNormalization', {}, VECTOR],
  ['l/batchnorm/add_1:0', 'BatchNormalization', {}, SEQUENCE],
  ['l/MaxPool:0', 'MaxPooling2D', {}, IMAGE],
  ['l/AvgPool:0', 'AveragePooling2D', {}, IMAGE],
  ['l/Squeeze:0', 'MaxPooling1D', {}, SEQUENCE],
  ['l/AvgPool3D:0', 'AveragePooling3D', {}, VOLUME],
  ['l/Mean:0', 'GlobalAveragePooling2D', {}, IMAGE],
  ['l/Max:0', 'GlobalMaxPooling1D', {}, SEQUENCE],
  ['l/Pad:0', 'ZeroPadding2D', {}, IMAGE],
  ['l/strided_slice:0', 'Cropping2D', {}, IMAGE],
  ['l/resize/ResizeNearestNeighbor:0', 'UpSampling2D', {}, IMAGE],
  ['l/resize/ResizeBilinear:0', 'UpSampling2D', { interpolation: 'bilinear' }, IMAGE],
  ['l/concat:0', 'UpSampling1D', {}, SEQUENCE],
  ['l/Reshape:0', 'Flatten', {}, IMAGE],
  ['l/Reshape:0', 'Reshape', { target_shape: [16, 16] }, IMAGE],
  ['l/Identity:0', 'Dropout', { rate: 0.1 }, IMAGE],
];

test.each(KERAS)('%s of %s %j', (name, className, config, shape) => {
  expect(namesOf(buildModel([input('x', shape), layer(className, 'l', config)]))).toEqual(['x:0', name]);
});

test.each([
  ['Add', 2, 'l/add:0'],
  ['Add', 3, 'l/add_1:0'],
  ['Multiply', 3, 'l/mul_1:0'],
  ['Subtract', 2, 'l/sub:0'],
  ['Average', 2, 'l/truediv:0'],
  ['Maximum', 2, 'l/Maximum:0'],
  ['Concatenate', 2, 'l/concat:0'],
])('%s of %i tensors: %s', (className, count, name) => {
  const from = Array.from({ length: count }, () => 'x');
  expect(namesOf(buildModel([input('x', IMAGE), layer(className, 'l', {}, { from })]))).toEqual([
    'x:0',
    name,
  ]);
});

describe('what Keras has no name for', () => {
  test('a layer that is not known, and the later calls of a shared one', () => {
    expect(namesOf(buildModel([input('x', IMAGE), layer('Mystery', 'l')]))).toEqual(['x:0', 'l:0']);
    const shared = layer('ReLU', 'l', {}, { calls: [['x'], ['l:0']] });
    expect(namesOf(buildModel([input('x', IMAGE), shared], { outputs: ['l:1'] }))).toEqual([
      'x:0',
      'l/Relu:0',
      'l/Relu_1:0',
    ]);
  });

  test('a Sequential without InputLayer', () => {
    const model = buildSequential([layer('ReLU', 'l', { batch_input_shape: [null, 4] })]);
    expect(namesOf(model)).toEqual(['l_input:0', 'l/Relu:0']);
  });

  test('layers of nested models go by their own names, or by their paths where names are taken', () => {
    const model = buildModel([
      input('x', IMAGE),
      nested('n', [input('y', IMAGE), layer('ReLU', 'a'), layer('ReLU', 'b')]),
      layer('ReLU', 'b'),
    ]);
    expect(namesOf(model)).toEqual(['x:0', 'a/Relu:0', 'n/b/Relu:0', 'b/Relu:0']);
    expect(layerScopes(model).get(model.layer('n/b'))).toBe('n/b');
  });
});

test('weights', () => {
  expect(kerasVariableName('l', 'kernel')).toBe('l/kernel:0');
  expect(kerasVariableName('l', 'depthwiseKernel')).toBe('l/depthwise_kernel:0');
});

describe('operators', () => {
  it('have the names that Keras gives them', async () => {
    const file = 'tfkeras-2.15/spelled_operators.h5';
    const names = namesOf(await readModel(fixtureBytes(file), file));
    expect(names.filter((name) => name.startsWith('tf.'))).toEqual([
      'tf.math.subtract/Sub:0',
      'tf.math.multiply/Mul:0',
      'tf.math.multiply_1/Mul:0',
      'tf.compat.v1.pad/Pad:0',
      'tf.nn.relu/Relu:0',
      'tf.clip_by_value/clip_by_value:0',
      'tf.__operators__.add/AddV2:0',
      'tf.nn.relu_1/Relu:0',
      'tf.identity/Identity:0',
      'tf.math.maximum/Maximum:0',
      'tf.concat/concat:0',
      'tf.nn.relu_2/Relu:0',
      'tf.math.reduce_mean/Mean:0',
      'tf.nn.relu_3/Relu:0',
      'tf.math.sigmoid/Sigmoid:0',
      'tf.math.multiply_2/Mul:0',
      'tf.__operators__.getitem/strided_slice:0',
      'tf.compat.v1.transpose/transpose:0',
      'tf.nn.relu_4/Relu:0',
      'tf.math.reduce_mean_1/Mean:0',
      'tf.reshape/Reshape:0',
      'tf.nn.relu_5/Relu:0',
      'tf.compat.v1.squeeze/Squeeze:0',
      'tf.nn.softmax/Softmax:0',
    ]);
  });
});
