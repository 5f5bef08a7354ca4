import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CannotRunError } from '../../../src/errors.ts';
import type { Model } from '../../../src/model/model.ts';
import type { ModelRunner } from '../../../src/model/model-runner.ts';
import { referencePasses } from '../../../src/primitives/equalize-model.ts';
import { allIn, runPasses } from '../../../src/primitives/pass.ts';
import { fakeQuantize } from '../../../src/quantization/fake-quantize.ts';
import { parseQuantizer } from '../../../src/quantization/quantizer.ts';
import { reportJson } from '../../../src/report/report-json.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { type VerifyOptions, verify } from '../../../src/verification/comparing/verify.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { buildModel, buildSequential, input, layer } from '../../support/model-builder.ts';
import { randomChain } from '../../support/random-chain.ts';
import { randomInputs } from '../../support/run-model.ts';
import { TRAINING_VERSIONS, trainingModel } from '../../support/training-models.ts';

const runner = await TfjsRunner.create({ backend: 'cpu' });

function network(): Model {
  return buildModel([
    input('x', [6, 6, 2]),
    layer('Conv2D', 'first', { filters: 4, kernel_size: 3, use_bias: false }),
    layer('BatchNormalization', 'bn'),
    layer('ReLU', 'relu'),
    layer('Conv2D', 'second', { filters: 3, kernel_size: 3 }),
    layer('GlobalAveragePooling2D', 'pool'),
    layer('Dense', 'classes', { units: 5, activation: 'softmax' }),
  ]);
}

function check(original: Model, candidate: Model, options: Partial<VerifyOptions> = {}) {
  return verify(original, candidate, { runner, inputs: randomInputs(original), ...options });
}

/** Multiplies one output channel of a layer. */
function scaleChannel(model: Model, name: string, channel: number, factor: number): void {
  const target = model.layer(name);
  const kernel = target.requireWeight('kernel');
  const factors = new Array<number>(kernel.columns).fill(1);
  factors[channel] = factor;
  target.setWeight('kernel', kernel.scaled('columns', factors));
}

/** A runner whose outputs are given, for verdicts that no small model gives. */
function fakeRunner(...outputs: (readonly number[])[]): ModelRunner {
  const tensors = outputs.map((values) => Tensor.fromNumbers('float32', [2, values.length / 2], values));
  let runs = 0;
  // A third run, of the original with other inputs, gives what the first gave.
  return { run: () => Promise.resolve([tensors[runs++ % tensors.length] as Tensor]) };
}

const plain = (): Model => buildModel([input('x', [4]), layer('Dense', 'out', { units: 2 })]);

