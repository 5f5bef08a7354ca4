import fc from 'fast-check';
import { expect, it } from 'vitest';
import { scaleRegions } from '../../src/equalization/scaling/scale-regions.ts';
import type { Model } from '../../src/model/model.ts';
import { TfjsRunner } from '../../src/verification/run/runner.ts';
import { randomSwaps } from '../support/channel-swaps.ts';
import { swapChannels } from '../support/permuted-channels.ts';
import { seededRandom } from '../support/random.ts';
import { randomGraph } from '../support/random-graph.ts';
import { randomInputs, relativeDifference } from '../support/run-model.ts';

/** The same graphs in every run. */
const seed = 20_240;

/** With their channels as they are, and in another order. */
const swapped = fc
  .record({
    make: fc.oneof(
      randomGraph(),
      randomGraph({ barriers: 'none' }),
      randomGraph({ barriers: 'none' }),
      randomGraph({ barriers: 'relu6' }),
    ),
    order: fc.nat(1_000_000),
  })
  .map(({ make, order }) => {
    const swaps = randomSwaps(make(), seededRandom(order));
    return Object.assign({ make, swaps }, { toString: () => `${make}, swaps ${JSON.stringify([...swaps])}` });
  })
  .filter(({ swaps }) => swaps.size > 0);

function weightsOf(model: Model): Map<string, Float64Array> {
  return new Map(
    [...model.allLayers()].flatMap(({ path, layer }) =>
      [...layer.weights].map(([name, tensor]) => [`${path}/${name}`, tensor.toFloat64()] as const),
    ),
  );
}

/** The largest difference of two weights, as a part of the first. */
function largestDifference(expected: Float64Array, actual: Float64Array): number {
  return expected.reduce(
    (most, value, index) => Math.max(most, Math.abs(value - (actual[index] ?? NaN)) / (Math.abs(value) || 1)),
    0,
  );
}

it('permuting channels and scaling them give the same weights in either order', () => {
  let [moved, changed] = [0, 0];
  fc.assert(
    fc.property(swapped, ({ make, swaps }) => {
      const [scaledFirst, swappedFirst, never] = [make(), make(), make()];
      scaleRegions(scaledFirst, { throughBounded: true });
      swapChannels(scaledFirst, swaps);
      swapChannels(swappedFirst, swaps);
      scaleRegions(swappedFirst, { throughBounded: true });
      scaleRegions(never, { throughBounded: true });
      const [found, without] = [weightsOf(swappedFirst), weightsOf(never)];
      for (const [name, values] of weightsOf(scaledFirst)) {
        // Factors agree up to the order of sums over channels; a weight may then be rounded to its neighbour in float32.
        const difference = largestDifference(values, found.get(name) as Float64Array);
        expect(difference, name).toBeLessThan(1e-6);
        moved += largestDifference(values, without.get(name) as Float64Array) > 0 ? 1 : 0;
      }
      changed += swaps.size;
    }),
    { seed, numRuns: 200 },
  );
  expect(changed).toBeGreaterThan(1000);
  expect(moved).toBeGreaterThan(1000);
});

it('permuting channels commutes with factors of the least noise', () => {
  let moved = 0;
  fc.assert(
    fc.property(swapped, ({ make, swaps }) => {
      const [scaledFirst, swappedFirst] = [make(), make()];
      const options = { throughBounded: true, objective: 'least-noise' } as const;
      scaleRegions(scaledFirst, options);
      const unswapped = weightsOf(scaledFirst);
      swapChannels(scaledFirst, swaps);
      swapChannels(swappedFirst, swaps);
      scaleRegions(swappedFirst, options);
      const found = weightsOf(swappedFirst);
      for (const [name, values] of weightsOf(scaledFirst)) {
        // Sums over channels in another order, and a search that ends when a step gains less than 1e-4.
        const difference = largestDifference(values, found.get(name) as Float64Array);
        expect(difference, name).toBeLessThan(1e-3);
        moved += largestDifference(values, unswapped.get(name) as Float64Array) > 1e-3 ? 1 : 0;
      }
    }),
    { seed, numRuns: 200 },
  );
  expect(moved).toBeGreaterThan(400);
});

it('what is permuted is the same network', async () => {
  const runner = await TfjsRunner.create({ backend: 'cpu' });
  await fc.assert(
    fc.asyncProperty(swapped, async ({ make, swaps }) => {
      const model = make();
      const inputs = randomInputs(model);
      const outputs = async (): Promise<Float32Array[]> =>
        (await runner.run(model, inputs)).map((tensor) => Float32Array.from(tensor.values() as Float32Array));
      const before = await outputs();
      swapChannels(model, swaps);
      // Sums over channels in another order.
      expect(relativeDifference(before, await outputs())).toBeLessThan(1e-5);
    }),
    { seed, numRuns: 100 },
  );
});
