import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type DTypeOption,
  type PlannedWeight,
  type PlannedWeightOptions,
  planDTypes,
} from '../../../src/equalization/packing/dtype-plan.ts';
import type { Layer } from '../../../src/model/layer.ts';
import { buildModel, input, layer } from '../../support/model-builder.ts';

const owner: Layer = buildModel([input('x', [2]), layer('Dense', 'dense', { units: 1 })]).layer('dense');
const DTYPES = ['uint8', 'uint16', 'float16', 'float32'] as const;

/** Weights with options `[bytes, damage]`. */
function weightsOf(
  ...options: (readonly (readonly [bytes: number, damage: number])[])[]
): PlannedWeightOptions[] {
  return options.map((each, index) => ({
    layer: owner,
    name: `w${index}`,
    options: each.map(([bytes, damage], at) => ({ dtype: DTYPES[at % 4] ?? 'uint8', bytes, damage })),
  }));
}

const damageOf = (plan: readonly DTypeOption[]): number => plan.reduce((sum, { damage }) => sum + damage, 0);
const bytesOf = (plan: readonly DTypeOption[]): number => plan.reduce((sum, { bytes }) => sum + bytes, 0);
const bytes = (plan: readonly PlannedWeight[]): number[] => plan.map((one) => one.bytes);

/** The least damage of all choices that fit. */
function leastDamage([first, ...others]: readonly PlannedWeightOptions[], budget: number): number {
  if (!first) return 0;
  const each = first.options
    .filter((option) => option.bytes <= budget)
    .map((option) => option.damage + leastDamage(others, budget - option.bytes));
  return Math.min(...each);
}

const weights = fc.array(
  fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 1000 })), {
    minLength: 1,
    maxLength: 4,
  }),
  { minLength: 1, maxLength: 5 },
);

