import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { toKeras2Entry } from '../../../../src/formats/keras-config/dialects/to-keras2.ts';
import { toKeras3Entry } from '../../../../src/formats/keras-config/dialects/to-keras3.ts';
import type { JsonObject, JsonValue } from '../../../../src/json/value.ts';
import { Layer } from '../../../../src/model/layer.ts';

/** What one version of Keras writes for a layer of every kind; see make_configs.py. */
const configs = (version: string): Record<string, JsonObject> =>
  JSON.parse(readFileSync(join(import.meta.dirname, `../../../fixtures/configs/${version}.json`), 'utf8'));

const layer = (name: string): Layer => new Layer({ name, className: '', operation: { kind: 'opaque' } });

/** What both dialects mean by a value, apart from how each writes it. */
function meaning(value: JsonValue): JsonValue {
  if (typeof value === 'number') return Math.fround(value);
  if (Array.isArray(value)) return value.map(meaning);
  if (typeof value !== 'object' || value === null) return value;
  const { class_name: className, config } = value;
  if (className === 'DTypePolicy') return (config as JsonObject)['name'] as string;
  if (className === undefined) return mapped(value);
  const name = String(className).replace(/^(Orthogonal|Identity)Initializer$/, '$1');
  return { class_name: name, config: meaning(config ?? {}) };
}

const mapped = (value: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, meaning(inner)]));

/** Paths at which `found` says something that `expected` does not; `only` are those that it leaves to the default. */
function compare(found: JsonValue, expected: JsonValue, path = ''): { different: string[]; only: string[] } {
  if (Array.isArray(found) && Array.isArray(expected) && found.length === expected.length) {
    return merge(found.map((value, index) => compare(value, expected[index] ?? null, path)));
  }
  const isRecord = (value: JsonValue): value is JsonObject => typeof value === 'object' && value !== null;
  if (!isRecord(found) || !isRecord(expected) || Array.isArray(found) || Array.isArray(expected)) {
    return { different: JSON.stringify(found) === JSON.stringify(expected) ? [] : [path], only: [] };
  }
  const common = Object.keys(found).filter((key) => key in expected);
  return merge([
    ...common.map((key) => compare(found[key] as JsonValue, expected[key] as JsonValue, `${path}.${key}`)),
    {
      different: Object.keys(found)
        .filter((key) => !(key in expected))
        .map((key) => `${path}.${key}`),
      only: Object.keys(expected).filter((key) => !(key in found)),
    },
  ]);
}

function merge(parts: { different: string[]; only: string[] }[]): { different: string[]; only: string[] } {
  return { different: parts.flatMap(({ different }) => different), only: parts.flatMap(({ only }) => only) };
}

/** Entries that every version of Keras 3 takes and newer ones leave out, or that say the same in two forms. */
const HARMLESS = /\.(activity_regularizer|ragged|factor|output_padding|invert|data_format|dilation_rate)$/;
/** Entries that came with a later version and are at their default here. */
const LATER = new Set([
  ...['optional', 'quantization_config', 'synchronized', 'renorm', 'renorm_clipping', 'renorm_momentum'],
  ...[
    'rms_scaling',
    'data_format',
    'pad_to_aspect_ratio',
    'fill_mode',
    'fill_value',
    'antialias',
    'noise_shape',
  ],
  ...['zero_output_for_mask', 'seed', 'backward_layer', 'use_gate', 'sliding_window', 'value_range'],
  ...['input_axes', 'output_axes', 'dilation_rate', 'invert'],
]);

describe.each([
  ['tfkeras-2.15.0', 'keras-3.15.1'],
  ['tfkeras-2.12.0', 'keras-3.15.1'],
  ['tfkeras-2.15.0', 'keras-3.0.5'],
])('%s to %s', (from, to) => {
  const before = configs(from);
  const after = configs(to);
  // The two mean another function in each dialect, and one is gone.
  const names = Object.keys(before).filter((name) => !['act_hard', 'convlstm', 'thresholded'].includes(name));

  test.each(names)('%s', (name) => {
    const converted = toKeras3Entry(layer(name), before[name]!);
    const { name: _, ...entry } = converted;
    const { different, only } = compare(meaning(entry), meaning(after[name]!));
    // Keras 3 writes the name that it gave the copy.
    const expected = name === 'bidirectional' ? ['.config.layer.config.name'] : [];
    expect(different.filter((path) => !HARMLESS.test(path))).toEqual(expected);
    expect(only.filter((key) => !LATER.has(key))).toEqual([]);
    expect(entry).toMatchObject({ module: 'keras.layers', registered_name: null });
  });
});

