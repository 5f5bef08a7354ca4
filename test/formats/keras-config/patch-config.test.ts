import { describe, expect, it } from 'vitest';
import { carryScales } from '../../../src/equalization/carriers/scale-carriers.ts';
import { equalize } from '../../../src/equalization/equalize.ts';
import { parseOperation } from '../../../src/formats/keras-config/parse/parse-operation.ts';
import { writeModelConfig } from '../../../src/formats/keras-config/write-model.ts';
import { memoryFiles, readModel } from '../../../src/formats/read.ts';
import { writeModelToMemory } from '../../../src/formats/write.ts';
import type { JsonObject, JsonValue } from '../../../src/json/value.ts';
import type { Layer } from '../../../src/model/layer.ts';
import type { Model } from '../../../src/model/model.ts';
import { type Activation, activationOf, isWeighted, LINEAR } from '../../../src/model/operation.ts';
import { takeSnapshot } from '../../../src/model/snapshot.ts';
import { allIn } from '../../../src/primitives/pass.ts';
import { buildModel, input, layer } from '../../support/model-builder.ts';

/** The `config` of a layer as it is written. */
function written(model: Model, name: string): JsonObject {
  const { config } = writeModelConfig(model) as { config: { layers: JsonObject[] } };
  return config.layers.find((entry) => entry['name'] === name)?.['config'] as JsonObject;
}

function relu(maxValue?: number): Activation {
  return { kind: 'relu', maxValue, negativeSlope: 0, threshold: 0 };
}

function setActivation(fused: Layer, activation: Activation): void {
  if (isWeighted(fused.operation)) fused.operation = { ...fused.operation, activation };
}

const RELU_OBJECT = {
  class_name: 'ReLU',
  config: { name: 're_lu', max_value: 6, negative_slope: 0, threshold: 0 },
};
const ACTIVATION_OBJECT = { class_name: 'Activation', config: { name: 'act', activation: 'relu6' } };
const FUNCTION = { module: 'builtins', class_name: 'function', config: 'relu6', registered_name: 'relu6' };

describe('a fused activation', () => {
  it.each<[string, JsonValue, Activation, JsonValue]>([
    ['a name', 'relu', LINEAR, 'linear'],
    ['a function', FUNCTION, LINEAR, { ...FUNCTION, config: 'linear', registered_name: 'linear' }],
    ['a LeakyReLU', { class_name: 'LeakyReLU', config: { alpha: 0.1 } }, LINEAR, 'linear'],
    ['a LeakyReLU', { class_name: 'LeakyReLU', config: { alpha: 0.1 } }, relu(), 'relu'],
    ['a PReLU', { class_name: 'PReLU', config: {} }, relu(6), 'relu6'],
    ['a ReLU', RELU_OBJECT, LINEAR, 'linear'],
    ['a ReLU', RELU_OBJECT, relu(), { ...RELU_OBJECT, config: { ...RELU_OBJECT.config, max_value: null } }],
    [
      'a ReLU',
      RELU_OBJECT,
      relu(7.43),
      { ...RELU_OBJECT, config: { ...RELU_OBJECT.config, max_value: 7.43 } },
    ],
    [
      'an Activation',
      ACTIVATION_OBJECT,
      relu(),
      { ...ACTIVATION_OBJECT, config: { name: 'act', activation: 'relu' } },
    ],
  ])('that was %s becomes another one', (_, read, activation, expected) => {
    const model = buildModel([input('x', [2]), layer('Dense', 'dense', { units: 3, activation: read })]);
    expect(written(model, 'dense')['activation']).toEqual(read);
    setActivation(model.layer('dense'), activation);
    const config = written(model, 'dense');
    expect(config['activation']).toEqual(expected);
    expect(activationOf(parseOperation('Dense', config, { source: '', where: '' }))).toEqual(activation);
  });

  it.each([
    ['a name', 'relu6'],
    ['a LeakyReLU', { class_name: 'LeakyReLU', config: { alpha: 0.1 } }],
  ])('that was %s cannot say any maximum', (_, read) => {
    const model = buildModel([input('x', [2]), layer('Dense', 'dense', { units: 3, activation: read })]);
    setActivation(model.layer('dense'), relu(7.43));
    expect(() => written(model, 'dense')).toThrow(/activation/);
  });
});

it('a maximum for all channels of a fused ReLU object is written in its place', async () => {
  const model = buildModel([
    input('x', [8, 8, 3]),
    layer('Conv2D', 'first', { filters: 4, kernel_size: 3 }),
    layer('Conv2D', 'only', { filters: 1, kernel_size: 1, activation: RELU_OBJECT }),
    layer('Conv2D', 'last', { filters: 3, kernel_size: 1 }),
  ]);
  const { model: equalized, report } = await equalize(model, { target: 'float' });
  const [cap, ...others] = allIn(report.passes, 'caps');
  expect(others).toEqual([]);
  expect(cap).toMatchObject({ kind: 'one-maximum', path: 'only', added: [] });
  const { maximum } = cap as { maximum: number };
  expect(maximum).not.toBeCloseTo(6, 1);
  for (const format of ['keras-h5', 'keras-v3', 'tfjs-layers'] as const) {
    const { files } = await writeModelToMemory(equalized, { format });
    const read = await readModel(memoryFiles(files, [...files.keys()][0] ?? ''));
    expect(activationOf(read.layer('only').operation)).toEqual(relu(maximum));
  }
  expect(written(equalized, 'only')['activation']).toMatchObject({
    class_name: 'ReLU',
    config: { max_value: maximum },
  });
});

describe('a batch norm', () => {
  const carried = (): Model =>
    buildModel([
      input('x', [4]),
      layer('Dense', 'dense', { units: 3 }),
      layer('BatchNormalization', 'bn', { scale: false, center: false }),
    ]);

  it('that gets gamma and beta says so', () => {
    const model = carried();
    carryScales(model);
    expect(written(model, 'bn')).toEqual({ name: 'bn', scale: true, center: true });
    expect(written(model, 'dense')).toEqual({ name: 'dense', units: 3, use_bias: false });
  });

  it('that gets them back off again says that', () => {
    const model = carried();
    const before = writeModelConfig(model);
    const restore = takeSnapshot(model);
    carryScales(model);
    restore();
    expect([...model.layer('bn').weights.keys()]).toEqual(['movingMean', 'movingVariance']);
    expect(writeModelConfig(model)).toEqual(before);
  });
});

it('no edit changes what a layer came from', () => {
  const { origin } = buildModel([input('x', [4]), layer('Dense', 'dense', { units: 3 })]).layer('dense');
  const config = origin?.config as { name: string; config: JsonObject };
  expect(() => Object.assign(config, { name: 'other' })).toThrow(TypeError);
  expect(() => Object.assign(config.config, { units: 4 })).toThrow(TypeError);
});
