import { readFileSync } from 'node:fs';
import * as tfc from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CannotRunError } from '../../../src/errors.ts';
import type { Model } from '../../../src/model/model.ts';
import { loadModel } from '../../../src/node.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import {
  buildModel,
  buildSequential,
  input,
  type LayerSpec,
  layer,
  nested,
} from '../../support/model-builder.ts';
import { randomInputs, relativeDifference, runModel } from '../../support/run-model.ts';

const TRAINING = { kwargs: { training: true } };
const SEQUENCES = new URL('../../fixtures/sequences/', import.meta.url).pathname;

let runner: TfjsRunner;
beforeAll(async () => {
  runner = await TfjsRunner.create();
});
let tensorsBefore = 0;
beforeEach(() => {
  tensorsBefore = tfc.memory().numTensors;
});
afterEach(() => {
  expect(tfc.memory().numTensors, 'tensors in TF.js').toBe(tensorsBefore);
});

const floats = (tensors: readonly Tensor[]): Float32Array[] =>
  tensors.map((tensor) => Float32Array.from(tensor.toFloat64()));

/** The runner gives what tfjs-layers gives for the whole model in one piece. */
async function expectAsWhole(model: Model): Promise<void> {
  const inputs = randomInputs(model);
  const expected = await runModel(model, inputs);
  // TF.js itself keeps the weights of layers that are called twice.
  tensorsBefore = tfc.memory().numTensors;
  expect(relativeDifference(expected, floats(await runner.run(model, inputs)))).toBeLessThan(2e-6);
}

