import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { channelGraph } from '../../src/equalization/channel-graph.ts';
import { rootedLayers } from '../../src/equalization/regions.ts';
import { type RegionRecord, scaleRegions } from '../../src/equalization/scale-regions.ts';
import { channelRange } from '../../src/model/channels.ts';
import type { Layer, WeightName } from '../../src/model/layer.ts';
import type { Model } from '../../src/model/model.ts';
import { isWeighted } from '../../src/model/operation.ts';
import { describeSkip } from '../../src/primitives/skip-reason.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { TfjsRunner } from '../../src/verification/runner.ts';
import { randomGraph } from '../support/random-graph.ts';
import { randomInputs, relativeDifference } from '../support/run-model.ts';

/** The same graphs in every run. */
const seed = 20_240;

/**
 * As a part of the largest value inside the model, whose step in float32 is 6e-8: after fifteen layers a few values differ by
 * some ten of them. A factor that is wrong anywhere differs by parts in a hundred.
 */
const SAME_FUNCTION = 1e-5;

let runner: TfjsRunner;
beforeAll(async () => {
  runner = await TfjsRunner.create({ backend: 'cpu' });
});

async function outputsOf(model: Model, inputs: readonly Tensor[]): Promise<Float32Array[]> {
  const outputs = await runner.run(model, inputs);
  return outputs.map((tensor) => Float32Array.from(tensor.values() as Float32Array));
}

/** The largest magnitude that flows through the model. */
async function largestInside(model: Model, inputs: readonly Tensor[]): Promise<number> {
  let largest = 0;
  const onTensor = (_: unknown, values: Tensor): undefined => {
    largest = values.toFloat64().reduce((most, value) => Math.max(most, Math.abs(value)), largest);
  };
  await runner.run(model, inputs, { onTensor });
  return largest;
}

function kernelLayers(model: Model): Layer[] {
  return [...model.allLayers()].map(({ layer }) => layer).filter(({ operation }) => isWeighted(operation));
}

/** The largest factor of any layer's output, as `max(s, 1 / s)`. */
function largestFactor({ outputScales }: RegionRecord): number {
  const factors = [...outputScales.values()].flatMap((scales) => [...scales]);
  return factors.reduce((most, factor) => Math.max(most, factor, 1 / factor), 1);
}

/** `|ln(r1 / r2)| / 2` of each class that is written and read, from the weights as they are now. */
function mismatches(model: Model): number[] {
  const graph = channelGraph(model);
  const written = new Map<number, number>();
  const read = new Map<number, number>();
  const take = (into: Map<number, number>, at: Int32Array, ranges: ArrayLike<number>): void => {
    at.forEach((one, channel) => {
      into.set(one, Math.max(into.get(one) ?? 0, ranges[channel] ?? NaN));
    });
  };
  for (const { layer, inputs, between, outputs } of rootedLayers(graph)) {
    if (!isWeighted(layer.operation)) continue;
    take(written, outputs, channelRange(layer, 'output'));
    take(read, inputs, channelRange(layer, 'input'));
    const bias = layer.weight('bias')?.toFloat64();
    if (bias)
      take(
        written,
        outputs,
        bias.map((value) => Math.abs(value) / 20),
      );
    if (!between) continue;
    take(written, between, maxima(layer.requireWeight('depthwiseKernel'), 'pairs'));
    take(read, between, maxima(layer.requireWeight('pointwiseKernel'), 'rows'));
  }
  return [...written].flatMap(([at, range]) => {
    const other = read.get(at);
    if (other === undefined || graph.classes.causeOf(at) !== undefined) return [];
    return [Math.abs(Math.log(range / other)) / 2];
  });
}

function maxima(tensor: Tensor, by: 'pairs' | 'rows'): Float64Array {
  const pairs = tensor.rows * tensor.columns;
  const found = new Float64Array(by === 'pairs' ? pairs : tensor.rows);
  tensor.toFloat64().forEach((value, index) => {
    const pair = index % pairs;
    const at = by === 'pairs' ? pair : Math.floor(pair / tensor.columns);
    found[at] = Math.max(found[at] as number, Math.abs(value));
  });
  return found;
}

