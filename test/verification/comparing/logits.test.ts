import { describe, expect, test } from 'vitest';
import { parseModelConfig } from '../../../src/formats/keras-config/parse/parse-model.ts';
import { writeModelConfig } from '../../../src/formats/keras-config/write-model.ts';
import type { JsonObject } from '../../../src/json/value.ts';
import type { Model } from '../../../src/model/model.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { scoresOf, withLogits } from '../../../src/verification/comparing/logits.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { buildModel, buildSequential, input, layer, nested } from '../../support/model-builder.ts';
import { randomInputs } from '../../support/run-model.ts';

const runner = await TfjsRunner.create({ backend: 'cpu' });

function softmax(logits: Tensor): number[] {
  const { columns } = logits;
  const values = logits.toFloat64();
  return Array.from(values, (value, index) => {
    const row = values.subarray(Math.floor(index / columns) * columns).subarray(0, columns);
    const top = Math.max(...row);
    return Math.exp(value - top) / row.reduce((sum, other) => sum + Math.exp(other - top), 0);
  });
}

/** Runs the model and what `withLogits` makes of it: outputs stay, and softmax of the scores is the output. */
async function expectLogits(model: Model): Promise<void> {
  const inputs = randomInputs(model);
  const expected = await runner.run(model, inputs);
  const { model: extended, sources } = withLogits(model);
  const outputs = await runner.run(extended, inputs);
  const scores = scoresOf(sources, outputs);
  expect(sources.map(({ kind }) => kind)).toEqual(expected.map(() => 'logits'));
  expect(outputs.length).toBe(2 * expected.length);
  for (const [index, output] of expected.entries()) {
    expect(outputs[index]?.values()).toEqual(output.values());
    expect(scores[index]?.shape).toEqual(output.shape);
    // Logits are of size 1, so softmax of them in float32 and here differ in the last digit alone.
    for (const [at, value] of softmax(scores[index] as Tensor).entries()) {
      expect(Math.abs(value - (output.toFloat64()[at] ?? Number.NaN))).toBeLessThan(1e-6);
    }
  }
}

const SOFTMAX_ENDS: [string, () => Model][] = [
  [
    'fused into Dense',
    () => buildModel([input('x', [4]), layer('Dense', 'd', { units: 3, activation: 'softmax' })]),
  ],
  [
    'a Softmax layer',
    () => buildModel([input('x', [4]), layer('Dense', 'd', { units: 3 }), layer('Softmax', 's')]),
  ],
  [
    'an Activation',
    () =>
      buildModel([
        input('x', [4]),
        layer('Dense', 'd', { units: 3 }),
        layer('Activation', 'a', { activation: 'softmax' }),
      ]),
  ],
  [
    'fused into a convolution, with a Reshape behind',
    () =>
      buildModel([
        input('x', [1, 1, 4]),
        layer('Conv2D', 'c', { filters: 3, kernel_size: 1, activation: 'softmax' }),
        layer('Reshape', 'r', { target_shape: [3] }),
      ]),
  ],
  [
    'fused as a function of Keras 2',
    () =>
      buildModel([
        input('x', [4]),
        layer('Dense', 'd', { units: 3, activation: { class_name: 'function', config: 'softmax' } }),
      ]),
  ],
  [
    'of a Sequential',
    () =>
      buildSequential([
        layer('Dense', 'first', { units: 5, batch_input_shape: [null, 4] }),
        layer('Dense', 'd', { units: 3, activation: 'softmax' }),
      ]),
  ],
  [
    'inside a nested model that is called twice',
    () =>
      buildModel(
        [
          input('x', [4]),
          input('y', [4]),
          nested('inner', [input('i', [4]), layer('Dense', 'd', { units: 3, activation: 'softmax' })], {
            calls: [['x'], ['y']],
          }),
        ],
        { outputs: ['inner', 'inner:1'] },
      ),
  ],
  [
    'of a shared layer',
    () =>
      buildModel(
        [
          input('x', [4]),
          input('y', [4]),
          layer('Dense', 'd', { units: 3, activation: 'softmax' }, { calls: [['x'], ['y']] }),
        ],
        { outputs: ['d', 'd:1'] },
      ),
  ],
  [
    'read by another layer too',
    () =>
      buildModel(
        [
          input('x', [4]),
          layer('Dense', 'd', { units: 3, activation: 'softmax' }),
          layer('Dense', 'e', { units: 2, activation: 'softmax' }),
        ],
        { outputs: ['d', 'e'] },
      ),
  ],
];

