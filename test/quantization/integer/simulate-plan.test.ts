import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { insertBehind } from '../../../src/model/edit.ts';
import type { Model } from '../../../src/model/model.ts';
import { newCap } from '../../../src/model/new-layer.ts';
import { type IntegerPlan, integerPlan } from '../../../src/quantization/integer/integer-plan.ts';
import { type PlanParts, runPlan } from '../../../src/quantization/integer/simulate-plan.ts';
import { parseQuantizer } from '../../../src/quantization/quantizer.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { buildModel, input, layer } from '../../support/model-builder.ts';
import { plannedOn } from '../../support/planned.ts';
import { randomChain } from '../../support/random-chain.ts';
import { randomInputs, relativeDifference } from '../../support/run-model.ts';

let runner: TfjsRunner;
beforeAll(async () => {
  runner = await TfjsRunner.create({ backend: 'cpu' });
});

const NOTHING: PlanParts = { kernels: false, rounding: false, clipping: false };

/** The first output. */
async function outputOf(
  plan: IntegerPlan,
  values: readonly number[],
  parts: PlanParts = {},
): Promise<number[]> {
  const [output] = await runPlan(plan, runner, [numbers(values)], parts);
  return [...(output?.toFloat64() ?? [])];
}

function numbers(values: readonly number[]): Tensor {
  return Tensor.of('float32', [1, values.length], Float32Array.from(values));
}

/** `2.3 x + 0.4` from the grid of wholes -10 to 245 to the one of wholes 0 to 255; the scale of the kernel is 2.3 / 127. */
function densePlan(): IntegerPlan {
  const weights = { kernel: [2.3, 0, 0, 1.1], bias: [0.4, 0.4] };
  const model = buildModel([input('x', [2]), layer('Dense', 'dense', { units: 2 }, { weights })]);
  const ranges = new Map([
    ['x#0:0', { min: -10, max: 245 }],
    ['dense#0:0', { min: 0, max: 255 }],
  ]);
  return integerPlan(model, { weights: parseQuantizer('int8-per-tensor-symmetric'), ranges });
}

