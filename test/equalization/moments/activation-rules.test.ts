import { describe, expect, it } from 'vitest';
import {
  activatedDistribution,
  activationFunction,
  clipped,
} from '../../../src/equalization/moments/activation-rules.ts';
import {
  type ChannelDistribution,
  matchedDistribution,
} from '../../../src/equalization/moments/channel-distribution.ts';
import { mergedDistribution, pooledDistribution } from '../../../src/equalization/moments/merge-rules.ts';
import type { Activation, MergeKind } from '../../../src/model/operation.ts';
import { seededRandom } from '../../support/random.ts';

/** Means from far below to far above zero, deviations from small to large. */
const MEANS = [-4, -1, -0.3, 0, 0.4, 2, 5, 7];
const DEVIATIONS = [0.5, 1, 2, 0.1, 3, 1.5, 2, 0.7];
const CHANNELS = MEANS.length;
const DRAWS = 20_000;
/** Six standard errors of a mean of so many draws, which is missed once in 10^9: the seed is fixed all the same. */
const ERRORS = 6;

const normals = matchedDistribution(
  Float64Array.from(MEANS),
  Float64Array.from(DEVIATIONS, (one) => one * one),
);

function filled(value: number): Float64Array {
  return new Float64Array(CHANNELS).fill(value);
}

/** Draws of `f` for each channel against the moments computed. */
function expectMoments(made: ChannelDistribution | undefined, draw: (channel: number) => number): void {
  if (!made) throw new Error('no moments');
  expect(made.mean).toHaveLength(CHANNELS);
  for (let channel = 0; channel < CHANNELS; channel++) {
    let [first, second, fourth] = [0, 0, 0];
    for (let n = 0; n < DRAWS; n++) {
      const value = draw(channel);
      first += value / DRAWS;
      second += value ** 2 / DRAWS;
      fourth += value ** 4 / DRAWS;
    }
    const [mean, variance] = [made.mean[channel]!, made.variance[channel]!];
    const meanError = Math.sqrt(Math.max(0, second - first * first) / DRAWS);
    const squareError = Math.sqrt(Math.max(0, fourth - second * second) / DRAWS);
    // Where hardly a draw leaves a constant piece there is no error to speak of: 1e-4 stands for one draw or two.
    expect(Math.abs(mean - first)).toBeLessThan(ERRORS * meanError + 1e-4);
    expect(Math.abs(variance + mean ** 2 - second)).toBeLessThan(ERRORS * squareError + 1e-4);
    expect(made.low[channel]).toBeLessThanOrEqual(mean + 1e-12);
    expect(made.high[channel]).toBeGreaterThanOrEqual(mean - 1e-12);
  }
}

function drawing(seed: number): (channel: number) => number {
  const random = seededRandom(seed);
  return (channel) => MEANS[channel]! + DEVIATIONS[channel]! * random.normal();
}

const relu = { kind: 'relu', maxValue: undefined, negativeSlope: 0, threshold: 0 } as const;

const ACTIVATIONS: readonly Activation[] = [
  { kind: 'linear' },
  relu,
  { ...relu, maxValue: 6 },
  { ...relu, negativeSlope: 0.3 },
  { ...relu, negativeSlope: -0.2 },
  { ...relu, threshold: 1 },
  { ...relu, maxValue: 3, negativeSlope: 0.1, threshold: 0.5 },
  ...[
    'sigmoid',
    'tanh',
    'swish',
    'silu',
    'hard_swish',
    'hard_sigmoid',
    'elu',
    'selu',
    'gelu',
    'softplus',
    'softsign',
    'mish',
  ].map((name) => ({ kind: 'other', name }) as const),
];

describe('activatedDistribution', () => {
  it.each(ACTIVATIONS.map((activation) => [JSON.stringify(activation), activation] as const))(
    '%s',
    (_, activation) => {
      const f = activationFunction(activation, 'keras3')!;
      const draw = drawing(5);
      expectMoments(activatedDistribution(normals, activation, { dialect: 'keras3' }), (channel) =>
        f(draw(channel)),
      );
    },
  );

  it('PReLU, a slope a channel', () => {
    const slopes = Float64Array.from(MEANS, (_, channel) => channel / 10);
    const draw = drawing(6);
    expectMoments(
      activatedDistribution(normals, { kind: 'prelu' }, { slopes, dialect: 'keras2' }),
      (channel) => {
        const x = draw(channel);
        return x > 0 ? x : slopes[channel]! * x;
      },
    );
  });

  it('hard_sigmoid is another function in Keras 2', () => {
    const activation = { kind: 'other', name: 'hard_sigmoid' } as const;
    const draw = drawing(7);
    expectMoments(activatedDistribution(normals, activation, { dialect: 'keras2' }), (channel) =>
      Math.min(1, Math.max(0, 0.2 * draw(channel) + 0.5)),
    );
  });

  it('a ReLU behind a ReLU changes nothing, and the caps of ReLU6 in stock layers are exact', () => {
    const once = activatedDistribution(normals, { ...relu, maxValue: 6 }, { dialect: 'keras3' })!;
    expect(activatedDistribution(once, relu, { dialect: 'keras3' })).toBe(once);
    const draw = drawing(8);
    const leaky = activatedDistribution(
      once,
      { ...relu, maxValue: 2, negativeSlope: 0.5 },
      { dialect: 'keras3' },
    );
    expectMoments(leaky, (channel) => Math.min(2, Math.max(0, draw(channel))));
  });

  it('knows nothing of Softmax', () => {
    expect(
      activatedDistribution(normals, { kind: 'other', name: 'softmax' }, { dialect: 'keras3' }),
    ).toBeUndefined();
  });

  it('a constant stays one', () => {
    const constant = matchedDistribution(Float64Array.of(-2, 3, 9), new Float64Array(3));
    const made = activatedDistribution(constant, { ...relu, maxValue: 6 }, { dialect: 'keras3' })!;
    expect([...made.mean]).toEqual([0, 3, 6]);
    expect([...made.variance]).toEqual([0, 0, 0]);
  });
});

