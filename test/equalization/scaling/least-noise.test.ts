import { beforeEach, describe, expect, it } from 'vitest';
import {
  ActivationMoments,
  activationMoments,
} from '../../../src/equalization/moments/activation-moments.ts';
import { matchedDistribution } from '../../../src/equalization/moments/channel-distribution.ts';
import { type Objective, scaleRegions } from '../../../src/equalization/scaling/scale-regions.ts';
import type { Model } from '../../../src/model/model.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { buildModel, input, layer } from '../../support/model-builder.ts';
import { seededRandom } from '../../support/random.ts';

/** Deviations before the ReLUs, all around 0: half of the values pass. */
const DEVIATIONS = {
  stem: [0.3, 2, 1, 0.05],
  depthwise: [1, 0.2, 4, 0.6],
  project: [0.5, 1, 0.1, 2],
  expand: [3, 0.4, 1, 0.9],
};
type Name = keyof typeof DEVIATIONS | 'head';

/**
 * A residual block between two convolutions, all of them pointwise, without biases: every number can be computed here. Its
 * input is an output too, so that no tensor is all that the outputs depend on, and sensitivities stay as they are.
 */
function block(): Model {
  const config = { kernel_size: 1, use_bias: false };
  const model = buildModel(
    [
      input('x', [1, 1, 3]),
      layer('Conv2D', 'stem', { filters: 4, ...config, activation: 'relu' }),
      layer('DepthwiseConv2D', 'depthwise', { ...config, activation: 'relu' }),
      layer('Conv2D', 'project', { filters: 4, ...config }),
      layer('Add', 'add', {}, { from: ['stem', 'project'] }),
      layer('Conv2D', 'expand', { filters: 4, ...config, activation: 'relu' }),
      layer('Conv2D', 'head', { filters: 3, ...config }),
      layer('Dropout', 'beside', {}, { from: ['x'] }),
    ],
    { seed: 5, outputs: ['head', 'beside'] },
  );
  for (const [path, deviations] of Object.entries(DEVIATIONS)) {
    const variance = Float64Array.from(deviations, (deviation) => deviation ** 2);
    model.layer(path).statistics = { mean: new Float64Array(deviations.length), variance };
  }
  return model;
}

/** Factors: of what stem and project write, of what the depthwise writes, and of what expand writes. */
type Factors = readonly [residual: number[], middle: number[], expanded: number[]];

const CHANNELS = [0, 1, 2, 3] as const;
/** The variance of the positive half of a normal variable around 0 of variance 1, the rest being 0. */
const HALF = 1 / 2 - 1 / (2 * Math.PI);

/** The noise of all kernels as the sum of `range² (sum of variances) (sum of sensitivities)`, with that norm for the range. */
class Noise {
  readonly #weights: Record<Name, number[][]>;
  readonly #sensitivities: Record<Name, number[]>;