describe('TfjsRunner', () => {
  it('runs on wasm where nothing else is asked for', () => {
    expect(runner.backend).toBe('wasm');
  });

  it('computes a convolution by hand', async () => {
    const weights = { kernel: [2, -3], bias: [10, 20] };
    const model = buildModel([
      input('x', [1, 2, 1]),
      layer('Conv2D', 'conv', { filters: 2, kernel_size: 1 }, { weights }),
    ]);
    const [output] = await runner.run(model, [Tensor.fromNumbers('float32', [1, 1, 2, 1], [1, 5])]);
    expect(output?.shape).toEqual([1, 1, 2, 2]);
    expect(output?.values()).toEqual(Float32Array.of(12, 17, 20, 5));
  });

  it('runs nested, shared and branching models with several outputs', async () => {
    await expectAsWhole(
      buildModel(
        [
          input('x', [4, 4, 3]),
          nested('body', [input('in', [4, 4, 3]), layer('Conv2D', 'conv', { filters: 3, kernel_size: 1 })], {
            calls: [['x'], ['body']],
          }),
          layer('Add', 'twice', {}, { from: ['body:1', 'body:1'] }),
          layer('Add', 'add', {}, { from: ['x', 'twice'] }),
          layer('GlobalAveragePooling2D', 'pool'),
          layer('Dense', 'dense', { units: 2 }),
        ],
        { outputs: ['dense', 'body', 'x'] },
      ),
    );
  });

  it('runs Sequential models', async () => {
    await expectAsWhole(buildSequential([input('x', [4]), layer('Dense', 'alone', { units: 2 })]));
  });

  it('passes tensors on that a layer gives back unchanged', async () => {
    await expectAsWhole(
      buildModel([
        input('x', [4]),
        layer('Dropout', 'dropout', { rate: 0.5 }),
        layer('Dense', 'behind', { units: 4 }),
        layer('Add', 'add', {}, { from: ['dropout', 'behind'] }),
      ]),
    );
  });

  it('gives the same for any size of batches', async () => {
    const model = buildModel([
      input('x', [5, 5, 2]),
      layer('Conv2D', 'conv', { filters: 3, kernel_size: 3, activation: 'relu' }),
      layer('GlobalMaxPooling2D', 'pool'),
    ]);
    const values = Float32Array.from({ length: 7 * 50 }, (_, index) => Math.sin(index));
    const inputs = [Tensor.of('float32', [7, 5, 5, 2], values)];
    const whole = await runner.run(model, inputs, { batchSize: 7 });
    for (const batchSize of [1, 3]) {
      const made = await runner.run(model, inputs, { batchSize });
      expect(made[0]?.shape).toEqual([7, 3]);
      expect(relativeDifference(floats(whole), floats(made))).toBeLessThan(1e-6);
    }
  });

  it.each([
    ['beside the tensors, for Keras 2', 'masked.h5', 'masked.json'],
    ['as arguments, for Keras 3', 'masked.keras', 'masked-keras3.json'],
  ])('carries masks %s, and takes whole numbers', async (_, file, expectations) => {
    const { inputs, outputs } = JSON.parse(readFileSync(SEQUENCES + expectations, 'utf8'));
    const model = await loadModel(SEQUENCES + file);
    const made = await runner.run(model, [
      Tensor.of('int32', [3, 7], Int32Array.from(inputs.words.flat())),
      Tensor.of('float32', [3, 7, 3], Float32Array.from(inputs.numbers.flat(2))),
    ]);
    const expected = outputs.map((output: unknown[]) => Float32Array.from(output.flat(2) as number[]));
    expect(relativeDifference(expected, floats(made))).toBeLessThan(1e-5);
  });

  it('computes on the CPU what wasm has no kernel for', async () => {
    const model = buildModel([input('x', [4]), layer('Activation', 'act', { activation: 'softsign' })]);
    const cpu = await TfjsRunner.create({ backend: 'cpu' });
    const inputs = randomInputs(model);
    expect(
      relativeDifference(floats(await cpu.run(model, inputs)), floats(await runner.run(model, inputs))),
    ).toBeLessThan(1e-6);
  });

  it('leaves the backend in use that was in use', async () => {
    await tfc.setBackend('cpu');
    const model = buildModel([input('x', [4]), layer('ReLU', 'relu')]);
    await runner.run(model, randomInputs(model));
    expect(tfc.getBackend()).toBe('cpu');
    await tfc.setBackend('wasm');
  });

  it('has its own backend where several models are run at once, and leaves the one that was in use', async () => {
    // As WebGL would be on a page.
    tfc.registerBackend('page', () => new tfc.KernelBackend());
    await tfc.setBackend('page');
    const model = buildModel([input('x', [4]), layer('ReLU', 'one'), layer('ReLU', 'two')]);
    const cpu = await TfjsRunner.create({ backend: 'cpu' });
    const seen = new Map<TfjsRunner, Set<string>>([runner, cpu].map((one) => [one, new Set()]));
    const run = (one: TfjsRunner): Promise<Tensor[]> =>
      one.run(model, randomInputs(model), {
        batchSize: 1,
        onTensor: () => void seen.get(one)?.add(tfc.getBackend()),
      });
    await Promise.all([run(runner), run(cpu), run(runner), run(cpu)]);
    expect([...(seen.get(runner) ?? [])]).toEqual(['wasm']);
    expect([...(seen.get(cpu) ?? [])]).toEqual(['cpu']);
    expect(tfc.getBackend()).toBe('page');
    // What fails keeps none of the others waiting.
    const failing = buildModel([input('x', [4]), layer('NoSuchLayer', 'none')]);
    const [failed, sound] = await Promise.allSettled([cpu.run(failing, randomInputs(model)), run(runner)]);
    expect([failed?.status, sound?.status]).toEqual(['rejected', 'fulfilled']);
    expect(tfc.getBackend()).toBe('page');
    await tfc.setBackend('wasm');
  });
});

