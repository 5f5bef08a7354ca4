import { describe, expect, it } from 'vitest';
import { channelGraph } from '../../../src/equalization/channels/channel-graph.ts';
import { activationMoments } from '../../../src/equalization/moments/activation-moments.ts';
import { equalRanges } from '../../../src/equalization/scaling/equal-ranges.ts';
import { FreeFactors } from '../../../src/equalization/scaling/free-factors.ts';
import { leastNoise } from '../../../src/equalization/scaling/least-noise.ts';
import { NoiseSlopes } from '../../../src/equalization/scaling/noise-slopes.ts';
import { noiseTerms } from '../../../src/equalization/scaling/noise-terms.ts';
import { findRegions, rootedLayers } from '../../../src/equalization/scaling/regions.ts';
import { scalePass } from '../../../src/equalization/scaling/scale-pass.ts';
import { scaleRegions } from '../../../src/equalization/scaling/scale-regions.ts';
import { TensorNoise } from '../../../src/equalization/scaling/tensor-noise.ts';
import { type TensorTerm, tensorTerms } from '../../../src/equalization/scaling/tensor-terms.ts';
import type { Model } from '../../../src/model/model.ts';
import { runPasses } from '../../../src/primitives/pass.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { buildModel, input, layer } from '../../support/model-builder.ts';
import { seededRandom } from '../../support/random.ts';

const DEVIATIONS = { first: [0.3, 2, 1, 0.05], second: [3, 0.4, 1, 0.9], head: [1, 1, 1] };

const DEVIATIONS_OF_FIRST = {
  mean: new Float64Array(4).fill(0.5),
  variance: Float64Array.from(DEVIATIONS.first, (one) => one ** 2),
};

function tensorLike(tensor: Tensor, values: Float64Array): Tensor {
  return Tensor.fromNumbers('float32', tensor.shape, values);
}

/** Three convolutions with ReLUs between, of known statistics: means of a half, above which all is kept. */
function chain(maximum: number | null = null): Model {
  const relu = (name: string) => layer('ReLU', name, { max_value: maximum });
  const model = buildModel(
    [
      input('x', [4, 4, 3]),
      layer('Conv2D', 'first', { filters: 4, kernel_size: 1 }),
      relu('r'),
      layer('Conv2D', 'second', { filters: 4, kernel_size: 1 }),
      relu('q'),
      layer('Conv2D', 'head', { filters: 3, kernel_size: 1 }),
    ],
    { seed: 5 },
  );
  for (const [path, deviations] of Object.entries(DEVIATIONS)) {
    const variance = Float64Array.from(deviations, (deviation) => deviation ** 2);
    model.layer(path).statistics = { mean: new Float64Array(deviations.length).fill(0.5), variance };
  }
  return model;
}

function termsOf(model: Model): TensorTerm[] {
  return tensorTerms(channelGraph(model, { throughBounded: true }), activationMoments(model));
}

describe('tensorTerms', () => {
  it('has the mean and 6 deviations for what a channel reaches, cut off by ReLU and maximum', () => {
    const up = (model: Model): number[][] => termsOf(model).map((term) => [...term.up]);
    const reached = (deviations: readonly number[], most = Infinity): number[] =>
      deviations.map((deviation) => Math.min(most, 0.5 + 6 * deviation));
    // Of the input nothing is known.
    const [first, second, head] = up(chain());
    expect(first).toEqual(reached(DEVIATIONS.first));
    expect(second).toEqual(reached(DEVIATIONS.second));
    expect(head).toEqual(reached(DEVIATIONS.head));
    expect(up(chain(6))[0]).toEqual(reached(DEVIATIONS.first, 6));
    const below = termsOf(chain()).map((term) => [...term.down]);
    expect(below[0]).toEqual([0, 0, 0, 0]);
    expect(below[2]).toEqual([5.5, 5.5, 5.5]);
  });

  it('reaches further behind a depthwise convolution, whose channels are made of one', () => {
    const model = buildModel([
      input('x', [4, 4, 2]),
      layer('DepthwiseConv2D', 'depthwise', { kernel_size: 1 }),
      layer('Conv2D', 'head', { filters: 1, kernel_size: 1 }),
    ]);
    model.layer('depthwise').statistics = { mean: Float64Array.of(1, 0), variance: Float64Array.of(1, 4) };
    expect(termsOf(model).map((term) => [...term.up])).toContainEqual([11, 20]);
  });

  it('weighs the first layers more, by the sensitivity of the outputs', () => {
    const [first, second] = termsOf(chain());
    const average = ({ sensitivities }: TensorTerm): number =>
      sensitivities.reduce((sum, one) => sum + one, 0) / sensitivities.length;
    // Of the factors 1 + 20 and 1 + 6; the sensitivities themselves differ by the kernel between the two.
    expect(average(first!) / average(second!)).toBeGreaterThan(1);
  });

  it('has none where nothing is known', () => {
    const model = buildModel([
      input('x', [4, 4, 3]),
      layer('Conv2D', 'a', { filters: 2, kernel_size: 1 }),
      layer('Conv2D', 'b', { filters: 2, kernel_size: 1 }),
    ]);
    expect(termsOf(model)).toEqual([]);
  });
});

