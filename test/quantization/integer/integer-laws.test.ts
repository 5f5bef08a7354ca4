import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { affineOf } from '../../../src/model/batch-norm.ts';
import { buildGraph, tensorKey } from '../../../src/model/graph.ts';
import type { Model } from '../../../src/model/model.ts';
import { gridGroups } from '../../../src/quantization/integer/grid-groups.ts';
import { integerForm } from '../../../src/quantization/integer/integer-form.ts';
import { runPlan } from '../../../src/quantization/integer/simulate-plan.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { plannedOn } from '../../support/planned.ts';
import { randomGraph } from '../../support/random-graph.ts';
import { randomInputs, relativeDifference } from '../../support/run-model.ts';

let runner: TfjsRunner;
beforeAll(async () => {
  runner = await TfjsRunner.create({ backend: 'cpu' });
});

const RUNS = { numRuns: 40 };

function values(tensors: readonly Tensor[]): Float32Array[] {
  return tensors.map((tensor) => Float32Array.from(tensor.toFloat64()));
}

function namesOf(model: Model): string[] {
  return [...model.allLayers()].map(({ path, layer }) => `${path} ${layer.className}`);
}

describe('of random models', () => {
  test('the integer form computes the same, with all parts of a plan left out and without a plan', async () => {
    const property = fc.asyncProperty(randomGraph(), async (make) => {
      const model = make();
      const inputs = randomInputs(model);
      const expected = values(await runner.run(model, inputs));
      const form = integerForm(model);
      // A softplus or a division by a small variance magnifies what float32 rounds in another order.
      expect(relativeDifference(expected, values(await runner.run(form, inputs)))).toBeLessThan(1e-5);
      expect(namesOf(integerForm(form))).toEqual(namesOf(form));
      const plan = await plannedOn(model, runner, inputs);
      const nothing = { kernels: false, rounding: false, clipping: false };
      const actual = values(await runPlan(plan, runner, inputs, nothing));
      expect(relativeDifference(expected, actual)).toBeLessThan(1e-5);
    });
    await fc.assert(property, RUNS);
  });

  test('every tensor is on one grid, or computed together with a ReLU', async () => {
    const property = fc.property(randomGraph(), (make) => {
      const graph = buildGraph(integerForm(make()));
      const groups = gridGroups(graph);
      const grouped = groups.flatMap(({ tensors }) => tensors);
      expect(new Set(grouped).size).toBe(grouped.length);
      const keys = new Set(grouped.map(tensorKey));
      for (const { outputs } of graph.calls) {
        for (const tensor of outputs) {
          if (keys.has(tensorKey(tensor)) || tensor.consumers.length === 0) continue;
          expect(tensor.consumers.map(({ layer }) => layer.operation.kind)).toEqual(['activation']);
        }
      }
      // All uses of a tensor are on one grid, which has values of its own or is fixed.
      for (const { tensors, deciding, rounded, fixed } of groups) {
        expect(deciding.length > 0).toBe(fixed === undefined);
        expect(rounded.length).toBeGreaterThan(0);
        const own = new Set(tensors.map(tensorKey));
        const others = groups.filter((group) => group.tensors !== tensors).flatMap((group) => group.tensors);
        for (const other of others) expect(own.has(tensorKey(other))).toBe(false);
      }
    });
    await fc.assert(property, RUNS);
  });

  test('codes are what the scales make of the weights', async () => {
    const property = fc.asyncProperty(randomGraph(), async (make) => {
      const model = make();
      const { kernels, biases, tensors } = await plannedOn(model, runner, randomInputs(model));
      for (const { scale, zeroPoint } of tensors.values()) {
        expect(scale).toBe(Math.fround(scale));
        expect(scale).toBeGreaterThan(2 ** -126);
        expect(zeroPoint).toBe(Math.min(127, Math.max(-128, Math.round(zeroPoint))));
      }
      for (const { layer, weight, scales, layout, codes, dequantized } of kernels.values()) {
        const isBatchNorm = layer.operation.kind === 'batchNorm';
        const float = isBatchNorm ? affineOf(layer).a : layer.weights.get(weight)!.toFloat64();
        const made = dequantized.toFloat64();
        for (const [index, code] of codes().entries()) {
          const scale = scales[Math.floor(index / layout.inner) % layout.channels]!;
          expect(made[index]).toBe(Math.fround(code * scale));
          expect(Math.abs(code)).toBeLessThanOrEqual(127);
          expect(Math.abs(float[index]! - code * scale)).toBeLessThanOrEqual(0.50001 * scale);
        }
      }
      for (const [path, { codes, scales }] of biases) {
        for (const code of codes) expect(Math.abs(code)).toBeLessThanOrEqual(2 ** 30 + 2 ** 7);
        expect([1, codes.length]).toContain(scales.length);
        const names = ['kernel', 'depthwiseKernel', 'gamma'];
        expect(names.some((name) => kernels.has(`${path}/${name}`))).toBe(true);
      }
    });
    await fc.assert(property, RUNS);
  });
});