describe('verify', () => {
  test.each(TRAINING_VERSIONS)(
    'a model that normalizes by the batch is not verified: %s',
    async (version) => {
      const report = await check(trainingModel(version), trainingModel(version));
      expect(report.verdict).toBe('not-verified');
      expect(report.reason).toMatch(
        /^the original cannot be run: body\/bn1: BatchNormalization .* in training mode/,
      );
    },
  );

  test('a model is the same as itself', async () => {
    const report = await check(network(), network());
    expect(report).toEqual({
      schemaVersion: 1,
      verdict: 'same',
      reason: null,
      notes: [],
      outputs: [
        {
          name: 'classes',
          shape: [null, 5],
          maxAbsolute: 0,
          maxRelative: 0,
          scores: 'logits',
          sqnrDb: Infinity,
          top1Agreement: 1,
          worstInput: null,
          same: true,
        },
      ],
      samples: 2,
      sampleNames: [],
      inputsDescription: '',
      backend: 'cpu',
      tolerances: { rtol: 1e-4, atol: 1e-7, weights: 'float32' },
    });
  });

  test('a fold and a scaling keep the function', async () => {
    const candidate = network();
    const records = await runPasses(candidate, referencePasses(['fold', 'scale']));
    expect([allIn(records, 'folded').length, allIn(records, 'clsSets').length]).toEqual([1, 1]);
    const { verdict, outputs } = await check(network(), candidate);
    expect(verdict).toBe('same');
    expect(outputs[0]?.sqnrDb).toBeGreaterThan(100);
    expect(outputs[0]?.sqnrDb).toBeLessThan(Infinity);
  });

  test('a wrong factor in one channel is a difference, and the reason says where and how large', async () => {
    const candidate = network();
    scaleChannel(candidate, 'first', 2, 1.01);
    const { verdict, reason, outputs } = await check(network(), candidate, { sampleNames: ['cat', 'dog'] });
    expect(verdict).toBe('different');
    expect(outputs[0]?.same).toBe(false);
    expect(reason).toMatch(
      /^classes differs by [\d.e-]+ in sample [01] \((cat|dog)\); that is [\d.e-]+ of its largest value, and allowed is 1e-4 of it, plus 1e-7$/,
    );
  });

  test('tolerances can be given', async () => {
    const candidate = network();
    scaleChannel(candidate, 'first', 2, 1.01);
    const loose = await check(network(), candidate, { rtol: 0.5 });
    expect(loose.verdict).toBe('same');
    expect(loose.tolerances).toEqual({ rtol: 0.5, atol: 1e-7, weights: 'float32' });
    expect((await check(network(), candidate, { atol: 1 })).verdict).toBe('same');
    await expect(check(network(), network(), { rtol: -1 })).rejects.toThrow(RangeError);
    await expect(check(network(), network(), { atol: Number.NaN })).rejects.toThrow(RangeError);
  });

  test('edits of whatever network keep the function within the tolerances', async () => {
    await fc.assert(
      fc.asyncProperty(randomChain, async (make) => {
        const candidate = make();
        await runPasses(candidate, referencePasses(['fold', 'scale']));
        const { verdict, reason } = await check(make(), candidate);
        expect(verdict, reason ?? '').toBe('same');
      }),
      { numRuns: 30, seed: 4 },
    );
  });
});

describe('interfaces that differ are a difference', () => {
  test.each<[string, Model, RegExp]>([
    [
      'number of inputs',
      buildModel([input('x', [4]), input('y', [4]), layer('Add', 'out', {}, { from: ['x', 'y'] })]),
      /^the original has 1 inputs, the candidate 2$/,
    ],
    [
      'number of outputs',
      buildModel([input('x', [4]), layer('Dense', 'out', { units: 2 })], { outputs: ['out', 'x'] }),
      /^the original has 1 outputs, the candidate 2$/,
    ],
    [
      'shape of an input',
      buildModel([input('x', [5]), layer('Dense', 'out', { units: 2 })]),
      /^input 0: the original takes \[\?, 4\], the candidate \[\?, 5\]$/,
    ],
    [
      'shape of an output',
      buildModel([input('x', [4]), layer('Dense', 'out', { units: 3 })]),
      /^out: the original makes \[2, 2\], the candidate \[2, 3\]$/,
    ],
  ])('%s', async (_, candidate, reason) => {
    const report = await check(plain(), candidate);
    expect(report.verdict).toBe('different');
    expect(report.reason).toMatch(reason);
    expect(report.outputs).toEqual([]);
  });

  test('a size that one model leaves open fits any', async () => {
    const open = (size: number | null): Model =>
      buildModel([input('x', [size, 2]), layer('Dense', 'out', { units: 2 })]);
    const { verdict } = await check(open(3), open(null));
    expect(verdict).toBe('same');
  });
});

