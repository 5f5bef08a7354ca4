import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../src/json/value.ts';
import { Layer } from '../../../../src/model/layer.ts';
import { Call, Model } from '../../../../src/model/model.ts';
import { operatorAsLayer } from '../../../../src/verification/layers/operators/operator-as-layer.ts';
import { Operator } from '../../../../src/verification/layers/operators/operator-layer.ts';

describe('operatorAsLayer', () => {
  const layer = (entry: JsonObject): Layer =>
    new Layer({
      name: 'op',
      className: String(entry['class_name']),
      operation: { kind: 'opaque' },
      origin: { config: entry, operation: { kind: 'opaque' }, weights: new Map() },
    });
  const asLayer = (entry: JsonObject): Layer | undefined => {
    const made = layer(entry);
    const call = new Call(made, []);
    const owner = new Model({
      name: 'm',
      kind: 'functional',
      layers: [made],
      calls: [call],
      inputs: [],
      outputs: [],
    });
    return operatorAsLayer(made, call, owner);
  };

  it('leaves a layer as it is', () => {
    expect(asLayer({ class_name: 'Multiply', config: { name: 'op' } })).toBeUndefined();
  });

  it('knows the class of Keras 3 and the function of TensorFlow as one operator', () => {
    const keras3 = asLayer({
      module: 'keras.src.ops.numpy',
      class_name: 'Mean',
      config: { name: 'op', axis: [1] },
    });
    const keras2 = asLayer({
      class_name: 'TFOpLambda',
      config: { name: 'op', function: 'math.reduce_mean' },
    });
    expect(keras3?.origin?.config['config']).toMatchObject({
      operator: 'mean',
      options: { axis: { value: [1] } },
    });
    expect(keras2?.origin?.config['config']).toMatchObject({ operator: 'mean', options: {} });
  });

  it('makes nothing of an operator that cannot be run', () => {
    expect(asLayer({ class_name: 'TFOpLambda', config: { function: 'signal.fft' } })).toBeUndefined();
    expect(asLayer({ class_name: 'TFOpLambda', config: { function: 'constructor' } })).toBeUndefined();
  });
});

describe('Operator', () => {
  beforeAll(async () => {
    tf.env().set('PROD', true);
    await tf.setBackend('cpu');
  });
  const operator = (name: string, options: object = {}): Operator =>
    new Operator({ name: 'op', operator: name, arguments: [{ tensor: 0 }], options });

  it('knows the shapes of its outputs where the values of its inputs do not decide', () => {
    const half = operator('split', { numOrSizeSplits: { value: 2 }, axis: { value: -1 } });
    expect(half.computeOutputShape([null, 3, 4])).toEqual([
      [null, 3, 2],
      [null, 3, 2],
    ]);
    const reshaped = operator('reshape', { shape: { list: [{ tensor: 1 }, { value: -1 }] } });
    expect(reshaped.computeOutputShape([[null, 3], [null]])).toEqual([null]);
  });

  it('says what it cannot compute', () => {
    const softmax = operator('softmax', { axis: { value: null } });
    expect(() => softmax.computeOutputShape([null, 3])).toThrow(/softmax over the samples of a batch/);
  });
});
