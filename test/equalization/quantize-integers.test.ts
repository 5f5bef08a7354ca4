import { describe, expect, it } from 'vitest';
import { equalize } from '../../src/equalization/equalize.ts';
import { quantize } from '../../src/equalization/quantize.ts';
import { integerQuantizer, integerRecipe } from '../../src/equalization/quantize-integers.ts';
import { lowerPlan } from '../../src/formats/tflite/lower.ts';
import type { Model } from '../../src/model/model.ts';
import { weightSqnr } from '../../src/quantization/weight-sqnr.ts';
import { TfjsRunner } from '../../src/verification/run/runner.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';
import { normalInputs } from '../support/tflite-runs.ts';

const model = (): Model =>
  buildModel([
    input('in', [6, 6, 3]),
    layer('Conv2D', 'conv', { filters: 4, kernel_size: 3 }),
    layer('BatchNormalization', 'bn'),
    layer('ReLU', 'relu', { max_value: 6 }),
    layer('GlobalAveragePooling2D', 'pool'),
    layer('Dense', 'dense', { units: 5 }),
  ]);

async function standIns(of: Model) {
  return { runner: await TfjsRunner.create({ backend: 'cpu' }), inputs: normalInputs(of, 4) };
}

describe('Dense layers with one scale among kernels with many', () => {
  it('have it in the plan, and are made ready for it', async () => {
    const { plan, report } = await quantize(model(), {
      ...{ format: 'tflite', dense: 'per-tensor' },
      standIns: () => standIns(model()),
    });
    expect(report).toMatchObject({ weights: 'per-channel', dense: 'per-tensor' });
    expect(plan.kernels.get('conv/kernel')?.scales.length).toBe(4);
    expect(plan.kernels.get('dense/kernel')?.scales.length).toBe(1);
    const options = { dense: 'per-tensor' } as const;
    const { model: ready } = await equalize(model(), integerRecipe(options));
    const sqnr = (which: Parameters<typeof integerQuantizer>[0]) =>
      new Map(weightSqnr(ready, integerQuantizer(which)).map((one) => [one.layer, one.sqnr]));
    // Rounded onto the grid that the file has, and on no other.
    expect(sqnr(options).get('dense')).toBe(Infinity);
    expect(sqnr({}).get('dense')).toBeLessThan(60);
    expect(sqnr({}).get('conv')).toBe(Infinity);
  });

  it('have it anyway where all kernels do', async () => {
    const options = { format: 'tflite', weights: 'per-tensor', standIns: await standIns(model()) } as const;
    expect((await quantize(model(), options)).report.dense).toBe('per-tensor');
    await expect(quantize(model(), { ...options, dense: 'per-channel' })).rejects.toThrow(
      "dense: 'per-channel' among weights that are 'per-tensor'",
    );
    const other = { format: 'tflite', dense: 'per-row' } as never;
    await expect(quantize(model(), other)).rejects.toThrow("dense: 'per-row'; choose from per-channel");
  });
});

describe('a float model for another quantizer', () => {
  for (const [weights, operators] of [
    ['per-channel', 'CONV_2D MEAN FULLY_CONNECTED'],
    ['per-tensor', 'CONV_2D MINIMUM MEAN FULLY_CONNECTED'],
  ] as const) {
    it(`is folded, ${weights === 'per-tensor' ? 'scaled, ' : ''}and not rounded`, async () => {
      const { plan, report } = await quantize(model(), { format: 'tflite', float: true, weights });
      expect(report).toMatchObject({ weights, dense: weights });
      expect(report.equalization).toMatchObject({ rounding: 'nearest', biasCorrection: 'none' });
      expect(
        lowerPlan(plan)
          .operators.map(({ op }) => op)
          .join(' '),
      ).toBe(operators);
    });
  }
});