describe('onTensor', () => {
  const model = buildModel([
    input('x', [3]),
    nested('body', [input('in', [3]), layer('ReLU', 'relu')]),
    layer('Dense', 'dense', { units: 1, use_bias: false }, { weights: { kernel: [1, 10, 100] } }),
  ]);
  const inputs = [Tensor.fromNumbers('float32', [2, 3], [1, -2, 3, -4, 5, 6])];

  it('sees every tensor of each batch, in order', async () => {
    const seen: [string | undefined, number[]][] = [];
    const onTensor = (
      { producer }: { producer: { path: string } | undefined },
      values: Tensor,
    ): undefined => {
      seen.push([producer?.path, [...values.toFloat64()]]);
    };
    await runner.run(model, inputs, { batchSize: 1, onTensor });
    expect(seen).toEqual([
      ['x', [1, -2, 3]],
      ['body/relu', [1, 0, 3]],
      ['dense', [301]],
      ['x', [-4, 5, 6]],
      ['body/relu', [0, 5, 6]],
      ['dense', [650]],
    ]);
  });

  it('puts another tensor in its place', async () => {
    const [output] = await runner.run(model, inputs, {
      wantsTensor: ({ producer }) => producer?.path === 'body/relu',
      onTensor: (_, values) =>
        Tensor.fromNumbers(
          'float32',
          values.shape,
          values.toFloat64().map((v) => v + 1),
        ),
    });
    expect([...(output?.toFloat64() ?? [])]).toEqual([301 + 111, 650 + 111]);
  });
});

