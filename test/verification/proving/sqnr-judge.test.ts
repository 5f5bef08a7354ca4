import { describe, expect, it } from 'vitest';
import { CannotRunError } from '../../../src/errors.ts';
import type { Model } from '../../../src/model/model.ts';
import type { ModelRunner, RunOptions } from '../../../src/model/model-runner.ts';
import { foldAllBatchNorms } from '../../../src/primitives/batch-norm-fold.ts';
import {
  type ActivationQuantizer,
  parseQuantizer,
  type WeightQuantizer,
} from '../../../src/quantization/quantizer.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { sqnrJudge } from '../../../src/verification/proving/sqnr-judge.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { buildModel, input, layer } from '../../support/model-builder.ts';
import { rectifier } from '../../support/rectifier.ts';

const inputs = [Tensor.fromNumbers('float32', [2, 2], [1, 0, 0, 1])];

/** Two outputs of two columns each. */
const twoHeads = (): Model =>
  buildModel(
    [
      input('x', [2]),
      layer('Dense', 'one', { units: 2 }, { from: ['x'] }),
      layer('Dense', 'other', { units: 2 }, { from: ['x'] }),
    ],
    { outputs: ['one', 'other'] },
  );

/** Makes these outputs one run after the other, and keeps what it was asked. */
class FakeRunner implements ModelRunner {
  readonly asked: { inputs: readonly Tensor[]; options: RunOptions | undefined }[] = [];
  readonly #runs: readonly (readonly (readonly number[])[])[];

  constructor(...runs: (readonly (readonly number[])[])[]) {
    this.#runs = runs;
  }

  async run(_model: Model, given: readonly Tensor[], options?: RunOptions): Promise<Tensor[]> {
    this.asked.push({ inputs: given, options });
    const outputs = this.#runs[this.asked.length - 1] ?? [];
    return outputs.map((values) => Tensor.fromNumbers('float32', [2, values.length / 2], values));
  }
}

