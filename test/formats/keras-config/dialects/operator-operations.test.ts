import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../../../src/json/value.ts';
import { buildGraph } from '../../../../src/model/graph.ts';
import type { Operation } from '../../../../src/model/operation.ts';
import { modelOf } from '../../../support/model-builder.ts';

type Given = Readonly<Record<string, JsonValue>>;

/** `image`, and `again` of the same shape, before an operator that is called as TensorFlow's are. */
function keras2(name: string, given: Given = {}, className = 'TFOpLambda'): Operation | undefined {
  const node: JsonValue = [['image', 0, 0, given]];
  return operationOf('batch_input_shape', [null, 8, 6, 3], {
    class_name: className,
    config: { name: 'op', function: name },
    inbound_nodes: node,
  });
}

/** The same called as Keras 3 does. */
function keras3(className: string, own: Given = {}, args: readonly JsonValue[] = []): Operation | undefined {
  return operationOf('batch_shape', [null, 8, 6, 3], {
    module: 'keras.src.ops.numpy',
    class_name: className,
    config: { name: 'op', ...own },
    inbound_nodes: [{ args: [IMAGE, ...args], kwargs: {} }],
  });
}

const IMAGE: JsonObject = {
  class_name: '__keras_tensor__',
  config: { shape: [null, 8, 6, 3], dtype: 'float32', keras_history: ['image', 0, 0] },
};

function operationOf(
  shapeEntry: string,
  shape: (number | null)[],
  operator: JsonObject,
): Operation | undefined {
  const input = { class_name: 'InputLayer', config: { name: 'image', [shapeEntry]: shape } };
  const model = modelOf({
    class_name: 'Functional',
    config: {
      name: 'm',
      layers: [
        { ...input, name: 'image', inbound_nodes: [] },
        { name: 'op', ...operator },
      ],
      input_layers: [['image', 0, 0]],
      output_layers: [['op', 0, 0]],
    },
  });
  return buildGraph(model).calls.find(({ path }) => path === 'op')?.layer.operation;
}

const slice = (start: number | null, stop: number | null, step: number | null = null): JsonObject => ({
  start,
  stop,
  step,
});
const relu = (changes: object = {}): object => ({
  kind: 'activation',
  activation: { kind: 'relu', negativeSlope: 0, threshold: 0, ...changes },
});
const named = (name: string): object => ({ kind: 'activation', activation: { kind: 'other', name } });
const rescaling = (scale: number[], offset: number[]): object => ({ kind: 'rescaling', scale, offset });
const pool = (changes: object): object => ({ kind: 'pool', rank: 2, global: true, ...changes });
const reshape = (...targetShape: number[]): object => ({ kind: 'reshape', targetShape });