describe('what is not verified', () => {
  test.each([
    ['original', 0],
    ['candidate', 1],
  ])('where the %s cannot be run', async (which, failing) => {
    let runs = 0;
    const failingRunner: ModelRunner = {
      run(model, inputs) {
        if (runs++ === failing)
          throw new CannotRunError('warp', 'Warp cannot be run: TF.js has no layer Warp');
        return runner.run(model, inputs);
      },
    };
    const report = await check(plain(), plain(), { runner: failingRunner });
    expect(report).toMatchObject({
      verdict: 'not-verified',
      reason: `the ${which} cannot be run: warp: Warp cannot be run: TF.js has no layer Warp`,
      outputs: [],
      backend: null,
    });
  });

  test('where the original gives nothing but NaN', async () => {
    const nothing = [Number.NaN, Number.NaN, Number.NaN, Number.NaN];
    const report = await check(plain(), plain(), { runner: fakeRunner(nothing, nothing) });
    expect(report.verdict).toBe('not-verified');
    expect(report.reason).toBe('out of the original is NaN or infinite everywhere, which proves nothing');
  });

  test('where an output has no number', async () => {
    expect(await check(plain(), plain(), { runner: fakeRunner([], []) })).toMatchObject({
      verdict: 'not-verified',
      reason: 'the output of out is empty',
    });
  });

  test('a NaN that is gone is a difference all the same', async () => {
    const nothing = [Number.NaN, Number.NaN, Number.NaN, Number.NaN];
    const report = await check(plain(), plain(), { runner: fakeRunner(nothing, [1, 2, 3, 4]) });
    expect(report.verdict).toBe('different');
    expect(report.reason).toMatch(/differs by Infinity in sample 0; that is Infinity of its largest value,/);
  });

  test('errors that are no verdict are thrown', async () => {
    await expect(check(plain(), plain(), { inputs: [] })).rejects.toThrow(RangeError);
  });
});

describe('notes', () => {
  test('on values that are not finite', async () => {
    const output = [1, Number.NaN, 2, 3];
    const { verdict, notes } = await check(plain(), plain(), { runner: fakeRunner(output, output) });
    expect(verdict).toBe('same');
    expect(notes).toEqual(['out: 1 of 4 values of the original are NaN or infinite']);
  });

  test('on an output that does not depend on the inputs', async () => {
    const output = [1, 2, 1, 2];
    const { notes } = await check(plain(), plain(), { runner: fakeRunner(output, output) });
    expect(notes).toEqual([
      'out: the original gives the same for all samples, which proves little; try other inputs',
    ]);
  });

  test('on a softmax that only one model has', async () => {
    const logits = buildModel([input('x', [4]), layer('Dense', 'out', { units: 2 })]);
    const classes = buildModel([input('x', [4]), layer('Dense', 'out', { units: 2, activation: 'softmax' })]);
    const { verdict, notes, outputs } = await check(logits, classes);
    expect(verdict).toBe('different');
    expect(outputs[0]).toMatchObject({ scores: 'output', top1Agreement: 1 });
    expect(notes).toEqual([
      'out: the models do not end in the same activation; SQNR and top-1 are of the output itself',
    ]);
  });
});

test('a decision by sigmoid is at 0.5', async () => {
  const model = buildSequential([
    layer('Dense', 'yes', { units: 1, activation: 'sigmoid', batch_input_shape: [null, 1] }),
  ]);
  const { outputs } = await verify(model, model, { runner: fakeRunner([0.4, 0.9], [0.6, 0.8]), inputs: [] });
  expect(outputs[0]?.top1Agreement).toBe(0.5);
});

test('several outputs are compared by position, and the reason is the worst', async () => {
  const make = (): Model =>
    buildModel(
      [
        input('x', [4]),
        layer('Dense', 'a', { units: 2 }, { from: ['x'] }),
        layer('Dense', 'b', { units: 3 }, { from: ['x'] }),
        layer('Dense', 'c', { units: 3 }, { from: ['x'] }),
      ],
      { outputs: ['a', 'b', 'c'] },
    );
  const candidate = make();
  scaleChannel(candidate, 'a', 0, 1.001);
  scaleChannel(candidate, 'c', 1, 4);
  const { outputs, reason } = await check(make(), candidate);
  expect(outputs.map(({ name, same }) => [name, same])).toEqual([
    ['a', false],
    ['b', true],
    ['c', false],
  ]);
  expect(reason).toMatch(/^c differs by .*, and 1 more of 3 outputs;/);
});

