import { describe, expect, it } from 'vitest';
import { parseOperation } from '../../src/formats/keras-config/parse/parse-operation.ts';
import type { JsonObject, JsonValue } from '../../src/json/value.ts';
import { affineOf } from '../../src/model/batch-norm.ts';
import type { Model } from '../../src/model/model.ts';
import { freeLayerName, newAffine, newRelu } from '../../src/model/new-layer.ts';
import { buildModel, input, layer, nested } from '../support/model-builder.ts';

const RELU = { kind: 'relu', maxValue: 2.5, negativeSlope: 0, threshold: 0 } as const;

function modelWith(dtype: JsonValue): Model {
  return buildModel([
    input('x', [2]),
    nested('inner', [input('y', [2]), layer('Dense', 'dense', { units: 3, dtype })]),
  ]);
}

function made(dtype: JsonValue): ReturnType<typeof newAffine> {
  const model = modelWith(dtype);
  const owner = model.layer('inner').model!;
  const place = { owner, beside: model.layer('inner/dense'), name: 'new' };
  return newAffine(place, -1, Float64Array.of(-1, 0.1, 3), Float64Array.of(6, -0.2, 0));
}

describe('newAffine', () => {
  it('computes what is asked for, without a trace of epsilon', () => {
    const bn = made('float32');
    const { a, d } = affineOf(bn);
    expect([...a]).toEqual([-1, Math.fround(0.1), 3]);
    expect([...d]).toEqual([6, Math.fround(-0.2), 0]);
    const { epsilon } = bn.operation as { epsilon: number };
    const [variance = 0] = bn.requireWeight('movingVariance').toFloat64();
    // In float32, as Keras adds them.
    expect(Math.fround(Math.fround(variance) + Math.fround(epsilon))).toBe(1);
    expect(bn.path).toBe('inner/new');
    expect(bn.trainable).toBe(false);
  });

  it('has a configuration that is read as what it is', () => {
    const bn = made('float32');
    const { class_name: className, config } = bn.origin?.config ?? {};
    expect(parseOperation(String(className), config as JsonObject, { source: '', where: '' })).toEqual(
      bn.operation,
    );
  });

  it.each<[JsonValue, string]>([
    ['mixed_float16', 'float32'],
    ['float64', 'float64'],
    [{ class_name: 'Policy', config: { name: 'float64' } }, 'float64'],
  ])('takes the precision %j of its neighbour', (dtype, weights) => {
    const bn = made(dtype);
    expect(bn.origin?.config).toMatchObject({ config: { dtype } });
    expect(bn.weightDtype).toBe(weights);
  });

  it('refuses shifts that do not fit', () => {
    const model = modelWith('float32');
    const place = { owner: model, beside: model.layer('inner'), name: 'new' };
    expect(() => newAffine(place, -1, Float64Array.of(1), Float64Array.of(1, 2))).toThrow(
      new RangeError('new: 1 factors and 2 shifts'),
    );
  });
});

describe('newRelu', () => {
  it('has a configuration that is read as what it is', () => {
    const model = modelWith('float32');
    const relu = newRelu({ owner: model, beside: model.layer('inner'), name: 'new' }, RELU);
    const { config } = relu.origin?.config ?? {};
    expect(parseOperation('ReLU', config as JsonObject, { source: '', where: '' })).toEqual(relu.operation);
  });

  it('is written as the dialect of the model that holds it has it', () => {
    const model = modelWith('float32');
    const place = { owner: model, beside: model.layer('inner'), name: 'new' };
    expect(newRelu(place, RELU).origin?.config).not.toHaveProperty('module');
    model.dialect = 'keras3';
    expect(newRelu(place, RELU).origin?.config).toMatchObject({
      module: 'keras.layers',
      class_name: 'ReLU',
      registered_name: null,
    });
  });
});

describe('freeLayerName', () => {
  it('is a name that no layer has or will have, nested ones included', () => {
    const model = modelWith('float32');
    const taken = new Set<string>();
    expect(freeLayerName(model, 'relu', taken)).toBe('relu');
    expect(freeLayerName(model, 'relu', taken)).toBe('relu_1');
    expect(freeLayerName(model, 'dense', taken)).toBe('dense_1');
    expect(freeLayerName(model, 'inner', taken)).toBe('inner_1');
  });
});