describe('planDTypes', () => {
  it('starts with the smallest and takes the steps that gain most for their bytes', () => {
    const plan = (budget: number): number[] =>
      bytes(
        planDTypes(
          weightsOf(
            [
              [10, 100],
              [20, 10],
              [40, 0],
            ],
            [
              [1, 9],
              [2, 1],
              [4, 0],
            ],
            [
              [5, 2],
              [10, 0],
            ],
          ),
          budget,
        ),
      );
    expect(plan(16)).toEqual([10, 1, 5]);
    // 9 for each byte, where the second gains 8.
    expect(plan(26)).toEqual([20, 1, 5]);
    expect(plan(27)).toEqual([20, 2, 5]);
    // 0.5, 0.5 and 0.4 for each byte.
    expect(plan(29)).toEqual([20, 4, 5]);
    expect(plan(49)).toEqual([40, 4, 5]);
    expect(plan(54)).toEqual([40, 4, 10]);
    expect(plan(1e9)).toEqual([40, 4, 10]);
  });

  it('goes past an option that lies above the hull, and fills with it what is left', () => {
    // From 10 to 40 gains 3 for each byte, to 20 only 1.
    const options = [
      [10, 100],
      [20, 90],
      [40, 10],
    ] as const;
    expect(bytes(planDTypes(weightsOf(options), 40))).toEqual([40]);
    expect(bytes(planDTypes(weightsOf(options), 39))).toEqual([20]);
    expect(bytes(planDTypes(weightsOf(options), 19))).toEqual([10]);
  });

  it('fills what is left with what tells, and leaves bytes that would take off a thousandth at most', () => {
    // The first has the best step, which does not fit.
    const plan = (damage: number): number[] => {
      const small = [
        [1, damage],
        [2, 0],
      ] as const;
      const large = [
        [1, 1000],
        [100, 0],
      ] as const;
      return bytes(planDTypes(weightsOf(large, small), 50));
    };
    expect(plan(0.5)).toEqual([1, 1]);
    expect(plan(5)).toEqual([1, 2]);
  });

  it('never takes an option that another is as small and as harmless as', () => {
    const plan = planDTypes(
      weightsOf([
        [4, 5],
        [2, 3],
        [4, 1],
        [8, 1],
      ]),
      100,
    );
    expect(plan).toMatchObject([{ dtype: 'float16', bytes: 4, damage: 1 }]);
  });

  it('fits its budget, and is near the best there is', () => {
    fc.assert(
      fc.property(weights, fc.nat(150), (given, more) => {
        const all = weightsOf(...given);
        const least = all.reduce((sum, { options }) => sum + Math.min(...options.map((one) => one.bytes)), 0);
        const budget = least + more;
        const plan = planDTypes(all, budget);
        expect(bytesOf(plan)).toBeLessThanOrEqual(budget);
        for (const [index, { dtype, bytes: size, damage }] of plan.entries()) {
          expect(all[index]?.options).toContainEqual({ dtype, bytes: size, damage });
        }
        // The best is within one step of the relaxed problem, and a step takes off no more than a weight can.
        const most = Math.max(
          ...all.map(({ options }) => {
            const smallest = Math.min(...options.map((one) => one.bytes));
            const starts = options.filter((one) => one.bytes === smallest).map((one) => one.damage);
            return Math.min(...starts) - Math.min(...options.map((one) => one.damage), ...starts);
          }),
        );
        const best = leastDamage(all, budget);
        expect(damageOf(plan)).toBeGreaterThanOrEqual(best);
        expect(damageOf(plan)).toBeLessThanOrEqual(best + most);
      }),
    );
  });

  it('is the best there is at the sizes of the hull', () => {
    fc.assert(
      fc.property(weights, fc.nat(200), (given, budget) => {
        const all = weightsOf(...given);
        const least = all.reduce((sum, { options }) => sum + Math.min(...options.map((one) => one.bytes)), 0);
        // Those that nothing was filled in of.
        const plans = Array.from({ length: budget + 1 }, (_, more) => planDTypes(all, least + more));
        const exact = plans.filter((plan, more) => bytesOf(plan) === least + more && isOnHull(all, plan));
        expect(exact.length).toBeGreaterThan(0);
        for (const plan of exact) expect(damageOf(plan)).toBe(leastDamage(all, bytesOf(plan)));
      }),
      { numRuns: 30 },
    );
  });

  it('says how small it can be', () => {
    const all = weightsOf(
      [
        [1_000_000, 1],
        [2_000_000, 0],
      ],
      [[234_567, 1]],
    );
    expect(() => planDTypes(all, 1e6)).toThrow(
      new RangeError(
        'a budget of 1000000 bytes (1 MB) is too small: with the smallest dtype for each weight they take 1234567 bytes (1.24 MB)',
      ),
    );
    expect(bytesOf(planDTypes(all, 1_234_567))).toBe(1_234_567);
  });

  it('refuses budgets and options that are none', () => {
    expect(() => planDTypes([], NaN)).toThrow(RangeError);
    expect(() => planDTypes([], -1)).toThrow(RangeError);
    expect(planDTypes([], 0)).toEqual([]);
    expect(() => planDTypes(weightsOf([]), 9)).toThrow('dense/w0: no option');
    expect(() => planDTypes(weightsOf([[1, NaN]]), 9)).toThrow(
      'dense/w0: uint8 with 1 bytes and a damage of NaN',
    );
    expect(() => planDTypes(weightsOf([[Infinity, 1]]), 9)).toThrow(RangeError);
  });
});

/** Whether there is a price of a byte at which each weight's option is the best for it. */
function isOnHull(all: readonly PlannedWeightOptions[], plan: readonly PlannedWeight[]): boolean {
  let [low, high] = [0, Infinity];
  for (const [index, { bytes: size, damage }] of plan.entries()) {
    for (const other of all[index]?.options ?? []) {
      const price = (other.damage - damage) / (size - other.bytes);
      if (other.bytes < size) high = Math.min(high, price);
      else if (other.bytes > size) low = Math.max(low, price);
      else if (other.damage < damage) return false;
    }
  }
  return low <= high;
}
