import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { channelCount, channelRange } from '../../src/model/channels.ts';
import type { Layer } from '../../src/model/layer.ts';
import type { WeightName } from '../../src/model/layer-weights.ts';
import type { Model } from '../../src/model/model.ts';
import { isWeighted } from '../../src/model/operation.ts';
import { describeSkip, type SkipReason } from '../../src/model/skip-reason.ts';
import { foldAllBatchNorms } from '../../src/primitives/batch-norm-fold.ts';
import { CrossLayerScaling } from '../../src/primitives/cross-layer-scaling.ts';
import type { ClsSet } from '../../src/primitives/layer-groups.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';
import { randomChain } from '../support/random-chain.ts';
import { randomInputs, relativeDifference, runModel } from '../support/run-model.ts';

/** The same models in every run. */
const RUNS = { seed: 20_240, numRuns: 100 } as const;

/**
 * Both models run in float32, whose step is 6e-8: after ten layers a few of them differ by some ten steps. A fold or a
 * scaling that is wrong anywhere differs by parts in a hundred.
 */
const SAME_FUNCTION = 1e-5;

/** Folds and scales `model`, and keeps what each step left alone. */
function foldAndScale(model: Model): { sets: readonly ClsSet[]; fold: SkipReason[]; scale: SkipReason[] } {
  const fold: SkipReason[] = [];
  const scale: SkipReason[] = [];
  foldAllBatchNorms(model, { onSkip: (reason) => fold.push(reason) });
  const infos = CrossLayerScaling.scaleModel(model, { onSkip: (reason) => scale.push(reason) });
  const sets = infos.map(({ clsPairInfoList: [first, second] }): ClsSet => {
    if (!first) throw new Error('a set without a pair');
    return second ? [first.layer1, first.layer2, second.layer2] : [first.layer1, first.layer2];
  });
  return { sets, fold, scale };
}

function snapshot(layers: Iterable<Layer>): Map<Layer, Float64Array[]> {
  return new Map(
    [...layers].map((one) => [one, [...one.weights.values()].map((tensor) => tensor.toFloat64())]),
  );
}

describe('folding and scaling', () => {
  it('keep the function of any chain', async () => {
    let folded = 0;
    let scaled = 0;
    await fc.assert(
      fc.asyncProperty(randomChain, async (make) => {
        const model = make();
        const inputs = randomInputs(model);
        const before = await runModel(model, inputs);
        const bns = model.layers.filter(({ operation }) => operation.kind === 'batchNorm');
        const { sets } = foldAndScale(model);
        const after = await runModel(model, inputs);
        expect(relativeDifference(before, after)).toBeLessThan(SAME_FUNCTION);
        folded += bns.filter(({ foldedInto }) => foldedInto !== undefined).length;
        scaled += sets.length;
      }),
      RUNS,
    );
    // The law would hold for a step that does nothing.
    expect(folded).toBeGreaterThan(RUNS.numRuns / 2);
    expect(scaled).toBeGreaterThan(RUNS.numRuns / 2);
  });

  it('give every batch norm and every layer with a kernel a verdict', () => {
    fc.assert(
      fc.property(randomChain, (make) => {
        const model = make();
        const all = [...model.allLayers()].map(({ layer: one }) => one);
        const { sets, fold, scale } = foldAndScale(model);
        const members = new Set(sets.flat());
        for (const one of all) {
          if (one.operation.kind === 'batchNorm') {
            const reasons = fold.filter(({ layers }) => layers[0] === one.path);
            expect(reasons).toHaveLength(one.foldedInto ? 0 : 1);
            expect(model.layers.includes(one)).toBe(one.foldedInto === undefined);
          } else if (isWeighted(one.operation)) {
            const reasons = scale.filter(({ layers }) => layers[0] === one.path);
            expect(members.has(one) || reasons.length > 0, `${one.path} has no verdict`).toBe(true);
          }
        }
        for (const reason of [...fold, ...scale]) expect(describeSkip(reason)).toContain(reason.layers[0]);
      }),
      RUNS,
    );
  });

  it('leave a layer with a NaN or an infinity alone, and scale nothing with it', () => {
    const position = fc.record({
      at: fc.nat(999),
      element: fc.nat(9999),
      value: fc.constantFrom(NaN, Infinity),
    });
    fc.assert(
      fc.property(randomChain, position, (make, { at, element, value }) => {
        const model = make();
        const layers = [...model.allLayers()].map(({ layer: one }) => one);
        const kernels = layers.filter(({ operation }) => isWeighted(operation));
        const broken = kernels[Math.floor((at / 1000) * kernels.length)];
        fc.pre(broken !== undefined);
        const [name = '', kernel] = [...(broken as Layer).weights][0] ?? [];
        const values = Float32Array.from(kernel?.values() as Float32Array);
        values[element % values.length] = value;
        broken?.weights.set(name, Tensor.of('float32', kernel?.shape ?? [], values));
        const before = snapshot([broken as Layer]);
        const { sets, fold, scale } = foldAndScale(model);
        expect(snapshot([broken as Layer])).toEqual(before);
        expect(sets.flat()).not.toContain(broken);
        const told = scale.filter(({ layers: [first] }) => first === broken?.path);
        expect(told).toHaveLength(1);
        const isScalable = isWeighted((broken as Layer).operation) && told[0]?.code === 'non-finite';
        const isOtherKind = told[0]?.code === 'layer-kind' || told[0]?.code === 'shared-layer';
        expect(isScalable || isOtherKind).toBe(true);
        // A batch norm beside it stays, and says so.
        for (const one of layers) expect(one.foldedInto?.layer).not.toBe(broken);
        for (const reason of fold) {
          if (reason.code === 'non-finite') expect(reason.where).toContain(broken?.path);
        }
      }),
      RUNS,
    );
  });
});