  constructor(model: Model) {
    const rows = (name: Name, kernel: 'kernel' | 'depthwiseKernel' = 'kernel'): number[][] => {
      const tensor = model.layer(name).requireWeight(kernel);
      const values = [...tensor.toFloat64()];
      return Array.from({ length: tensor.rows }, (_, row) =>
        values.slice(row * tensor.columns, (row + 1) * tensor.columns),
      );
    };
    this.#weights = {
      stem: rows('stem'),
      depthwise: rows('depthwise', 'depthwiseKernel'),
      project: rows('project'),
      expand: rows('expand'),
      head: rows('head'),
    };
    const behind = (name: Name, sensitivities: readonly number[]): number[] =>
      this.#weights[name].map((row) =>
        row.reduce((sum, weight, o) => sum + weight ** 2 * sensitivities[o]!, 0),
      );
    const head = [1, 1, 1];
    const expand = behind('head', head).map((one) => one / 2);
    const project = behind('expand', expand);
    const depthwise = behind('project', project).map((one) => one / 2);
    const stem = depthwise.map((one, c) => (one * this.#weights.depthwise[c]![0]! ** 2 + project[c]!) / 2);
    this.#sensitivities = { stem, depthwise, project, expand, head };
  }

  of([residual, middle, expanded]: Factors, p: number): number {
    const { stem, depthwise, project, expand } = DEVIATIONS;
    const half = (deviation: number): number => HALF * deviation ** 2;
    const ones = [1, 1, 1];
    const pairs = CHANNELS.map((c) => (this.#weights.depthwise[c]![0]! * residual[c]!) / middle[c]!);
    const throughPairs = CHANNELS.map(
      (c) => half(stem[c]!) * this.#sensitivities.depthwise[c]! * (middle[c]! / residual[c]!) ** 2,
    );
    // Of the input nothing is known but what the stem makes of it: the upper middle of what its outputs would need.
    const [, , variance = NaN] = CHANNELS.map(
      (c) => stem[c]! ** 2 / total(this.#weights.stem.map((row) => row[c]! ** 2)),
    ).sort((one, other) => one - other);
    return (
      this.#matrix('stem', [ones, residual], [variance, variance, variance], p) +
      norm(pairs, p) ** 2 * total(throughPairs) +
      this.#matrix('project', [middle, residual], depthwise.map(half), p) +
      this.#matrix(
        'expand',
        [residual, expanded],
        CHANNELS.map((c) => half(stem[c]!) + project[c]! ** 2),
        p,
      ) +
      this.#matrix('head', [expanded, ones], expand.map(half), p)
    );
  }

  #matrix(
    name: Name,
    [inputs, outputs]: readonly [readonly number[], readonly number[]],
    variances: readonly number[],
    p: number,
  ): number {
    const weights = this.#weights[name].flatMap((row, i) =>
      row.map((weight, o) => (weight * inputs[i]!) / outputs[o]!),
    );
    const read = total(variances.map((variance, i) => variance / inputs[i]! ** 2));
    return (
      norm(weights, p) ** 2 * read * total(this.#sensitivities[name].map((one, o) => one * outputs[o]! ** 2))
    );
  }
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** The largest magnitude for p = Infinity. */
function norm(values: readonly number[], p: number): number {
  if (p === Infinity) return Math.max(...values.map(Math.abs));
  return total(values.map((value) => Math.abs(value) ** p)) ** (1 / p);
}

/** What {@link scaleRegions} divides by. */
function factorsOf(objective: Objective, given = false): Factors {
  const model = block();
  const moments = given ? { moments: activationMoments(block()) } : {};
  const { outputScales } = scaleRegions(model, { objective, ...moments });
  const of = (name: Name): number[] => [...(outputScales.get(name) ?? [])];
  expect(of('stem')).toEqual(of('project'));
  return [of('stem'), of('depthwise'), of('expand')];
}

/** All factors after `change`, which is told their places. */
function changed(factors: Factors, change: (factor: number, at: number) => number): Factors {
  const [residual, middle, expanded] = factors.map((list, tensor) =>
    list.map((factor, channel) => change(factor, 4 * tensor + channel)),
  ) as [number[], number[], number[]];
  return [residual, middle, expanded];
}

/** The power that maxima are smoothed with in the end. */
const P = 32;

describe('least noise', () => {
  let noise: Noise;
  beforeEach(() => {
    noise = new Noise(block());
  });

  it('is less than that of equal ranges, and of no scaling at all', () => {
    const found = noise.of(factorsOf('least-noise'), Infinity);
    expect(found).toBeLessThan(0.9 * noise.of(factorsOf('equal-ranges'), Infinity));
    const ones = changed(factorsOf('least-noise'), () => 1);
    expect(found).toBeLessThan(0.9 * noise.of(ones, Infinity));
  });

  it('is not lowered by another factor of any channel', () => {
    const factors = factorsOf('least-noise');
    const least = noise.of(factors, P);
    for (let place = 0; place < 12; place++) {
      for (const by of [0.5, 0.8, 0.9, 0.97, 1.03, 1.1, 1.25, 2]) {
        const other = noise.of(
          changed(factors, (factor, at) => (at === place ? factor * by : factor)),
          P,
        );
        // The search ends when a step gains less than 1e-4; a few such steps may be left.
        expect(other / least, `${place} by ${by}`).toBeGreaterThan(1 - 1e-3);
      }
    }
  });

  it('is not lowered by any change of all factors', () => {
    const factors = factorsOf('least-noise');
    const least = noise.of(factors, P);
    const random = seededRandom(3);
    let worse = 0;
    for (let trial = 0; trial < 500; trial++) {
      const size = 10 ** (-2 * random.uniform());
      const other = noise.of(
        changed(factors, (factor) => factor * Math.exp(size * random.normal())),
        P,
      );
      expect(other / least).toBeGreaterThan(1 - 1e-3);
      worse += other > 1.01 * least ? 1 : 0;
    }
    expect(worse).toBeGreaterThan(250);
  });

  it('has no slope left in any factor', () => {
    const factors = factorsOf('least-noise');
    const step = 1e-4;
    const slopes = Array.from({ length: 12 }, (_, place) => {
      const logNoise = (by: number): number =>
        Math.log(
          noise.of(
            changed(factors, (factor, at) => (at === place ? factor * Math.exp(by) : factor)),
            P,
          ),
        );
      return (logNoise(step) - logNoise(-step)) / (2 * step);
    });
    // The start, for comparison, has slopes of tenths.
    for (const slope of slopes) expect(Math.abs(slope)).toBeLessThan(0.02);
  });

  it('takes moments from the statistics of the model where none are given', () => {
    expect(factorsOf('least-noise', true)).toEqual(factorsOf('least-noise'));
    const model = block();
    for (const name of Object.keys(DEVIATIONS)) model.layer(name).statistics = undefined;
    const { outputScales } = scaleRegions(model, { objective: 'least-noise' });
    expect([...(outputScales.get('stem') ?? [])]).not.toEqual(factorsOf('least-noise')[0]);
  });

  it('leaves dead channels where equal ranges have them', () => {
    const factors = (objective: Objective): number[] => {
      const model = block();
      const kernel = model.layer('expand').requireWeight('kernel');
      const values = kernel.toFloat64().map((weight, index) => (index % 4 === 2 ? 0 : weight));
      model.layer('expand').setWeight('kernel', Tensor.fromNumbers('float32', kernel.shape, values));
      const { outputScales, deadChannels } = scaleRegions(model, { objective });
      expect(deadChannels).toBe(1);
      return [...(outputScales.get('expand') ?? [])];
    };
    const [equal, least] = [factors('equal-ranges'), factors('least-noise')];
    expect(least[2]).toBeCloseTo(equal[2] ?? NaN, 9);
    expect(least[1]).not.toBeCloseTo(equal[1] ?? NaN, 2);
  });

  it('does not depend on the unit of what is known where something is not', () => {
    const factors = (unit: number): number[] => {
      const config = { kernel_size: 1, use_bias: false, activation: 'relu' };
      const model = buildModel(
        [
          input('x', [1, 1, 3]),
          layer('Conv2D', 'first', { filters: 4, ...config }),
          layer('Conv2D', 'second', { filters: 4, ...config }),
          layer('Conv2D', 'third', { filters: 4, ...config }),
          layer('Conv2D', 'head', { filters: 3, kernel_size: 1 }),
        ],
        { seed: 5 },
      );
      const variance = Float64Array.from(DEVIATIONS.stem, (deviation) => (unit * deviation) ** 2);
      const tensors = new Map([['third#0:0', matchedDistribution(new Float64Array(4), variance)]]);
      const moments = new ActivationMoments(tensors);
      const { outputScales } = scaleRegions(model, { objective: 'least-noise', moments });
      return [...outputScales.values()].flatMap((scales) => [...scales]);
    };
    const [one, thousand] = [factors(1), factors(1000)];
    for (const [index, factor] of one.entries()) expect((thousand[index] ?? NaN) / factor).toBeCloseTo(1, 2);
  });

  it('rounds to powers of two where it is told to', () => {
    const model = block();
    const { outputScales } = scaleRegions(model, { objective: 'least-noise', powersOfTwo: true });
    const factors = [...outputScales.values()].flatMap((scales) => [...scales]);
    for (const factor of factors) expect(Number.isInteger(Math.log2(factor))).toBe(true);
    expect(factors.some((factor) => factor !== 1)).toBe(true);
  });
});
