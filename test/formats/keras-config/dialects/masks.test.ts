/** What Keras 2, Keras 3 and TF.js make of masks: the outputs of Keras 2.15, Keras 3.15 and TF.js 4.22 were compared for each. */

import { describe, expect, test } from 'vitest';
import { withMasksOf } from '../../../../src/formats/keras-config/dialects/masks.ts';
import { parseModelConfig } from '../../../../src/formats/keras-config/parse/parse-model.ts';
import { writeModelConfig } from '../../../../src/formats/keras-config/write-model.ts';
import type { JsonObject } from '../../../../src/json/value.ts';
import type { Dialect, Model } from '../../../../src/model/model.ts';
import { modelWith } from '../../../../src/model/replace-layers.ts';

type Spec = readonly [name: string, className: string, inputs: readonly string[], config?: JsonObject];

const WORDS: Spec = ['words', 'Embedding', ['in'], { input_dim: 6, output_dim: 5, mask_zero: true }];
const PLAIN: Spec = ['plain', 'Embedding', ['in'], { input_dim: 6, output_dim: 5 }];
const lstm = (input: string, config: JsonObject = {}): Spec => [
  'lstm',
  'LSTM',
  [input],
  { units: 3, ...config },
];

/** A model without weights in the dialect of Keras 2; the last layer is its output. */
function model(...specs: readonly Spec[]): Model {
  const input = {
    class_name: 'InputLayer',
    name: 'in',
    config: { name: 'in', batch_input_shape: [null, 7] },
  };
  const layers = specs.map(([name, className, inputs, config]) => ({
    ...{ class_name: className, name, config: { name, ...config } },
    inbound_nodes: [inputs.map((one) => [one, 0, 0, {}])],
  }));
  const last = specs.at(-1)?.[0];
  const config = {
    ...{ name: 'm', layers: [{ ...input, inbound_nodes: [] }, ...layers] },
    ...{ input_layers: [['in', 0, 0]], output_layers: [[last, 0, 0]] },
  };
  return parseModelConfig({ class_name: 'Functional', config }, 'test');
}

/** As if it had been read from a file of Keras 3 that passes no mask by name. */
const inDialect = (of: Model, dialect: Dialect): Model => modelWith(of, { dialect });

function notes(of: Model): string[] {
  const told: string[] = [];
  withMasksOf(of, 'tfjs', (sentence) => void told.push(sentence));
  return told;
}

const BOTH = [WORDS, PLAIN] as const;
const TWICE: Spec = ['again', 'Embedding', ['in'], { input_dim: 6, output_dim: 5, mask_zero: true }];

describe('to the other Keras', () => {
  test.each<[string, Model]>([
    ['one mask', model(WORDS, lstm('words'))],
    [
      'a sum of tensors with equal masks',
      model(WORDS, TWICE, ['add', 'Add', ['words', 'again']], lstm('add')),
    ],
    [
      'a convolution, which drops the mask',
      model(WORDS, ['conv', 'Conv1D', ['words'], { filters: 2, kernel_size: 1 }], lstm('conv')),
    ],
    [
      'a merge that no layer behind it takes a mask from',
      model(...BOTH, ['add', 'Add', ['words', 'plain']], ['dense', 'Dense', ['add'], { units: 2 }]),
    ],
  ])('%s is written', (_, of) => {
    expect(withMasksOf(of, 'keras3')).toBe(of);
    expect(() => withMasksOf(inDialect(of, 'keras3'), 'keras2')).not.toThrow();
  });

  test.each<[string, Model]>([
    // Keras 2 hides what any mask hides, Keras 3 what all do.
    ['a sum with an unmasked tensor', model(...BOTH, ['add', 'Add', ['words', 'plain']], lstm('add'))],
    [
      'a concatenation with one',
      model(...BOTH, ['both', 'Concatenate', ['words', 'plain'], { axis: -1 }], lstm('both')),
    ],
    [
      'a Rescaling, which has masks in Keras 3 alone',
      model(WORDS, ['half', 'Rescaling', ['words'], { scale: 0.5 }], lstm('half')),
    ],
  ])('%s is refused, with the layer', (_, of) => {
    const refusal = /^lstm \(LSTM\): its mask hides other steps in Keras/;
    expect(() => withMasksOf(of, 'keras3')).toThrow(refusal);
    expect(() => withMasksOf(inDialect(of, 'keras3'), 'keras2')).toThrow(refusal);
  });
});

