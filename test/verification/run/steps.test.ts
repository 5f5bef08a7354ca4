/** What is in a TimeDistributed, as part of the graph. */
import { beforeAll, describe, expect, test } from 'vitest';
import { equalize } from '../../../src/equalization/equalize.ts';
import type { JsonObject } from '../../../src/json/value.ts';
import { buildGraph, tensorKey } from '../../../src/model/graph.ts';
import type { Model } from '../../../src/model/model.ts';
import { foldAllBatchNorms } from '../../../src/primitives/batch-norm-fold.ts';
import { allIn } from '../../../src/primitives/pass.ts';
import { QuantizationSimModel } from '../../../src/quantization/simulation/quantization-sim-model.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { buildModel, input, type LayerSpec, layer } from '../../support/model-builder.ts';
import { randomInputs, relativeDifference } from '../../support/run-model.ts';

const CONV: JsonObject = { filters: 4, kernel_size: 3, padding: 'same' };
const entry = (className: string, name: string, config: JsonObject = {}): JsonObject => ({
  class_name: className,
  config: { name, ...config },
});
const wrapped = (name: string, inner: JsonObject, calls?: readonly (readonly string[])[]): LayerSpec =>
  layer('TimeDistributed', name, { layer: inner }, calls ? { calls } : {});
const cnn = (activation: JsonObject = {}): JsonObject =>
  entry('Sequential', 'cnn', {
    layers: [
      entry('InputLayer', 'frame', { batch_input_shape: [null, 4, 4, 3] }),
      entry('Conv2D', 'c1', CONV),
      entry('BatchNormalization', 'b1'),
      entry('ReLU', 'r1', activation),
      entry('Conv2D', 'c2', CONV),
    ],
  });
const frames = input('frames', [5, 4, 4, 3]);

const pathsOf = (model: Model): string[] => buildGraph(model).calls.map(({ path }) => path);
const shapesOf = (model: Model): unknown[] => buildGraph(model).calls.map((call) => call.output().shape);

let runner: TfjsRunner;
beforeAll(async () => {
  runner = await TfjsRunner.create();
});
const run = async (model: Model, inputs: readonly Tensor[]): Promise<Float32Array[]> =>
  (await runner.run(model, inputs)).map((output) => Float32Array.from(output.toFloat64()));

describe('the graph', () => {
  test('has the steps of all samples as samples inside', () => {
    const model = buildModel([frames, wrapped('td', cnn())]);
    expect(pathsOf(model)).toEqual([
      ...['frames', 'td (each step)', 'td/c1', 'td/b1', 'td/r1', 'td/c2', 'td (all steps)'],
    ]);
    expect(shapesOf(model).slice(0, 3)).toEqual([
      [null, 5, 4, 4, 3],
      [null, 4, 4, 3],
      [null, 4, 4, 4],
    ]);
    expect(shapesOf(model).at(-1)).toEqual([null, 5, 4, 4, 4]);
  });

  test('goes from one to the next without leaving, and out for what else reads', () => {
    const model = buildModel([
      frames,
      wrapped('c1', entry('Conv2D', 'conv', CONV)),
      wrapped('b1', entry('BatchNormalization', 'bn')),
      layer('Add', 'sum', {}, { from: ['c1', 'b1'] }),
    ]);
    expect(pathsOf(model)).toEqual([
      ...['frames', 'c1 (each step)', 'c1', 'b1', 'c1 (all steps)', 'b1 (all steps)', 'sum'],
    ]);
    const keys = buildGraph(model).calls.map((call) => tensorKey(call.output()));
    expect(new Set(keys).size).toBe(keys.length);
  });

  test('leaves what is not known, and layers in layers, as they are', () => {
    const lstm = wrapped('td', entry('LSTM', 'lstm', { units: 2 }));
    expect(
      buildGraph(buildModel([input('x', [5, 4, 3]), lstm])).calls.map(({ layer: one }) => one.operation.kind),
    ).toEqual(['input', 'opaque']);
  });
});

test('a model is run on each step of each sample', async () => {
  const model = buildModel([frames, wrapped('td', cnn())]);
  const alone = buildModel([
    input('frame', [4, 4, 3]),
    layer('Conv2D', 'c1', CONV),
    layer('BatchNormalization', 'b1'),
    layer('ReLU', 'r1'),
    layer('Conv2D', 'c2', CONV),
  ]);
  for (const name of ['c1', 'b1', 'c2']) {
    for (const [weight, tensor] of alone.layer(name).weights)
      model.layer(`td/${name}`).weights.set(weight, tensor);
  }
  const [video] = randomInputs(model);
  const pictures = Tensor.of('float32', [10, 4, 4, 3], video?.values() as Float32Array);
  expect(await run(model, video ? [video] : [])).toEqual(await run(alone, [pictures]));
});

test.each([
  ['in a model', (): LayerSpec[] => [wrapped('td', cnn({ max_value: 6 }))], true],
  [
    'alone',
    (): LayerSpec[] => [
      wrapped('c1', entry('Conv2D', 'conv', CONV)),
      wrapped('r1', entry('ReLU', 'relu', { max_value: 6 })),
      wrapped('c2', entry('Conv2D', 'conv', CONV)),
    ],
    false,
  ],
  [
    'that is called twice',
    (): LayerSpec[] => [
      layer('ReLU', 'relu'),
      wrapped('td', cnn(), [['frames'], ['relu']]),
      layer('Add', 'sum', {}, { from: ['td:0', 'td:1'] }),
    ],
    true,
  ],
])('a ReLU %s keeps the function', async (_, layers, isScaled) => {
  const model = buildModel([frames, ...layers()]);
  const inputs = randomInputs(model);
  const before = await run(model, inputs);
  const { model: equalized, report } = await equalize(model, { target: 'float' });
  expect(allIn(report.passes, 'regions').length > 0).toBe(isScaled);
  // Sums in float32, in another order.
  expect(relativeDifference(before, await run(equalized, inputs))).toBeLessThan(1e-5);
});

test('a simulation has ranges of what is inside, and not of the ends', async () => {
  const model = buildModel([
    frames,
    wrapped('c1', entry('Conv2D', 'conv', CONV)),
    wrapped('b1', entry('BatchNormalization', 'bn')),
    wrapped('td', cnn()),
  ]);
  const sim = new QuantizationSimModel(model);
  await sim.computeEncodings(runner, randomInputs(model));
  const rangesOf = (): unknown[] =>
    sim.activationEncodings().map(({ layer: one, name }) => [one?.path, name]);
  expect(rangesOf()).toEqual([
    ['frames', 'frames:0'],
    ['b1', 'b1/FusedBatchNormV3:0'],
    ['td/r1', 'r1/Relu:0'],
    ['td/c2', 'c2/BiasAdd:0'],
  ]);
  foldAllBatchNorms(sim.model);
  expect(rangesOf().map((one) => (one as unknown[])[0])).toEqual(['frames', 'c1', 'td/r1', 'td/c2']);
});