describe('scaleRegions', () => {
  it('keeps the function of any graph', async () => {
    let scaled = 0;
    await fc.assert(
      fc.asyncProperty(fc.oneof(randomGraph(), randomGraph({ withBarriers: false })), async (make) => {
        const model = make();
        const inputs = randomInputs(model);
        const before = await outputsOf(model, inputs);
        const scale = [Float32Array.of(await largestInside(model, inputs))];
        const record = scaleRegions(model);
        const after = await outputsOf(model, inputs);
        const difference = relativeDifference([...before, ...scale], [...after, ...scale]);
        expect(difference).toBeLessThan(SAME_FUNCTION);
        scaled += record.regions.length;
      }),
      { seed, numRuns: 250 },
    );
    // The law would hold for a step that does nothing.
    expect(scaled).toBeGreaterThan(250);
  });

  it('makes ranges equal, and leaves them alone the second time', () => {
    let compared = 0;
    fc.assert(
      fc.property(randomGraph({ withBarriers: false }), (make) => {
        const model = make();
        const first = scaleRegions(model);
        expect(first.converged).toBe(true);
        fc.pre(first.deadChannels === 0 && first.clampedChannels === 0);
        const found = mismatches(model);
        for (const mismatch of found) expect(mismatch).toBeLessThan(1e-3);
        compared += found.length;
        expect(largestFactor(scaleRegions(model))).toBeLessThan(1.001);
      }),
      { seed, numRuns: 300 },
    );
    expect(compared).toBeGreaterThan(1500);
  });

  it('gives every layer with a kernel a verdict', () => {
    fc.assert(
      fc.property(randomGraph(), (make) => {
        const model = make();
        const { regions, unscaled } = scaleRegions(model);
        const members = new Set(regions.flatMap(({ sources, sinks }) => [...sources, ...sinks]));
        for (const { path } of kernelLayers(model)) {
          const reasons = unscaled.filter(({ layers }) => layers[0] === path);
          expect(reasons, path).toHaveLength(members.has(path) ? 0 : 1);
          for (const reason of reasons)
            expect(describeSkip(reason)).toMatch(/before it stands \S.*; behind it, \S/);
        }
      }),
      { seed, numRuns: 300 },
    );
  });

  it('computes the same bits where factors are powers of two', async () => {
    let moved = 0;
    await fc.assert(
      fc.asyncProperty(randomGraph(), async (make) => {
        const model = make();
        const inputs = randomInputs(model);
        const before = await outputsOf(model, inputs);
        moved += largestFactor(scaleRegions(model, { powersOfTwo: true })) > 1 ? 1 : 0;
        expect(await outputsOf(model, inputs)).toEqual(before);
      }),
      { seed, numRuns: 100 },
    );
    expect(moved).toBeGreaterThan(30);
  });

  it('leaves a layer with NaN weights alone, and gives a reason', () => {
    let told = 0;
    const place = fc.record({ at: fc.nat(999), element: fc.nat(9999) });
    fc.assert(
      fc.property(randomGraph(), place, (make, { at, element }) => {
        const model = make();
        const kernels = kernelLayers(model);
        const broken = kernels[Math.floor((at / 1000) * kernels.length)] as Layer;
        const [name, kernel] = [...broken.weights][0] as [WeightName, Tensor];
        const values = kernel.toFloat64();
        values[element % values.length] = NaN;
        broken.setWeight(name, Tensor.fromNumbers('float32', kernel.shape, values));
        const before = [...broken.weights.values()].map((tensor) => tensor.toFloat64());
        const { unscaled, regions } = scaleRegions(model);
        expect([...broken.weights.values()].map((tensor) => tensor.toFloat64())).toEqual(before);
        const reason = unscaled.find(({ layers }) => layers[0] === broken.path);
        expect(reason && describeSkip(reason)).toBeTruthy();
        told += reason && describeSkip(reason).includes(`${name}, output channel`) ? 1 : 0;
        for (const { sources, sinks } of regions) expect([...sources, ...sinks]).not.toContain(broken.path);
      }),
      { seed, numRuns: 100 },
    );
    expect(told).toBeGreaterThan(50);
  });
});