describe('to TF.js', () => {
  test.each<[string, Model, RegExp | undefined]>([
    ['one mask', model(WORDS, ['drop', 'Dropout', ['words'], { rate: 0.5 }], lstm('drop')), undefined],
    [
      'a concatenation',
      model(...BOTH, ['both', 'Concatenate', ['words', 'plain'], { axis: -1 }], lstm('both')),
      undefined,
    ],
    [
      'a pooling',
      model(WORDS, ['pool', 'GlobalAveragePooling1D', ['words']]),
      /^pool .*: TF\.js computes something else$/,
    ],
    [
      'a sum',
      model(WORDS, TWICE, ['add', 'Add', ['words', 'again']], lstm('add')),
      /^lstm \(LSTM\): it takes the mask of add \(Add\).*TF\.js fails to run it$/,
    ],
    [
      'sequences of both directions',
      model(WORDS, [
        'bi',
        'Bidirectional',
        ['words'],
        { layer: { class_name: 'LSTM', config: { units: 2, return_sequences: true } } },
      ]),
      /^bi \(Bidirectional\): .* computes something else$/,
    ],
    [
      'a layer behind a convolution',
      model(WORDS, ['conv', 'Conv1D', ['words'], { filters: 2, kernel_size: 1 }], lstm('conv')),
      /^lstm \(LSTM\): TF\.js may give it/,
    ],
  ])('%s', (_, of, expected) => {
    const told = notes(of);
    if (expected === undefined) expect(told).toEqual([]);
    else expect(told).toEqual([expect.stringMatching(expected)]);
  });
});

describe('masks that Keras 3 passes by name', () => {
  const tensor = (name: string): JsonObject => ({
    class_name: '__keras_tensor__',
    config: { shape: [null, 7], dtype: 'float32', keras_history: [name, 0, 0] },
  });
  const layer = (
    name: string,
    className: string,
    args: JsonObject['args'],
    kwargs: JsonObject,
    config: JsonObject = {},
  ): JsonObject => ({
    ...{ module: 'keras.layers', class_name: className, name, config: { name, trainable: true, ...config } },
    inbound_nodes: [{ args: args ?? [], kwargs }],
  });
  const named = (value: number): Model => {
    const layers: JsonObject[] = [
      {
        module: 'keras.layers',
        class_name: 'InputLayer',
        name: 'in',
        config: { name: 'in', batch_shape: [null, 7] },
        inbound_nodes: [],
      },
      layer('words', 'Embedding', [tensor('in')], {}, { input_dim: 6, output_dim: 5, mask_zero: true }),
      { ...layer('not_equal', 'NotEqual', [tensor('in'), value], {}), module: 'keras.src.ops.numpy' },
      layer('lstm', 'LSTM', [tensor('words')], { mask: tensor('not_equal'), training: false }, { units: 3 }),
    ];
    const config = { name: 'm', layers, input_layers: [['in', 0, 0]], output_layers: [['lstm', 0, 0]] };
    return parseModelConfig(
      { module: 'keras.src.models.functional', class_name: 'Functional', config },
      'test',
    );
  };

  test('go, with the operators that compute them, where the other Keras hides the same steps', () => {
    const given = named(0);
    const written = withMasksOf(given, 'keras2');
    expect(written.layers.map(({ name }) => name)).toEqual(['in', 'words', 'lstm']);
    expect(written.calls.at(-1)?.kwargs).toEqual({ training: { value: false } });
    expect(written.calls.at(-1)?.inputs).toHaveLength(1);
    // The model that is written stays as it is.
    expect(given.layers).toHaveLength(4);
    expect(JSON.stringify(writeModelConfig(given))).toContain('not_equal');
  });

  test('of a tensor that is no mask of a layer are refused, and an operator that no layer takes for one is not told of', () => {
    const plain = named(0).layers.map(({ origin }) => structuredClone(origin?.config) as JsonObject);
    const config = plain[1]?.['config'] as JsonObject;
    config['mask_zero'] = false;
    const ends = { input_layers: [['in', 0, 0]], output_layers: [['lstm', 0, 0]] };
    const own = (layers: JsonObject[]): Model => {
      const entry = { module: 'keras.src.models.functional', class_name: 'Functional' };
      return parseModelConfig({ ...entry, config: { name: 'm', layers, ...ends } }, 'test');
    };
    expect(() => withMasksOf(own(plain), 'keras2')).toThrow(/^lstm \(LSTM\): its mask hides other steps/);
    const unread = plain.map((layer) =>
      layer['name'] === 'lstm'
        ? { ...layer, inbound_nodes: [{ args: [tensor('words')], kwargs: { training: false } }] }
        : layer,
    );
    expect(notes(own(unread))).toEqual([]);
  });

  test('are refused where it would hide others', () => {
    expect(() => withMasksOf(named(1), 'keras2')).toThrow(/^lstm \(LSTM\): its mask hides other steps/);
  });
});