/** A term of channels `at`, with seeded numbers. */
function randomTerm(size: number, seed: number): TensorTerm {
  const random = seededRandom(seed);
  const values = (): Float64Array => Float64Array.from({ length: size }, () => Math.exp(random.normal()));
  return {
    classes: Int32Array.from({ length: size }, (_, at) => at),
    up: values(),
    down: values(),
    sensitivities: values(),
  };
}

describe('TensorNoise', () => {
  const noiseOf = (
    term: TensorTerm,
    logScales: Float64Array,
    gradient = new Float64Array(logScales.length),
  ): number => {
    const classes = Int32Array.from(logScales.keys());
    const factors = new FreeFactors(classes, new Float64Array(classes.length).fill(1));
    return noiseAt(term, factors, logScales, gradient);
  };
  const noiseAt = (
    term: TensorTerm,
    factors: FreeFactors,
    logScales: Float64Array,
    gradient: Float64Array,
  ): number => {
    const noise = new TensorNoise(term, factors);
    const slopes = new NoiseSlopes(factors.count);
    noise.smooth(5);
    factors.set(logScales, 5);
    const total = noise.add(slopes);
    slopes.addTo(gradient, new Float64Array(factors.count), 1, 32);
    return total;
  };

  it('is width² times what is heard of it', () => {
    const term: TensorTerm = {
      classes: Int32Array.of(0, 1),
      up: Float64Array.of(4, 1),
      down: Float64Array.of(0, 3),
      sensitivities: Float64Array.of(1, 5),
    };
    const unit = noiseOf(
      { ...term, up: Float64Array.of(1, 0), down: new Float64Array(2), sensitivities: Float64Array.of(1, 0) },
      Float64Array.of(0, 0),
    );
    const noise = noiseOf(term, Float64Array.of(Math.log(2), 0));
    // 4 / 2 above and 3 below zero; 1 * 2² + 5 * 1² of the outputs.
    expect(noise / unit).toBeCloseTo((2 + 3) ** 2 * (4 + 5), 6);
  });

  it('adds the derivatives by the logarithms of the factors', () => {
    const term = randomTerm(6, 3);
    const random = seededRandom(4);
    const at = Float64Array.from({ length: 6 }, () => random.normal());
    const gradient = new Float64Array(6);
    noiseOf(term, at, gradient);
    const step = 1e-6;
    for (const place of at.keys()) {
      const moved = (by: number): Float64Array => at.map((one, index) => one + (index === place ? by : 0));
      const slope = (noiseOf(term, moved(step)) - noiseOf(term, moved(-step))) / (2 * step);
      expect(gradient[place]).toBeCloseTo(slope, 4);
    }
  });

  it('is the same where some of the factors are fixed', () => {
    const term = { ...randomTerm(6, 3), classes: Int32Array.of(0, 1, 2, 0, 3, 3) };
    const logScales = Float64Array.of(0.3, -0.2, 0.5, -1);
    const scales = logScales.map(Math.exp);
    const factors = new FreeFactors(Int32Array.of(2, 0), scales.with(2, 1).with(0, 1));
    const [gradient, whole] = [new Float64Array(2), new Float64Array(4)];
    const noise = noiseAt(term, factors, Float64Array.of(0.5, 0.3), gradient);
    expect(noise / noiseOf(term, logScales, whole)).toBeCloseTo(1, 12);
    expect(gradient[0]! / whole[2]!).toBeCloseTo(1, 12);
    expect(gradient[1]! / whole[0]!).toBeCloseTo(1, 12);
  });

  it('is convex in the logarithms of the factors, its own logarithm too', () => {
    const random = seededRandom(7);
    const point = (): Float64Array => Float64Array.from({ length: 5 }, () => random.normal());
    for (let trial = 0; trial < 200; trial++) {
      const term = randomTerm(5, trial);
      const [one, other] = [point(), point()];
      const middle = one.map((value, index) => (value + (other[index] ?? 0)) / 2);
      const log = (x: Float64Array): number => Math.log(noiseOf(term, x));
      expect(log(middle)).toBeLessThanOrEqual((log(one) + log(other)) / 2 + 1e-9);
    }
  });
});