describe('operators of TensorFlow', () => {
  it.each<[string, Given, object]>([
    ['math.multiply', { y: 0.5, name: null }, rescaling([0.5], [0])],
    ['__operators__.add', { y: 1 }, rescaling([1], [1])],
    ['math.subtract', { y: [1, 2, 3] }, rescaling([1], [-1, -2, -3])],
    ['math.truediv', { y: [[[[2, 4, 8]]]] }, rescaling([0.5, 0.25, 0.125], [0])],
    ['math.negative', {}, rescaling([-1], [0])],
    ['math.maximum', { y: 0 }, relu()],
    ['math.maximum', { y: 1 }, { kind: 'merge', merge: 'maximum' }],
    ['math.minimum', { y: [1, 2, 3] }, { kind: 'cap', axis: -1 }],
    ['nn.relu', {}, relu()],
    ['nn.relu6', {}, relu({ maxValue: 6 })],
    ['clip_by_value', { clip_value_min: 0, clip_value_max: 4 }, relu({ maxValue: 4 })],
    ['nn.leaky_relu', { alpha: 0.1 }, relu({ negativeSlope: 0.1 })],
    ['nn.silu', { beta: 1 }, named('swish')],
    ['nn.softmax', { axis: 3 }, named('softmax')],
    ['math.exp', {}, named('exponential')],
    [
      'math.reduce_mean',
      { axis: [1, 2] },
      pool({ reduce: 'average', keepDims: false, dataFormat: 'channels_last' }),
    ],
    ['math.reduce_max', { axis: [-2, -3], keepdims: true }, pool({ reduce: 'max', keepDims: true })],
    ['math.reduce_mean', { axis: [2, 3] }, pool({ dataFormat: 'channels_first' })],
    ['reshape', { shape: [-1, 48, 3] }, reshape(48, 3)],
    ['expand_dims', { axis: 1 }, reshape(1, 8, 6, 3)],
    ['compat.v1.transpose', { perm: [0, 3, 1, 2] }, { kind: 'permute', axes: [0, 3, 1, 2] }],
    [
      'compat.v1.pad',
      {
        paddings: [
          [0, 0],
          [1, 0],
          [0, 2],
          [0, 0],
        ],
        mode: 'CONSTANT',
      },
      {
        kind: 'zeroPadding',
        padding: [
          [1, 0],
          [0, 2],
        ],
      },
    ],
    ['identity', {}, { kind: 'identity', isRandom: false }],
    ['stop_gradient', {}, { kind: 'identity' }],
  ])('%s %o', (name, given, operation) => {
    expect(keras2(name, given)).toMatchObject(operation);
  });

  it.each<[string, JsonValue, object]>([
    [
      'a cropping',
      [slice(null, null), slice(1, -1), slice(0, 4)],
      {
        kind: 'cropping',
        cropping: [
          [1, 1],
          [0, 2],
        ],
      },
    ],
    ['every other row', [slice(null, null), slice(null, null, 2)], { kind: 'slice' }],
    ['channels', [{ class_name: '__ellipsis__' }, slice(null, 2)], { kind: 'slice' }],
    ['one place', [slice(null, null), 0], { kind: 'slice' }],
    ['everything', [slice(null, null), slice(0, null)], { kind: 'identity' }],
  ])('x[…] as %s', (_, spec, operation) => {
    expect(keras2('__operators__.getitem', { slice_spec: spec }, 'SlicingOpLambda')).toMatchObject(operation);
  });

  it.each<[string, Given]>([
    ['math.reduce_mean', { axis: -1 }],
    ['math.reduce_mean', {}],
    ['math.reduce_mean', { axis: [0, 1, 2] }],
    ['reshape', { shape: [8, -1] }],
    ['reshape', { shape: [-1, 3] }],
    ['compat.v1.transpose', { perm: [1, 0, 2, 3] }],
    [
      'compat.v1.pad',
      {
        paddings: [
          [0, 0],
          [0, 0],
          [0, 0],
          [0, 1],
        ],
      },
    ],
    [
      'compat.v1.pad',
      {
        paddings: [
          [0, 0],
          [1, 1],
          [1, 1],
          [0, 0],
        ],
        mode: 'REFLECT',
      },
    ],
    [
      'compat.v1.pad',
      {
        paddings: [
          [0, 0],
          [1, 1],
          [1, 1],
          [0, 0],
        ],
        constant_values: -1,
      },
    ],
    ['clip_by_value', { clip_value_min: -1, clip_value_max: 1 }],
    ['nn.silu', { beta: 2 }],
    ['nn.gelu', { approximate: true }],
    ['nn.softmax', { axis: 1 }],
    ['math.multiply', { y: [1, 2] }],
    ['math.multiply', { y: [[[1]], [[2]], [[3]]] }],
    ['math.square', {}],
    ['expand_dims', { axis: 0 }],
  ])('%s %o stays unknown', (name, given) => {
    expect(keras2(name, given)).toEqual({ kind: 'opaque' });
  });
});

describe('operators of Keras 3', () => {
  it.each<[string, Given, JsonValue[], object]>([
    ['Multiply', {}, [0.5], rescaling([0.5], [0])],
    ['Add', {}, [{ class_name: '__numpy__', config: { value: [1, 2, 3] } }], rescaling([1], [1, 2, 3])],
    ['TrueDivide', {}, [4], rescaling([0.25], [0])],
    ['Clip', { x_min: 0, x_max: 6 }, [], relu({ maxValue: 6 })],
    ['HardSigmoid', {}, [], named('hard_sigmoid')],
    ['HardSilu', {}, [], named('hard_silu')],
    ['Softmax', { axis: -1 }, [], named('softmax')],
    ['Gelu', { approximate: false }, [], named('gelu')],
    ['Mean', { axis: [1, 2], keepdims: true }, [], pool({ reduce: 'average', keepDims: true })],
    ['Reshape', { newshape: [-1, 144] }, [], reshape(144)],
    ['Transpose', { axes: [0, 2, 1, 3] }, [], { kind: 'permute', axes: [0, 2, 1, 3] }],
    [
      'Pad',
      {
        pad_width: [
          [0, 0],
          [1, 1],
          [1, 1],
          [0, 0],
        ],
        mode: 'constant',
      },
      [],
      { kind: 'zeroPadding' },
    ],
    ['Cast', { dtype: 'float32' }, [], { kind: 'identity' }],
    ['GetItem', {}, [[{ class_name: '__slice__', config: slice(null, null) }, -1]], { kind: 'slice' }],
  ])('%s %o', (className, own, args, operation) => {
    expect(keras3(className, own, args)).toMatchObject(operation);
  });

  it.each<[string, Given, JsonValue[]]>([
    ['Softmax', { axis: null }, []],
    ['Gelu', { approximate: true }, []],
    ['Cast', { dtype: 'float16' }, []],
    ['GetItem', {}, [[{ class_name: '__slice__', config: slice(null, null) }, null]]],
    ['GetItem', {}, [0]],
    ['Mean', { axis: null, keepdims: false }, []],
  ])('%s %o stays unknown', (className, own, args) => {
    expect(keras3(className, own, args)).toEqual({ kind: 'opaque' });
  });
});