describe('clipped', () => {
  it('cuts off once more, also all of it', () => {
    const bounds = (low: number, high: number): { low: Float64Array; high: Float64Array } => ({
      low: filled(low),
      high: filled(high),
    });
    const draw = drawing(9);
    const twice = clipped(clipped(normals, bounds(-1, 3)), bounds(0, 6));
    expectMoments(twice, (channel) => Math.min(3, Math.max(0, draw(channel))));
    const gone = clipped(clipped(normals, bounds(-1, 3)), bounds(4, 6));
    expect([...gone.mean]).toEqual(MEANS.map(() => 4));
    expect([...gone.variance].every((value) => value < 1e-12)).toBe(true);
  });
});

describe('mergedDistribution', () => {
  const others = matchedDistribution(
    Float64Array.from(MEANS.toReversed()),
    Float64Array.from(DEVIATIONS, (one) => one * one + 0.3),
  );

  it.each([
    ['add', (a: number, b: number) => a + b],
    ['subtract', (a: number, b: number) => a - b],
    ['multiply', (a: number, b: number) => a * b],
    ['average', (a: number, b: number) => (a + b) / 2],
    ['maximum', Math.max],
    ['minimum', Math.min],
  ] as [MergeKind, (a: number, b: number) => number][])('%s of two independent normals', (merge, f) => {
    const [draw, random] = [drawing(10), seededRandom(11)];
    const made = mergedDistribution([normals, others], merge);
    expectMoments(made, (channel) =>
      f(draw(channel), others.mean[channel]! + Math.sqrt(others.variance[channel]!) * random.normal()),
    );
  });

  it('the maximum of two ReLUs is the ReLU of the maximum', () => {
    const bounds = { low: filled(0), high: filled(6) };
    const [draw, random] = [drawing(12), seededRandom(13)];
    const made = mergedDistribution([clipped(normals, bounds), clipped(others, bounds)], 'maximum')!;
    // The maximum of two normals is only nearly one, so that cutting it off errs by some hundredths of a deviation; six
    // standard errors of so many draws are another 4 %.
    for (let channel = 0; channel < CHANNELS; channel++) {
      let mean = 0;
      const deviation = Math.max(DEVIATIONS[channel]!, Math.sqrt(others.variance[channel]!));
      for (let n = 0; n < DRAWS; n++) {
        const other = others.mean[channel]! + Math.sqrt(others.variance[channel]!) * random.normal();
        mean += Math.min(6, Math.max(0, draw(channel), other)) / DRAWS;
      }
      expect(Math.abs(made.mean[channel]! - mean)).toBeLessThan(0.09 * deviation);
    }
  });

  it('one channel goes with all of the others; other numbers do not match', () => {
    const single = matchedDistribution(Float64Array.of(2), Float64Array.of(1));
    expect([...(mergedDistribution([normals, single], 'add')?.mean ?? [])]).toEqual(
      MEANS.map((mean) => mean + 2),
    );
    const two = matchedDistribution(Float64Array.of(2, 3), Float64Array.of(1, 1));
    expect(mergedDistribution([normals, two], 'add')).toBeUndefined();
  });
});

describe('pooledDistribution', () => {
  const correlated = (seed: number, count: number): ((channel: number) => number[]) => {
    const random = seededRandom(seed);
    // Half of the variance is common to all positions: a correlation of 1/2, which the rule assumes.
    return (channel) => {
      const common = random.normal();
      return Array.from(
        { length: count },
        () => MEANS[channel]! + DEVIATIONS[channel]! * Math.SQRT1_2 * (common + random.normal()),
      );
    };
  };

  it('average and maximum of values with a correlation of 1/2', () => {
    const average = correlated(14, 4);
    expectMoments(pooledDistribution(normals, 'average', 4), (channel) =>
      average(channel).reduce((sum, value) => sum + value / 4, 0),
    );
    const largest = correlated(15, 9);
    const made = pooledDistribution(normals, 'max', 9);
    expectMoments(made, (channel) => Math.max(...largest(channel)));
  });

  it('one position is the value itself; of an unknown number only the average is known', () => {
    expect(pooledDistribution(normals, 'max', 1)).toBe(normals);
    expect(pooledDistribution(normals, 'max', undefined)).toBeUndefined();
    expect([...(pooledDistribution(normals, 'average', undefined)?.mean ?? [])]).toEqual(MEANS);
  });
});