describe('factors for tensors', () => {
  it('make the maxima of a tensor meet that dominates', () => {
    const model = chain();
    const channels = channelGraph(model);
    const regions = findRegions(channels, rootedLayers(channels));
    const equal = equalRanges(regions, channels.classes.size);
    const [first] = tensorTerms(channels, activationMoments(model));
    // Least is not reached by equal maxima alone: what is heard more of is drawn down. Heard alike, they meet.
    const loud = { ...first!, sensitivities: first!.up.map((up) => 1e9 / up ** 2) };
    const kernels = noiseTerms(regions, channels.graph, activationMoments(model));
    const scales = leastNoise(regions, { kernels, tensors: [loud] }, equal);
    const reached = [...loud.up].map((up, index) => up / (scales[loud.classes[index] ?? -1] ?? NaN));
    for (const one of reached) expect(one / (reached[0] ?? NaN)).toBeCloseTo(1, 1);
  });

  it('are those of kernels alone where no tensor has a grid', () => {
    const factors = (tensors: boolean): number[] => {
      const { outputScales } = scaleRegions(chain(), { objective: 'least-noise', tensors });
      return [...(outputScales.get('first') ?? [])];
    };
    expect(factors(true)).not.toEqual(factors(false));
    expect(scaleRegions(chain(), { objective: 'least-noise' }).outputScales.get('first')).toEqual(
      Float64Array.from(factors(false)),
    );
  });

  it('go with their channels when these change places', () => {
    const order = [2, 0, 3, 1];
    const moved = chain();
    const first = moved.layer('first');
    const pick = <Values extends Float64Array>(values: Values): Float64Array =>
      Float64Array.from(order, (at) => values[at] ?? NaN);
    for (const name of ['kernel', 'bias'] as const) {
      const tensor = first.requireWeight(name);
      const values = tensor.toFloat64();
      const picked = Float64Array.from(
        values,
        (_, index) => values[Math.floor(index / 4) * 4 + (order[index % 4] ?? 0)] ?? NaN,
      );
      first.setWeight(name, tensorLike(tensor, picked));
    }
    const { mean, variance } = DEVIATIONS_OF_FIRST;
    first.statistics = { mean, variance: pick(variance) };
    const second = moved.layer('second').requireWeight('kernel');
    const values = second.toFloat64();
    moved.layer('second').setWeight(
      'kernel',
      tensorLike(
        second,
        values.map((_, index) => values[(order[Math.floor(index / 4)] ?? 0) * 4 + (index % 4)] ?? NaN),
      ),
    );
    const factors = (model: Model): Float64Array =>
      scaleRegions(model, { objective: 'least-noise', tensors: true }).outputScales.get('first') ??
      new Float64Array(0);
    const [there, here] = [factors(moved), pick(factors(chain()))];
    // Where the search ends is not exactly the minimum.
    for (const [index, one] of there.entries()) expect(one / (here[index] ?? NaN)).toBeCloseTo(1, 1);
  });

  it.each([null, 6])('are kept the second time, with a maximum of %s', async (maximum) => {
    const model = chain(maximum);
    const pass = scalePass({ objective: 'least-noise', tensors: true });
    await runPasses(model, [pass]);
    const [second] = await runPasses(model, [pass]);
    expect(second?.regions.map(({ smallest, largest }) => [smallest, largest])).toEqual([
      [1, 1],
      [1, 1],
    ]);
  });
});
