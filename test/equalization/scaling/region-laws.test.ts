import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { capActivations } from '../../../src/equalization/caps/relu6-caps.ts';
import { channelGraph } from '../../../src/equalization/channels/channel-graph.ts';
import { activationMoments } from '../../../src/equalization/moments/activation-moments.ts';
import { rootedLayers } from '../../../src/equalization/scaling/regions.ts';
import {
  type RegionRecord,
  type ScaleRegionsOptions,
  scaleRegions,
} from '../../../src/equalization/scaling/scale-regions.ts';
import { channelRange } from '../../../src/model/channels.ts';
import type { Layer } from '../../../src/model/layer.ts';
import type { WeightName } from '../../../src/model/layer-weights.ts';
import type { Model } from '../../../src/model/model.ts';
import { isWeighted } from '../../../src/model/operation.ts';
import { describeSkip } from '../../../src/model/skip-reason.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { randomGraph } from '../../support/random-graph.ts';
import { randomInputs, relativeDifference } from '../../support/run-model.ts';

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

/** The outputs, and the largest magnitude that flows through the model. */
async function runOf(
  model: Model,
  inputs: readonly Tensor[],
): Promise<{ outputs: Float32Array[]; largest: number }> {
  let largest = 0;
  const onTensor = (_: unknown, values: Tensor): undefined => {
    for (const value of values.values() as Float32Array) largest = Math.max(largest, Math.abs(value));
  };
  const outputs = await runner.run(model, inputs, { onTensor });
  return { outputs: outputs.map((tensor) => Float32Array.from(tensor.values() as Float32Array)), largest };
}

async function outputsOf(model: Model, inputs: readonly Tensor[]): Promise<Float32Array[]> {
  const outputs = await runner.run(model, inputs);
  return outputs.map((tensor) => Float32Array.from(tensor.values() as Float32Array));
}

/** Inputs with which a ReLU6 cuts something off. */
function largeInputs(model: Model): Tensor[] {
  return randomInputs(model).map((tensor) =>
    Tensor.fromNumbers(
      tensor.dtype,
      tensor.shape,
      tensor.toFloat64().map((value) => 8 * value),
    ),
  );
}