describe('what cannot be run', () => {
  it.each(['constructor', 'toString', '__proto__'])('a class that is called %s', async (className) => {
    const model = buildModel([input('x', [2]), layer(className, 'odd', {})]);
    await expect(runner.run(model, [Tensor.fromNumbers('float32', [1, 2], [1, 5])])).rejects.toThrow(
      `odd: ${className} cannot be run: TF.js has no layer ${className}`,
    );
  });

  const failing = async (model: Model, inputs = randomInputs(model)): Promise<unknown> => {
    try {
      return await runner.run(model, inputs);
    } catch (error) {
      return error;
    }
  };

  it('names the layer of a class that nobody knows', async () => {
    const inner = [input('in', [3]), layer('SomethingOfTheirs', 'custom')];
    const error = await failing(buildModel([input('x', [3]), layer('ReLU', 'relu'), nested('body', inner)]));
    expect(error).toBeInstanceOf(CannotRunError);
    expect((error as CannotRunError).layer).toBe('body/custom');
    expect((error as CannotRunError).message).toMatch(
      /body\/custom: SomethingOfTheirs cannot be run: .*no layer/,
    );
  });

  it.each<[string, string, LayerSpec]>([
    ['normalizes by the batch', 'BatchNormalization', layer('BatchNormalization', 'a', {}, TRAINING)],
    ['is random', 'Dropout', layer('Dropout', 'a', { rate: 0.5 }, TRAINING)],
    ['is random', 'LSTM', layer('LSTM', 'a', { units: 2, recurrent_dropout: 0.5 }, TRAINING)],
  ])('names the layer that %s in training mode: %s', async (does, className, spec) => {
    const inner = [input('in', [4, 2]), layer('ReLU', 'relu'), { ...spec, kwargs: {} }];
    for (const [path, model] of [
      ['a', buildModel([input('x', [4, 2]), spec])],
      ['body/a', buildModel([input('x', [4, 2]), nested('body', inner, TRAINING)])],
    ] as const) {
      expect(await failing(model)).toMatchObject({
        code: 'cannot-run',
        layer: path,
        message: `${path}: ${className} cannot be run: in training mode it ${does}; here all layers run in inference`,
      });
    }
  });

  it('runs what does the same in training mode, and what no output depends on', async () => {
    const frozen = [
      layer('BatchNormalization', 'bn', { trainable: false }),
      layer('Activation', 'relu', { activation: 'relu' }),
    ];
    const inner = (training: object): LayerSpec[] => [
      input('x', [4]),
      nested('body', [input('in', [4]), ...frozen], training),
      layer('Dropout', 'unread', { rate: 0.5 }, TRAINING),
    ];
    const [first, second] = [TRAINING, {}].map((training) =>
      buildModel(inner(training), { outputs: ['body'] }),
    );
    const inputs = randomInputs(first as Model);
    expect(await runner.run(first as Model, inputs)).toEqual(await runner.run(second as Model, inputs));
  });

  it('names the layer that TF.js fails to make, and leaves nothing behind', async () => {
    const model = buildModel([input('x', [3]), layer('Dense', 'dense', { units: 2 })]);
    model.layer('dense').weights.delete('bias');
    const error = await failing(model);
    expect((error as Error).message).toMatch(/dense: Dense cannot be run: .*2 weights.*the model has 1/);
  });

  it('names the layer that TF.js fails to run', async () => {
    const model = buildModel([
      input('a', [3]),
      input('b', [4]),
      layer('Add', 'add', {}, { from: ['a', 'b'] }),
    ]);
    expect((await failing(model)) as Error).toMatchObject({ code: 'cannot-run', layer: 'add' });
  });

  it.each<[string, LayerSpec, string]>([
    [
      'MaxPooling2D',
      layer('MaxPooling2D', 'b', { pool_size: [1, 9] }),
      'a window of 9 on 4 leaves no output',
    ],
    ['Conv2D', layer('Conv2D', 'b', { filters: 2, kernel_size: 5 }), 'a window of 5 on 4 leaves no output'],
    [
      'DepthwiseConv2D',
      layer('DepthwiseConv2D', 'b', { kernel_size: 3, dilation_rate: 2 }),
      'a window of 5 on 4 leaves no output',
    ],
    [
      'SeparableConv2D',
      layer('SeparableConv2D', 'b', { filters: 2, kernel_size: [2, 7] }),
      'a window of 7 on 4 leaves no output',
    ],
    [
      'Cropping2D',
      layer('Cropping2D', 'b', {
        cropping: [
          [2, 2],
          [1, 0],
        ],
      }),
      'croppings of 2 and 2 on 4 leave no output',
    ],
    [
      'MaxPooling1D',
      layer('TimeDistributed', 'b', {
        layer: { class_name: 'MaxPooling1D', config: { name: 'pool', pool_size: 9, padding: 'valid' } },
      }),
      'a window of 9 on 4 leaves no output',
    ],
  ])('refuses a layer that leaves no output, and names the sizes: %s', async (className, spec, reason) => {
    for (const size of [4, null]) {
      const model = buildModel([input('x', [size, 4, 2]), spec]);
      const error = await failing(model, [Tensor.of('float32', [1, 4, 4, 2], new Float32Array(32))]);
      expect(error).toMatchObject({
        code: 'cannot-run',
        message: `b: ${className} cannot be run: ${reason}`,
      });
    }
  });

  it('runs a window that is as large as its input', async () => {
    const model = buildModel([
      input('x', [4, 4, 2]),
      layer('Cropping2D', 'crop', {
        cropping: [
          [1, 1],
          [2, 1],
        ],
      }),
      layer('MaxPooling2D', 'pool', { pool_size: [2, 1] }),
      layer('Conv2D', 'same', { filters: 1, kernel_size: 3, padding: 'same' }),
    ]);
    const [output] = await runner.run(model, randomInputs(model));
    expect(output?.shape.slice(1)).toEqual([1, 1, 1]);
  });

  it('says which inputs do not fit', async () => {
    const model = buildModel([input('x', [3]), layer('ReLU', 'relu')]);
    const tensor = (shape: number[]): Tensor =>
      Tensor.fromNumbers('float32', shape, new Float32Array(shape.reduce((a, b) => a * b)));
    expect(await failing(model, [])).toEqual(
      new RangeError('0 tensors for the 1 input of model; give one for each'),
    );
    expect(await failing(model, [tensor([2, 4])])).toEqual(
      new RangeError('x: a tensor of shape [2, 4] for an input of shape [?, 3]'),
    );
  });
});