/** One set: two convolutions, or three with a depthwise in the middle, through ReLUs. */
const oneSet = fc
  .record({
    channels: fc.integer({ min: 1, max: 6 }),
    isTriple: fc.boolean(),
    useBias: fc.boolean(),
    first: fc.constantFrom('Conv2D', 'Conv2DTranspose'),
    last: fc.constantFrom('Conv2D', 'Conv2DTranspose'),
    seed: fc.nat(1_000_000),
    /** Exponents of ten by which the channels of the first and the last kernel differ. */
    spread: fc.array(fc.integer({ min: -6, max: 6 }), { minLength: 12, maxLength: 12 }),
  })
  .map(({ channels, isTriple, useBias, first, last, seed, spread }) => {
    const model = buildModel(
      [
        input('x', [5, 5, 2]),
        layer(first, 'first', { filters: channels, kernel_size: 2, use_bias: useBias }),
        layer('ReLU', 'relu'),
        ...(isTriple
          ? [layer('DepthwiseConv2D', 'middle', { kernel_size: 3, padding: 'same', use_bias: useBias })]
          : []),
        layer(last, 'last', { filters: 3, kernel_size: 3, use_bias: useBias }),
      ],
      { seed },
    );
    spreadChannels(model.layer('first'), 'output', spread.slice(0, channels));
    spreadChannels(model.layer('last'), 'input', spread.slice(6, 6 + channels));
    return model;
  });

/** Where the channels of one side lie in the kernel of one of these layers. */
function axisOf(one: Layer, side: 'output' | 'input'): 'rows' | 'columns' {
  const isTransposed = one.operation.kind === 'convTranspose';
  return one.operation.kind === 'depthwiseConv' || (side === 'input') !== isTransposed ? 'rows' : 'columns';
}

function kernelOf(one: Layer): { name: WeightName; kernel: Tensor } {
  const name = one.operation.kind === 'depthwiseConv' ? 'depthwiseKernel' : 'kernel';
  return { name, kernel: one.requireWeight(name) };
}

function spreadChannels(one: Layer, side: 'output' | 'input', exponents: readonly number[]): void {
  const factors = exponents.map((exponent) => 10 ** exponent);
  multiplyChannels(one, side, factors);
}

function multiplyChannels(one: Layer, side: 'output' | 'input', factors: readonly number[]): void {
  const { name, kernel } = kernelOf(one);
  one.setWeight(name, materialized(kernel.scaled(axisOf(one, side), factors)));
}

/** The channels of `tensor` in `order`, which may be a part of them. */
function pickChannels(tensor: Tensor, axis: 'rows' | 'columns', order: readonly number[]): Tensor {
  const { rows, columns, size } = tensor;
  const shape = [...tensor.shape];
  shape[shape.length - (axis === 'rows' ? 2 : 1)] = order.length;
  const values = tensor.values();
  const picked: number[] = [];
  for (let position = 0; position < size; position += rows * columns) {
    for (const row of axis === 'rows' ? order : Array(rows).keys()) {
      for (const column of axis === 'columns' ? order : Array(columns).keys()) {
        picked.push(Number(values[position + row * columns + column]));
      }
    }
  }
  return Tensor.fromNumbers(tensor.dtype, shape, picked);
}

