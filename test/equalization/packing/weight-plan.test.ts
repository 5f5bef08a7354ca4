import { describe, expect, it } from 'vitest';
import { type QuantizationRecord, quantize } from '../../../src/equalization/quantize.ts';
import type { Model } from '../../../src/model/model.ts';
import { allIn } from '../../../src/primitives/pass.ts';
import { weightBytes } from '../../../src/quantization/packing/weight-bytes.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { buildModel, input, layer } from '../../support/model-builder.ts';

/** Without biases, which corrections add, and with a batch norm without gammas, which carriers add. */
const network = (): Model =>
  buildModel([
    input('x', [8, 8, 3]),
    layer('Conv2D', 'first', { filters: 8, kernel_size: 3, use_bias: false }),
    layer('BatchNormalization', 'bn', { scale: false, center: false }),
    layer('DepthwiseConv2D', 'middle', { kernel_size: 3, use_bias: false }),
    layer('BatchNormalization', 'bn2'),
    layer('ReLU', 'relu', { max_value: 6 }),
    layer('Conv2D', 'last', { filters: 16, kernel_size: 1 }),
    layer('GlobalAveragePooling2D', 'pool'),
    layer('Dense', 'dense', { units: 4 }),
  ]);

/** What was chosen for the budget. */
const planOf = ({ passes }: QuantizationRecord) => passes.find((one) => one.pass === 'pack')?.plan;

/** Bytes that `quantize` cannot go below, which it says. */
async function smallest(model: Model, options = {}): Promise<number> {
  const error: unknown = await quantize(model, { ...options, plan: { budget: 1 } }).catch((reason) => reason);
  expect(error).toBeInstanceOf(RangeError);
  expect(String(error)).toMatch(/^RangeError: plan: a budget of 1 bytes is too small/);
  return Number(/give (\d+) bytes/.exec(String(error))?.[1]);
}

describe('quantize with a plan', () => {
  it('keeps its budget, uses it, and packs what was planned', async () => {
    const model = network();
    const least = await smallest(model);
    for (const budget of [least, least + 80, least + 300, least + 1000, least + 10_000]) {
      const { model: made, report } = await quantize(model, { plan: { budget } });
      expect(weightBytes(made)).toBeLessThanOrEqual(budget);
      // No layer gets a bias: batch norms take what corrects them.
      expect(planOf(report)?.bytes).toBe(weightBytes(made));
      expect(planOf(report)?.bytes).toBeLessThanOrEqual(budget);
      expect(allIn(report.passes, 'packed').map(({ layer: path, dtype }) => [path, dtype])).toEqual(
        planOf(report)?.weights.map(({ layer: path, dtype }) => [path, dtype]),
      );
    }
    const { model: uint8, report } = await quantize(model, { plan: { budget: least } });
    expect(allIn(report.passes, 'packed').every(({ dtype }) => dtype === 'uint8')).toBe(true);
    expect(planOf(report)?.damage).toBe(planOf(report)?.largestDamage);
    // What it says is the smallest is what it is without a plan.
    expect(weightBytes(uint8)).toBe(weightBytes((await quantize(model)).model));
  });

  it('expects less damage of more bytes, and none of float32', async () => {
    const model = network();
    const least = await smallest(model);
    const damages: number[] = [];
    for (const more of [0, 100, 400, 900, 10_000]) {
      const { report } = await quantize(model, { plan: { budget: least + more } });
      damages.push(planOf(report)?.damage ?? NaN);
    }
    expect(damages).toEqual([...damages].sort((a, b) => b - a));
    expect(new Set(damages).size).toBe(damages.length);
    expect(damages.at(-1)).toBe(0);
  });

  it('is the same for the same model and budget', async () => {
    const plan = { budget: (await smallest(network())) + 300 };
    const [one, other] = [await quantize(network(), { plan }), await quantize(network(), { plan })];
    const dtypes = ({ report }: typeof one): unknown =>
      allIn(report.passes, 'packed').map(({ dtype }) => dtype);
    expect(dtypes(one)).toEqual(dtypes(other));
    expect(new Set(allIn(one.report.passes, 'packed').map(({ dtype }) => dtype)).size).toBe(2);
  });

  it('leaves excluded layers in float32, and counts them', async () => {
    const model = network();
    const least = await smallest(model, { exclude: ['last'] });
    // 128 weights of which each takes 3 bytes more.
    expect(least).toBe((await smallest(model)) + 3 * 128);
    const { report } = await quantize(model, { exclude: ['last'], plan: { budget: least } });
    expect(allIn(report.passes, 'packed').find(({ layer: path }) => path === 'last')?.dtype).toBe('float32');
    expect(planOf(report)?.weights.map(({ layer: path }) => path)).toEqual(['first', 'middle', 'dense']);
  });

  it('plans without preparing, which adds no biases', async () => {
    const model = network();
    const least = await smallest(model, { prepare: false });
    expect(least).toBeLessThan(await smallest(model));
    const { model: made, report } = await quantize(model, { prepare: false, plan: { budget: least + 200 } });
    expect(weightBytes(made)).toBeLessThanOrEqual(least + 200);
    expect(report.passes.map(({ pass }) => pass)).toEqual(['pack']);
    expect(planOf(report)?.weights).toHaveLength(4);
  });

  it('keeps its budget where biases are left as they are', async () => {
    const model = network();
    const options = { biasCorrection: 'none' as const };
    const budget = (await smallest(model, options)) + 100;
    const { model: made, report } = await quantize(model, { ...options, plan: { budget } });
    expect(planOf(report)?.bytes).toBe(weightBytes(made));
    expect(weightBytes(made)).toBeLessThanOrEqual(budget);
  });

  it('gives large matrices of other layers the smallest dtype', async () => {
    const layers = [
      input('x', [4]),
      layer('Dense', 'dense', { units: 4 }, { from: ['x'] }),
      layer('Mystery', 'other', {}, { from: ['x'] }),
    ];
    const model = buildModel(layers, { outputs: ['dense', 'other'] });
    const matrix = Tensor.of('float32', [200, 100], new Float32Array(20_000).fill(0.5));
    model.layer('other').weights.set('embeddings', matrix);
    const budget = await smallest(model);
    expect(budget).toBe(20_000 + 16 + 4 * 4);
    const { model: made, report } = await quantize(model, { plan: { budget: budget + 16 } });
    expect(weightBytes(made)).toBe(budget + 16);
    expect(allIn(report.passes, 'packed').map(({ weight, dtype }) => [weight, dtype])).toEqual([
      ['kernel', 'uint16'],
      ['embeddings', 'uint8'],
    ]);
    expect(planOf(report)?.weights.map(({ weight }) => weight)).toEqual(['kernel']);
  });

  it('refuses a budget that is none, and a dtype besides', async () => {
    for (const budget of [0, -1, NaN, Infinity]) {
      await expect(quantize(network(), { plan: { budget } })).rejects.toThrow(/plan: a budget of .* above 0/);
    }
    const both = { dtype: 'uint16', plan: { budget: 1e6 } } as const;
    await expect(quantize(network(), both)).rejects.toThrow('leave the dtype uint16 out');
  });
});