/** As a part of the largest value inside the model before. */
function differenceOf(
  before: readonly Float32Array[],
  after: readonly Float32Array[],
  largest: number,
): number {
  const scale = [Float32Array.of(largest)];
  return relativeDifference([...before, ...scale], [...after, ...scale]);
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

/** With the moments that the inputs tell. */
function leastNoise(model: Model, inputs: readonly Tensor[]): ScaleRegionsOptions {
  return { objective: 'least-noise', moments: activationMoments(model, { inputs }) };
}

function isOtherThan(one: RegionRecord, other: RegionRecord): boolean {
  const [mine, others] = [one, other].map(({ outputScales }) =>
    [...outputScales.values()].flatMap((scales) => [...scales]),
  );
  return (mine as number[]).some(
    (factor, index) => Math.abs(Math.log(factor / ((others as number[])[index] as number))) > 0.01,
  );
}

describe('scaleRegions', () => {
  it('keeps the function of any graph', async () => {
    let scaled = 0;
    await fc.assert(
      fc.asyncProperty(fc.oneof(randomGraph(), randomGraph({ barriers: 'none' })), async (make) => {
        const model = make();
        const inputs = randomInputs(model);
        const { outputs, largest } = await runOf(model, inputs);
        const record = scaleRegions(model);
        expect(differenceOf(outputs, await outputsOf(model, inputs), largest)).toBeLessThan(SAME_FUNCTION);
        scaled += record.regions.length;
      }),
      { seed, numRuns: 200 },
    );
    // The law would hold for a step that does nothing.
    expect(scaled).toBeGreaterThan(200);
  });

  it('keeps the function of any graph with ReLU6, each channel with a maximum of its own', async () => {
    let reached = 0;
    await fc.assert(
      fc.asyncProperty(randomGraph({ barriers: 'relu6' }), async (make) => {
        const model = make();
        const { bounded } = scaleRegions(model, { throughBounded: true });
        fc.pre(bounded.length > 0);
        const original = make();
        const inputs = largeInputs(original);
        const { outputs, largest } = await runOf(original, inputs);
        const uncapped = differenceOf(outputs, await outputsOf(model, inputs), largest);
        reached += uncapped > 100 * SAME_FUNCTION ? 1 : 0;
        capActivations(model, bounded);
        expect(differenceOf(outputs, await outputsOf(model, inputs), largest)).toBeLessThan(SAME_FUNCTION);
      }),
      { seed, numRuns: 100 },
    );
    expect(reached).toBeGreaterThan(30);
  });

  it('keeps the function of any graph with factors of the least noise', async () => {
    let scaled = 0;
    let moved = 0;
    await fc.assert(
      fc.asyncProperty(fc.oneof(randomGraph(), randomGraph({ barriers: 'none' })), async (make) => {
        const model = make();
        const inputs = randomInputs(model);
        const { outputs, largest } = await runOf(model, inputs);
        const record = scaleRegions(model, leastNoise(model, inputs));
        expect(differenceOf(outputs, await outputsOf(model, inputs), largest)).toBeLessThan(SAME_FUNCTION);
        scaled += record.regions.length;
        moved += isOtherThan(record, scaleRegions(make())) ? 1 : 0;
      }),
      { seed, numRuns: 100 },
    );
    expect(scaled).toBeGreaterThan(100);
    // Others than those of equal ranges, where there are any.
    expect(moved).toBeGreaterThan(50);
  });

  it('keeps the function with factors of the least noise through ReLU6', async () => {
    let capped = 0;
    await fc.assert(
      fc.asyncProperty(randomGraph({ barriers: 'relu6' }), async (make) => {
        const model = make();
        const inputs = largeInputs(model);
        const { outputs, largest } = await runOf(model, inputs);
        const options = leastNoise(model, inputs);
        const { bounded } = scaleRegions(model, { ...options, throughBounded: true });
        capActivations(model, bounded);
        expect(differenceOf(outputs, await outputsOf(model, inputs), largest)).toBeLessThan(SAME_FUNCTION);
        capped += bounded.length > 0 ? 1 : 0;
      }),
      { seed, numRuns: 200 },
    );
    expect(capped).toBeGreaterThan(40);
  });

  it('makes ranges equal, and leaves them alone the second time', () => {
    let compared = 0;
    fc.assert(
      fc.property(randomGraph({ barriers: 'none' }), (make) => {
        const model = make();
        const first = scaleRegions(model);
        fc.pre(first.deadChannels === 0 && first.clampedChannels === 0);
        const found = mismatches(model);
        for (const mismatch of found) expect(mismatch).toBeLessThan(1e-3);
        compared += found.length;
        expect(largestFactor(scaleRegions(model))).toBeLessThan(1.001);
      }),
      { seed, numRuns: 100 },
    );
    expect(compared).toBeGreaterThan(500);
  });

  it('leaves ranges alone the second time where channels have maxima of their own', () => {
    let capped = 0;
    fc.assert(
      fc.property(randomGraph({ barriers: 'relu6' }), (make) => {
        const model = make();
        const first = scaleRegions(model, { throughBounded: true });
        const { caps } = capActivations(model, first.bounded);
        fc.pre(first.deadChannels === 0 && first.clampedChannels === 0);
        const second = scaleRegions(model, { throughBounded: true });
        expect(largestFactor(second)).toBeLessThan(1.001);
        // A cap does not cut in two what was one region.
        expect(second.regions.map(({ sinks }) => sinks)).toEqual(first.regions.map(({ sinks }) => sinks));
        capped += caps.some(({ kind }) => kind === 'per-channel') ? 1 : 0;
      }),
      { seed, numRuns: 100 },
    );
    expect(capped).toBeGreaterThan(20);
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
        const { left, regions } = scaleRegions(model);
        expect([...broken.weights.values()].map((tensor) => tensor.toFloat64())).toEqual(before);
        const reason = left.find(({ layers }) => layers[0] === broken.path);
        expect(reason && describeSkip(reason)).toBeTruthy();
        told += reason && describeSkip(reason).includes(`${name}, output channel`) ? 1 : 0;
        for (const { sources, sinks } of regions) expect([...sources, ...sinks]).not.toContain(broken.path);
      }),
      { seed, numRuns: 100 },
    );
    expect(told).toBeGreaterThan(50);
  });
});