/** All that a channel has in a layer: its part of the kernel and, on the output side, its bias. */
function channelValues(one: Layer, side: 'output' | 'input', channel: number): number[] {
  const bias = side === 'output' ? one.weight('bias')?.toFloat64()[channel] : undefined;
  const kernel = pickChannels(kernelOf(one).kernel, axisOf(one, side), [channel]).toFloat64();
  return bias === undefined ? [...kernel] : [...kernel, bias];
}

/** Reorders the channels between the first and the last layer; the function stays. */
function permuteChannels(model: Model, order: readonly number[]): void {
  for (const one of model.layers.filter(({ operation }) => isWeighted(operation))) {
    const side = one.name === 'first' ? 'output' : 'input';
    const { name, kernel } = kernelOf(one);
    one.setWeight(name, pickChannels(kernel, axisOf(one, side), order));
    const bias = one.name === 'last' ? undefined : one.weight('bias');
    if (bias) one.setWeight('bias', pickChannels(bias, 'columns', order));
  }
}

/** The tensor as a file would hold it: rounded, without factors. */
function materialized(tensor: Tensor): Tensor {
  return Tensor.of(tensor.dtype, tensor.shape, tensor.values());
}

function materialize(model: Model): void {
  for (const one of model.layers) {
    for (const [name, tensor] of one.weights) one.weights.set(name, materialized(tensor));
  }
}

/** Factors of the only set of `model`, one list for a pair and two for a triple. */
function scaleOnce(model: Model): Float64Array[] {
  const infos = CrossLayerScaling.scaleModel(model);
  expect(infos).toHaveLength(1);
  return infos[0]?.clsPairInfoList.map(({ scaleFactor }) => scaleFactor) ?? [];
}

describe('scaling a set', () => {
  it('makes the ranges of its layers equal', () => {
    fc.assert(
      fc.property(oneSet, (model) => {
        scaleOnce(model);
        materialize(model);
        const ranges = channelRange(model.layer('first'), 'output');
        const others = model.layers.filter(({ name }) => name === 'middle' || name === 'last');
        for (const other of others) {
          for (const [channel, range] of channelRange(other, 'input').entries()) {
            // Each weight is rounded to float32 once.
            expect(Math.abs(range / (ranges[channel] ?? NaN) - 1)).toBeLessThan(1e-6);
          }
        }
      }),
      RUNS,
    );
  });

  it('has nothing left to do the second time', () => {
    fc.assert(
      fc.property(oneSet, (model) => {
        scaleOnce(model);
        materialize(model);
        for (const factors of scaleOnce(model)) {
          // Ranges are equal up to two roundings to float32.
          for (const factor of factors) expect(Math.abs(factor - 1)).toBeLessThan(1e-5);
        }
      }),
      RUNS,
    );
  });

  it('does not touch channels of which a range is zero', () => {
    const zeroed = fc.record({ name: fc.constantFrom('first', 'middle', 'last'), index: fc.nat(5) });
    fc.assert(
      fc.property(oneSet, zeroed, (model, { name, index }) => {
        const layers = model.layers.filter(({ operation }) => isWeighted(operation));
        const target = layers.find((one) => one.name === name) ?? model.layer('last');
        const sideOf = (one: Layer): 'output' | 'input' => (one.name === 'first' ? 'output' : 'input');
        const count = channelCount(target, sideOf(target));
        const channel = index % count;
        multiplyChannels(
          target,
          sideOf(target),
          Array.from({ length: count }, (_, one) => (one === channel ? 0 : 1)),
        );
        const before = layers.map((one) => channelValues(one, sideOf(one), channel));
        for (const factors of scaleOnce(model)) expect(factors[channel]).toBe(1);
        expect(layers.map((one) => channelValues(one, sideOf(one), channel))).toEqual(before);
      }),
      RUNS,
    );
  });

  it('commutes with a permutation of the channels', () => {
    fc.assert(
      fc.property(oneSet, fc.infiniteStream(fc.nat(999)), (model, stream) => {
        const count = channelCount(model.layer('first'), 'output');
        const keys = [...stream.take(count)];
        const order = keys
          .map((_, index) => index)
          .sort((one, other) => (keys[one] ?? 0) - (keys[other] ?? 0));
        const permuted = model.clone();
        permuteChannels(permuted, order);
        const factors = scaleOnce(model);
        const others = scaleOnce(permuted);
        expect(others.map((values) => [...values])).toEqual(
          factors.map((values) => order.map((channel) => values[channel])),
        );
        permuteChannels(model, order);
        expect([...snapshot(permuted.layers).values()]).toEqual([...snapshot(model.layers).values()]);
      }),
      RUNS,
    );
  });
});