test('JSON has infinite numbers as texts', async () => {
  const report = await check(plain(), plain());
  expect(JSON.parse(reportJson(report)).outputs[0]).toMatchObject({
    sqnrDb: 'Infinity',
    maxAbsolute: 0,
  });
});

describe('kernels rounded to 8 bits', () => {
  const quantizers = [
    'int8-per-tensor',
    'int8-per-tensor-symmetric',
    'int8-per-channel',
    'tfjs-uint8',
  ] as const;

  test.each(quantizers)('are judged by the power of what they change: %s', async (name) => {
    const rounded = fakeQuantize(network(), parseQuantizer(name));
    const report = await check(network(), rounded);
    expect(report).toMatchObject({
      verdict: 'same',
      leastSqnrDb: 10,
      tolerances: { weights: 'int8' },
      // The third has 15 weights, too few to tell.
      notes: ['the kernels of 2 layers were rounded to 8 bits; what that changes is judged by SQNR'],
    });
    expect(report.outputs[0]?.sqnrDb).toBeLessThan(80);
    // Neither of two models that are rounded already was rounded on the way.
    expect(await check(rounded, rounded)).not.toHaveProperty('leastSqnrDb');
    expect((await check(network(), rounded, { rtol: 1e-4 })).verdict).toBe('different');
  });

  test('do not hide a fault', async () => {
    const broken = fakeQuantize(network(), parseQuantizer('int8-per-channel'));
    scaleChannel(broken, 'second', 1, -30);
    const report = await check(network(), broken);
    expect(report.verdict).toBe('different');
    expect(report.reason).toMatch(/^classes: its SQNR is \S+ dB; with 8 bits it should be 10 dB or more$/);
  });
});

describe('what the outputs cannot tell', () => {
  test('a NaN in a weight decides, though a ReLU6 on WebAssembly hides it', async () => {
    const wasm = await TfjsRunner.create();
    const make = (): Model =>
      buildModel([
        input('x', [4]),
        layer('Dense', 'first', { units: 3 }),
        layer('ReLU', 'relu', { max_value: 6 }),
        layer('Dense', 'second', { units: 2 }),
      ]);
    const damaged = make();
    damaged.layer('first').setWeight('bias', Tensor.fromNumbers('float32', [3], [0, Number.NaN, 0]));
    const inputs = randomInputs(damaged);
    expect(await verify(make(), damaged, { runner: wasm, inputs })).toMatchObject({
      verdict: 'different',
      reason: expect.stringContaining('first/bias of the candidate is NaN'),
    });
    expect(await verify(damaged, make(), { runner: wasm, inputs })).toMatchObject({
      verdict: 'not-verified',
      reason: expect.stringContaining('first/bias of the original is NaN'),
    });
  });

  test('a model that blows the last bit of its inputs up tells nothing', async () => {
    // x - 1 of numbers near 1, times a million: the last bit of x is a tenth of the output.
    const chaotic = (bias: number): Model =>
      buildModel([
        input('x', [1]),
        layer('Dense', 'shift', { units: 1 }, { weights: { kernel: [1], bias: [bias] } }),
        layer('Dense', 'scale', { units: 1 }, { weights: { kernel: [1e6], bias: [0] } }),
      ]);
    const inputs = [Tensor.fromNumbers('float32', [2, 1], [1 + 3e-6, 1 - 2e-6])];
    const report = await check(chaotic(-1), chaotic(-1 + 2 ** -22), { inputs });
    expect(report.verdict).toBe('not-verified');
    expect(report.reason).toMatch(/on these inputs rounding alone may make .*; try other inputs$/);
    expect((await check(chaotic(-1), chaotic(1), { inputs })).verdict).toBe('different');
  });
});