describe('sqnrJudge', () => {
  it('has the output that suffers most', async () => {
    const original = [
      [10, 0, 0, 10],
      [3, 4, 0, 0],
    ];
    const runner = new FakeRunner(
      original,
      // Noise 2 of a signal 200: 20 dB; and 1/4 of 25, where the second sample changes its mind.
      [
        [11, 0, 0, 11],
        [3, 4, 0, 0.5],
      ],
      // Noise 50 of 200: 6 dB; and none.
      [[10, 5, 5, 10], original[1] as number[]],
    );
    const { judge } = await sqnrJudge(twoHeads(), { runner, inputs });
    expect(await judge(twoHeads())).toEqual({ sqnrDb: expect.closeTo(20, 6), top1Agreement: 1 });
    expect(await judge(twoHeads())).toEqual({
      sqnrDb: expect.closeTo(10 * Math.log10(4), 6),
      top1Agreement: 1,
    });
    const second = new FakeRunner(original, [original[0] as number[], [3, 4, 0, 5]]);
    const other = await sqnrJudge(twoHeads(), { runner: second, inputs });
    expect(await other.judge(twoHeads())).toEqual({ sqnrDb: expect.closeTo(0, 6), top1Agreement: 0.5 });
  });

  it('runs the original once, with the inputs and the size of batches that it is given', async () => {
    const made = [
      [1, 2, 3, 4],
      [1, 2, 3, 4],
    ];
    const runner = new FakeRunner(made, made, made);
    const { judge } = await sqnrJudge(twoHeads(), { runner, inputs, batchSize: 1 });
    expect(runner.asked).toHaveLength(1);
    expect(await judge(twoHeads())).toEqual({ sqnrDb: Infinity, top1Agreement: 1 });
    await judge(twoHeads());
    expect(runner.asked).toHaveLength(3);
    for (const asked of runner.asked) expect(asked).toEqual({ inputs, options: { batchSize: 1 } });
  });

  it('has no agreement where there are no classes', async () => {
    const model = buildModel([input('x', [2]), layer('Dense', 'only', { units: 1 })]);
    const { judge } = await sqnrJudge(model, {
      runner: new FakeRunner([[1, 2]], [[1, 2.5]]),
      inputs,
    });
    expect(await judge(model)).toEqual({
      sqnrDb: expect.closeTo(10 * Math.log10(20), 6),
      top1Agreement: null,
    });
  });

  it('is the worst where a model makes NaN, has it in a weight, or makes something else', async () => {
    const model = buildModel([input('x', [2]), layer('Dense', 'only', { units: 2 })]);
    const made = [[1, 2, 3, 4]];
    const runner = new FakeRunner(made, [[1, NaN, 3, 4]], made, [[1, 2]]);
    const { judge } = await sqnrJudge(model, { runner, inputs });
    expect((await judge(model)).sqnrDb).toBe(-Infinity);
    const broken = model.clone();
    broken.layer('only').setWeight('kernel', Tensor.fromNumbers('float32', [2, 2], [1, NaN, 0, 0]));
    expect(await judge(broken)).toEqual({ sqnrDb: -Infinity, top1Agreement: null });
    expect(await judge(model)).toEqual({ sqnrDb: -Infinity, top1Agreement: null });
  });

  it('judges logits where an output ends in a softmax', async () => {
    const model = buildModel([
      input('x', [2]),
      layer('Dense', 'classes', { units: 2, activation: 'softmax' }),
    ]);
    const runner = await TfjsRunner.create({ backend: 'cpu' });
    const { judge } = await sqnrJudge(model, { runner, inputs });
    // Logits that are all larger by 1 leave the softmax as it is.
    const shifted = model.clone();
    const [kernel, bias] = (['kernel', 'bias'] as const).map((name) => [
      ...shifted.layer('classes').requireWeight(name).toFloat64(),
    ]) as [number[], number[]];
    shifted.layer('classes').setWeight(
      'bias',
      Tensor.fromNumbers(
        'float32',
        [2],
        bias.map((value) => value + 1),
      ),
    );
    // The inputs are the rows of the identity.
    const logits = kernel.map((weight, at) => weight + bias[at % 2]!);
    const signal = logits.reduce((sum, value) => sum + value * value, 0);
    const { sqnrDb, top1Agreement } = await judge(shifted);
    expect(sqnrDb).toBeCloseTo(10 * Math.log10(signal / 4), 4);
    expect(top1Agreement).toBe(1);
  });

  it('judges tensors on grids too, of the ranges that they have on its inputs', async () => {
    const identity = { weights: { kernel: [1, 0, 0, 1] } };
    const model = buildModel([
      input('x', [2]),
      layer('Dense', 'hidden', { units: 2, activation: 'relu', use_bias: false }, identity),
      layer('Dense', 'classes', { units: 2, use_bias: false }, identity),
    ]);
    const runner = await TfjsRunner.create({ backend: 'cpu' });
    const samples = [Tensor.fromNumbers('float32', [2, 2], [0.3, 0.1, 1.4, 3])];
    const { judge } = await sqnrJudge(model, { runner, inputs: samples });
    const weights: WeightQuantizer = { bits: 8, symmetric: true, perChannel: false, rounding: 'half-away' };
    const activations: ActivationQuantizer = { bits: 2, symmetric: false, rounding: 'half-away' };
    // All tensors go from 0 to 3 in steps of 1: 0.3, 0.1 and 1.4 become 0, 0 and 1.
    const [signal, noise] = [0.3 ** 2 + 0.1 ** 2 + 1.4 ** 2 + 3 ** 2, 0.3 ** 2 + 0.1 ** 2 + 0.4 ** 2];
    const { sqnrDb } = await judge(model, { weights, activations });
    expect(sqnrDb).toBeCloseTo(10 * Math.log10(signal / noise), 4);
    expect((await judge(model)).sqnrDb).toBe(Infinity);
  });

  describe('for targets of integers', () => {
    const expected = (): Model => {
      const model = rectifier();
      foldAllBatchNorms(model);
      return model;
    };
    const samples = [Tensor.fromNumbers('float32', [2, 2], [24, 0, 0, 8])];
    const activations: ActivationQuantizer = { bits: 8, symmetric: false, rounding: 'half-away' };

    it('judges the whole-integer model, of the ranges that statistics tell', async () => {
      const runner = await TfjsRunner.create({ backend: 'cpu' });
      const { judge } = await sqnrJudge(expected(), { runner, inputs: samples });
      for (const name of ['int8-per-tensor-symmetric', 'int8-per-channel']) {
        const { sqnrDb } = await judge(expected(), { weights: parseQuantizer(name), activations });
        // 8 is on all grids, and 24 becomes 12.
        expect(sqnrDb).toBeCloseTo(10 * Math.log10((24 ** 2 + 8 ** 2) / 12 ** 2), 3);
      }
      // There is no such model of asymmetric kernels: tensors have the ranges of the inputs.
      const { sqnrDb } = await judge(expected(), { weights: parseQuantizer('int8-per-tensor'), activations });
      expect(sqnrDb).toBeGreaterThan(40);
    });

    it('finds one the worst that has no grids', async () => {
      const runner = await TfjsRunner.create({ backend: 'cpu' });
      const { judge } = await sqnrJudge(expected(), { runner, inputs: samples });
      const broken = expected();
      broken.layer('hidden').setWeight('kernel', Tensor.fromNumbers('float32', [2, 2], [1, NaN, 0, 0]));
      const grids = { weights: parseQuantizer('int8-per-channel'), activations };
      expect(await judge(broken, grids)).toEqual({ sqnrDb: -Infinity, top1Agreement: null });
    });
  });

  it('has the margin that it is given, else half a decibel', async () => {
    const made = [
      [1, 2],
      [3, 4],
    ];
    const runner = new FakeRunner(made, made);
    expect((await sqnrJudge(twoHeads(), { runner, inputs, margin: 3 })).margin).toBe(3);
    expect((await sqnrJudge(twoHeads(), { runner, inputs })).margin).toBe(0.5);
  });

  it('says at once that the original cannot be run', async () => {
    const run = (): Promise<Tensor[]> => Promise.reject(new CannotRunError('one', 'no such layer'));
    await expect(sqnrJudge(twoHeads(), { runner: { run }, inputs })).rejects.toThrow(CannotRunError);
  });
});