describe('withLogits', () => {
  test('gives what the operator tf.nn.softmax reads', () => {
    const { model, sources } = withLogits(
      buildModel([
        input('x', [4]),
        layer('Dense', 'd', { units: 3 }),
        layer('TFOpLambda', 's', { function: 'nn.softmax' }),
      ]),
    );
    expect(sources).toEqual([{ kind: 'logits', output: 1 }]);
    expect(model.outputs.map(({ producer }) => producer?.layer.name)).toEqual(['s', 'd']);
  });

  test.each(SOFTMAX_ENDS)('gives the logits before a softmax %s', (_, make) => expectLogits(make()));

  test.each(SOFTMAX_ENDS)('leaves the model as it is: %s', (_, make) => {
    const model = make();
    const before = model.summary();
    const weights = [...model.allLayers()].flatMap(({ layer: one }) => [...one.weights.values()]);
    const { model: copy } = withLogits(model);
    expect(model.summary()).toBe(before);
    const shared = [...copy.allLayers()].flatMap(({ layer: one }) => [...one.weights.values()]);
    expect(shared.every((tensor, index) => tensor === weights[index])).toBe(true);
  });

  test('a fused softmax becomes a layer with the configuration that Keras would have written', () => {
    const { model } = withLogits(
      buildModel([
        input('x', [4]),
        layer('Dense', 'd', { units: 3, activation: 'softmax', dtype: 'float32' }),
        layer('Dropout', 'd_softmax', { rate: 0.5 }),
      ]),
    );
    expect(model.layers.map(({ name }) => name)).toEqual(['x', 'd', 'd_softmax_1', 'd_softmax']);
    const { config } = writeModelConfig(model) as { config: { layers: JsonObject[] } };
    expect(config.layers.slice(1, 3)).toMatchObject([
      { config: { name: 'd', activation: 'linear' } },
      {
        class_name: 'Activation',
        config: { name: 'd_softmax_1', trainable: true, dtype: 'float32', activation: 'softmax' },
      },
    ]);
  });

  test.each([
    ['no activation', layer('Dense', 'd', { units: 3 }), 'output'],
    ['a sigmoid', layer('Dense', 'd', { units: 1, activation: 'sigmoid' }), 'sigmoid'],
    ['a sigmoid layer', layer('Activation', 'd', { activation: 'sigmoid' }), 'sigmoid'],
    ['a log of a softmax', layer('Dense', 'd', { units: 3, activation: 'log_softmax' }), 'output'],
  ])('adds nothing behind %s', (_, last, kind) => {
    const { model, sources } = withLogits(buildModel([input('x', [4]), last]));
    expect(sources).toEqual([{ kind }]);
    expect(model.outputs.length).toBe(1);
  });

  test('falls back to the logarithm where the softmax is inside a layer that nobody here knows', () => {
    const config: JsonObject = {
      name: 'm',
      layers: [
        { class_name: 'InputLayer', config: { name: 'x', batch_input_shape: [null, 4] }, inbound_nodes: [] },
        {
          class_name: 'LocallyConnected1D',
          config: { name: 'local', activation: 'softmax' },
          inbound_nodes: [[['x', 0, 0, {}]]],
        },
      ].map((one) => ({ ...one, name: one.config.name })),
      input_layers: [['x', 0, 0]],
      output_layers: [['local', 0, 0]],
    };
    const { sources } = withLogits(parseModelConfig({ class_name: 'Functional', config }, 'test'));
    expect(sources).toEqual([
      { kind: 'log', reason: 'the softmax inside local (LocallyConnected1D) cannot be split off' },
    ]);
    const [scores] = scoresOf(sources, [Tensor.fromNumbers('float32', [1, 3], [0.5, 0.5, 0])]);
    const [half, , nothing] = scores?.toFloat64() ?? [];
    expect(half).toBeCloseTo(Math.log(0.5), 6);
    expect(nothing).toBeCloseTo(-126 * Math.LN2, 5);
  });
});

test('scoresOf refuses the outputs of another model', () => {
  expect(() => scoresOf([{ kind: 'logits', output: 1 }], [Tensor.fromNumbers('float32', [1], [1])])).toThrow(
    RangeError,
  );
});