describe('runPlan', () => {
  test('puts everything on its grid', async () => {
    // 9.6 is 10 and -12 is -10 on the grid of the input; 1.1 is 61 steps of the kernel, and 0.4 is 22.
    expect(await outputOf(densePlan(), [9.6, 1.2])).toEqual([23, 2]);
    expect(await outputOf(densePlan(), [-12, 300])).toEqual([0, 255]);
  });

  test('leaves parts out', async () => {
    const plan = densePlan();
    const close = async (values: readonly number[], parts: PlanParts, expected: readonly number[]) => {
      for (const [index, value] of (await outputOf(plan, values, parts)).entries()) {
        expect(value).toBeCloseTo(expected[index]!, 4);
      }
    };
    const step = 2.3 / 127;
    await close([9.6, 1.2], NOTHING, [9.6 * 2.3 + 0.4, 1.2 * 1.1 + 0.4]);
    await close([9.6, 1.2], { ...NOTHING, kernels: true }, [9.6 * 2.3 + 22 * step, (1.2 * 61 + 22) * step]);
    await close([9.6, 1.2], { ...NOTHING, rounding: true }, [23, 2]);
    await close([-12, 300], { ...NOTHING, rounding: true }, [-27, 330]);
    await close([9.6, 300], { ...NOTHING, clipping: true }, [9.6 * 2.3 + 0.4, 255]);
    await close([-12, 1.2], { ...NOTHING, clipping: true }, [0, 1.2 * 1.1 + 0.4]);
    const input = { ...NOTHING, rounding: true, only: (key: string) => key === 'x#0:0' };
    await close([9.6, 1.2], input, [10 * 2.3 + 0.4, 1 * 1.1 + 0.4]);
  });

  test('ties go away from zero, those of means from the code 0', async () => {
    const model = buildModel([
      input('x', [1, 2, 1]),
      layer('AveragePooling2D', 'pool', { pool_size: [1, 2] }),
    ]);
    const ranges = new Map([['x#0:0', { min: -10, max: 245 }]]);
    const plan = integerPlan(model, { weights: parseQuantizer('int8-per-channel'), ranges });
    const mean = async (a: number, b: number): Promise<number | undefined> => {
      const values = Tensor.of('float32', [1, 1, 2, 1], Float32Array.of(a, b));
      return (await runPlan(plan, runner, [values]))[0]?.toFloat64()[0];
    };
    // The code 0 stands for 118.
    expect(await mean(1, 2)).toBe(1);
    expect(await mean(-1.5, -2.5)).toBe(-3);
    expect(await mean(1.5, 0)).toBe(1);
    expect(await mean(200, 201)).toBe(201);
  });

  test('maxima of caps are on the grid', async () => {
    const model = buildModel([
      input('x', [2]),
      layer('Dense', 'dense', { units: 2 }, { weights: { kernel: [1, 0, 0, 1], bias: [0, 0] } }),
      layer('ReLU', 'relu'),
    ]);
    const maxima = Float64Array.of(30.6, 90.4);
    const cap = newCap({ owner: model, beside: model.layer('relu'), name: 'cap' }, maxima, -1);
    insertBehind(model, model.calls.at(-1)!, [cap]);
    const ranges = new Map([
      ['x#0:0', { min: 0, max: 255 }],
      ['cap#0:0', { min: 0, max: 51 }],
    ]);
    const plan = integerPlan(model, { weights: parseQuantizer('int8-per-channel'), ranges });
    expect(plan.tensors.get('relu#0:0')).toEqual({ scale: Math.fround(0.2), zeroPoint: -128 });
    const close = async (parts: PlanParts, expected: readonly number[]): Promise<void> => {
      const output = await outputOf(plan, [100, 100], parts);
      for (const [index, value] of output.entries()) expect(value).toBeCloseTo(expected[index]!, 4);
    };
    // 30.6 is 153 steps; the other is past the end of the grid.
    await close({}, [30.6, 51]);
    await close(NOTHING, [30.6, 90.4]);
    expect(model.layer('cap').operation).toMatchObject({ maxima });
  });

  test('is that of the float model where all parts are left out', async () => {
    const property = fc.asyncProperty(randomChain, async (make) => {
      const model = make();
      const inputs = randomInputs(model);
      const plan = await plannedOn(model, runner, inputs);
      const expected = await runner.run(model, inputs);
      const actual = await runPlan(plan, runner, inputs, NOTHING);
      expect(relativeDifference(values(expected), values(actual))).toBeLessThan(1e-5);
    });
    await fc.assert(property, { numRuns: 60 });
  });

  test('is near the float model where none is', async () => {
    const property = fc.asyncProperty(randomChain, async (make) => {
      const model = make();
      const inputs = randomInputs(model);
      const plan = await plannedOn(model, runner, inputs);
      const [expected, actual] = [await runner.run(model, inputs), await runPlan(plan, runner, inputs)];
      for (const [index, tensor] of actual.entries()) {
        const [signal, noise] = powers(expected[index]!, tensor);
        // Ten layers of 8 bits, batch norms without folding among them, leave a few percent at worst; the same models in
        // every run, as that is no law.
        expect(noise).toBeLessThanOrEqual(0.03 * signal + 1e-9);
      }
    });
    await fc.assert(property, { numRuns: 60, seed: 20_240 });
  });

  test('leaves the plan and its model as they are', async () => {
    const model: Model = buildModel([input('x', [2]), layer('Dense', 'dense', { units: 2 })]);
    const plan = await plannedOn(model, runner, randomInputs(model));
    const before = plan.model.layer('dense').weights.get('kernel');
    const first = await outputOf(plan, [1, 2]);
    expect(plan.model.layer('dense').weights.get('kernel')).toBe(before);
    expect(await outputOf(plan, [1, 2])).toEqual(first);
  });

  test('what is no runner', async () => {
    await expect(runPlan(densePlan(), {} as TfjsRunner, [numbers([1, 2])])).rejects.toThrow(TypeError);
  });
});

function values(tensors: readonly Tensor[]): Float32Array[] {
  return tensors.map((tensor) => Float32Array.from(tensor.toFloat64()));
}

/** Sums of squares: of the values, and of the differences. */
function powers(expected: Tensor, actual: Tensor): [number, number] {
  const [one, other] = [expected.toFloat64(), actual.toFloat64()];
  const noise = one.reduce((sum, value, at) => sum + (value - other[at]!) ** 2, 0);
  return [one.reduce((sum, value) => sum + value ** 2, 0), noise];
}