/** Entries that Keras 2 writes for what it does anyway. */
const IMPLIED = new Set([
  ...['groups', 'kernel_initializer', 'kernel_regularizer', 'kernel_constraint', 'activity_regularizer'],
  ...['trainable', 'noise_shape', 'batch_input_shape', 'input_length', 'time_major', 'implementation'],
  // Keras 3.0 forgets it.
  ...['ragged', 'output_padding'],
]);

describe.each([
  ['keras-3.15.1', 'tfkeras-2.15.0'],
  ['keras-3.0.5', 'tfkeras-2.15.0'],
  ['keras-3.15.1', 'tfkeras-2.12.0'],
])('%s to %s', (from, to) => {
  const before = configs(from);
  const after = configs(to);
  const names = Object.keys(before).filter((name) => name !== 'act_hard' && name !== 'convlstm');

  test.each(names)('%s', (name) => {
    const { name: _, ...entry } = toKeras2Entry(layer(name), before[name]!);
    expect(JSON.stringify(entry)).not.toMatch(/"(module|registered_name|build_config)":/);
    const { different, only } = compare(meaning(entry), meaning(after[name]!));
    const expected = name === 'mixed' ? ['.config.dtype'] : [];
    expect(different.filter((path) => !HARMLESS.test(path) && !/\.noise_shape$/.test(path))).toEqual(
      expected,
    );
    expect(only.filter((key) => !IMPLIED.has(key))).toEqual([]);
  });
});

describe('what has no form in the other dialect', () => {
  const entry = (className: string, config: JsonObject): JsonObject => ({ class_name: className, config });

  test.each<[string, JsonObject, RegExp]>([
    [
      'hard_sigmoid',
      entry('Dense', { activation: 'hard_sigmoid' }),
      /x: hard_sigmoid is .* 0\.2 x .* in Keras 2/,
    ],
    [
      'hard_sigmoid inside',
      entry('Bidirectional', { layer: entry('LSTM', { recurrent_activation: 'hard_sigmoid' }) }),
      /hard_sigmoid/,
    ],
    ['several axes', entry('BatchNormalization', { axis: [1, 2] }), /axes \[1,2\] has no form in Keras 3/],
    ['groups', entry('DepthwiseConv2D', { groups: 2 }), /groups = 2 has no form in Keras 3/],
    ['time_major', entry('LSTM', { time_major: true }), /time_major = true/],
    ['ThresholdedReLU', entry('ThresholdedReLU', { theta: 1 }), /Keras 3 has no ThresholdedReLU; write/],
    ['CuDNN', entry('CuDNNLSTM', {}), /Keras 3 has no CuDNNLSTM; load the model in Keras 2/],
    [
      'operators',
      entry('TFOpLambda', { function: 'math.reduce_mean' }),
      /Keras 3 has neither the operator math\.reduce_mean/,
    ],
  ])('Keras 2: %s', (_, config, message) => {
    expect(() => toKeras3Entry(layer('x'), config)).toThrow(message);
  });

  test.each<[string, JsonObject, RegExp]>([
    [
      'hard_sigmoid',
      entry('Dense', { activation: 'hard_sigmoid' }),
      /x: hard_sigmoid is .* x \/ 6 .* in Keras 3/,
    ],
    [
      'rms_scaling',
      entry('LayerNormalization', { rms_scaling: true }),
      /rms_scaling = true has no form in Keras 2/,
    ],
    [
      'quantized',
      entry('Dense', { dtype: entry('QuantizedDTypePolicy', { mode: 'int8' }) }),
      /before model\.quantize\(\)/,
    ],
    [
      'operators',
      { module: 'keras.src.ops.numpy', class_name: 'Mean', config: {} },
      /Keras 2 has neither the operator Mean/,
    ],
  ])('Keras 3: %s', (_, config, message) => {
    expect(() => toKeras2Entry(layer('x'), config)).toThrow(message);
  });

  test('custom classes keep their package', () => {
    const custom = {
      module: null,
      class_name: 'Swishy',
      config: { beta: 2 },
      registered_name: 'mine>Swishy',
    };
    const two = toKeras2Entry(layer('x'), custom);
    expect(two).toEqual({ class_name: 'mine>Swishy', config: { beta: 2 }, name: 'x' });
    expect(toKeras3Entry(layer('x'), two)).toEqual({ ...custom, name: 'x' });
  });
});
