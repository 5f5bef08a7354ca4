import { describe, expect, it } from 'vitest';
import { chooseSettings } from '../../../src/equalization/choose-settings.ts';
import { equalizationPasses, equalize } from '../../../src/equalization/equalize.ts';
import type { Model } from '../../../src/model/model.ts';
import { allIn } from '../../../src/primitives/pass.ts';
import { fakeQuantize } from '../../../src/quantization/fake-quantize.ts';
import { parseQuantizer } from '../../../src/quantization/quantizer.ts';
import { equalizeForTarget } from '../../../src/report/equalize-for-target.ts';
import { targetSidecar } from '../../../src/report/sidecar-report.ts';
import { compareOutputs } from '../../../src/verification/comparing/compare-outputs.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { buildModel, input, type LayerSpec, layer } from '../../support/model-builder.ts';
import { randomInputs } from '../../support/run-model.ts';

const activations = { bits: 8, symmetric: false, rounding: 'half-away' } as const;
const runner = await TfjsRunner.create({ backend: 'cpu' });

async function difference(one: Model, other: Model): Promise<number> {
  const inputs = randomInputs(one);
  const [expected] = await runner.run(one, inputs);
  const [actual] = await runner.run(other, inputs);
  if (!expected || !actual) throw new Error('no output');
  return compareOutputs(expected, actual).maxRelative;
}

/** Two blocks of depthwise, batch norm and ReLU with a pointwise convolution between, as in MobileNets. */
function blocks(maximum?: number): Model {
  const relu = (name: string): LayerSpec =>
    layer('ReLU', name, maximum === undefined ? {} : { max_value: maximum });
  const norm = (name: string, beta: readonly number[]): LayerSpec =>
    layer(
      'BatchNormalization',
      name,
      {},
      {
        weights: {
          gamma: [0.4, 0.2, 0.3, 0.1],
          beta,
          movingMean: [0.1, 0, -0.1, 0],
          movingVariance: [0.6, 0.4, 0.5, 0.3],
        },
      },
    );
  return buildModel([
    input('in', [8, 8, 4]),
    layer('DepthwiseConv2D', 'depthwise', { kernel_size: [3, 3], padding: 'same' }),
    norm('first_bn', [4, 3, 2, 0.1]),
    relu('first_relu'),
    layer('Conv2D', 'pointwise', { filters: 4, kernel_size: [1, 1] }),
    norm('second_bn', [1, 4, 2, 3]),
    relu('second_relu'),
    layer('Conv2D', 'padded', { filters: 3, kernel_size: [3, 3], padding: 'same' }),
    layer('GlobalAveragePooling2D', 'pool'),
    layer('Dense', 'classes', { units: 3 }),
  ]);
}

describe('the stage absorb', () => {
  it.each(['int8-per-tensor', 'int8-per-channel'] as const)(
    'runs for %s where activations are stated',
    async (target) => {
      const model = blocks();
      const options = { target, activations };
      const { model: equalized, report } = await equalize(model, options);
      const before = target === 'int8-per-tensor' ? ['fold', 'scale'] : ['fold'];
      expect(report.passes.map(({ pass }) => pass)).toEqual([...before, 'absorb', 'correct']);
      expect(allIn(report.passes, 'absorbed')).toMatchObject([
        { from: 'depthwise', into: 'pointwise', throughRelu: true },
      ]);
      const { before: wide = [0, 0], after: narrow = [0, 0] } =
        allIn(report.passes, 'absorbed')[0]?.expectedRange ?? {};
      expect(narrow[1]).toBeLessThan(0.9 * wide[1]);
      // What is corrected for is the model with the moved bias.
      const quantized = (one: Model): Model => fakeQuantize(one, parseQuantizer(target));
      const { model: unmoved } = await equalize(model, { target });
      expect(await difference(quantized(unmoved), quantized(equalized))).toBeLessThan(1e-3);
    },
  );

  it('keeps the function as far as outputs stay above the amount', async () => {
    // No sample leaves mean +- 3 deviations by much: inputs are within 1, and the kernels of random models small.
    const model = blocks();
    const { model: equalized, report } = await equalize(model, { activations, biasCorrection: 'none' });
    expect(allIn(report.passes, 'absorbed')).toHaveLength(1);
    expect(await difference(model, equalized)).toBeLessThan(1e-5);
  });

  it('does not run where nothing is stated', async () => {
    const { report } = await equalize(blocks());
    expect(report.passes.map(({ pass }) => pass)).toEqual(['fold', 'scale', 'correct']);
  });

  it('leaves a bias before a cap and before padding, for reasons that report and side-car have', async () => {
    const { report } = await equalize(blocks(6), { activations });
    expect(allIn(report.passes, 'absorbed')).toEqual([]);
    const absorbing = report.passes.find(({ pass }) => pass === 'absorb')?.left ?? [];
    expect(absorbing.map(({ layers }) => layers[0])).toContain('depthwise');
    expect(absorbing.every(({ message }) => message.includes('is not absorbed'))).toBe(true);
    expect(targetSidecar(report).skipped).toEqual(
      expect.arrayContaining(absorbing.map(({ code, layers, message }) => ({ code, layers, message }))),
    );
    const { report: plain } = await equalize(blocks(), { activations });
    expect(allIn(plain.passes, 'left').map(({ code }) => code)).toContain('padding');
  });

  it('is in the report with the ranges before and after', async () => {
    const { report } = await equalizeForTarget(blocks(), { activations, target: 'int8-per-channel' });
    expect(report.activations).toEqual(activations);
    const [one, ...others] = allIn(report.passes, 'absorbed');
    expect(others).toEqual([]);
    expect(one).toMatchObject({ from: 'depthwise', into: 'pointwise', throughRelu: true });
    // Mean + 6 deviations were 6.4, 4.2, 3.8 and 0.7; without mean - 3 deviations at most 9 * 0.4 remain of the first, to which
    // the second and the third come down as well. The epsilon of the batch norms makes deviations 0.1 % smaller.
    expect(one?.expectedRange.before[1]).toBeCloseTo(6.4, 2);
    expect(one?.expectedRange.after[1]).toBeCloseTo(3.6, 2);
    expect(one?.channels).toBe(3);
  });

  it('stays stated in settings that are tried', async () => {
    const judge = { margin: 0, judge: async () => ({ sqnrDb: 1, top1Agreement: null }) };
    const { options, trials } = await chooseSettings(blocks(6), { activations, judge }, equalizationPasses);
    expect(options.activations).toBe(activations);
    expect(trials.length).toBeGreaterThan(1);
    for (const trial of trials) expect(trial.activations).toBe(activations);
  });

  it('is refused for targets whose activations stay in float', async () => {
    for (const target of ['tfjs-uint8', 'float'] as const) {
      await expect(equalize(blocks(), { target, activations })).rejects.toThrow(
        `the target '${target}' they stay in float; leave them out, or choose int8-per-tensor or int8-per-tensor-symmetric or int8-per-channel`,
      );
    }
    const none = { ...activations, bits: 40 };
    await expect(equalize(blocks(), { activations: none })).rejects.toThrow(/2 to 16 bits/);
  });
});
