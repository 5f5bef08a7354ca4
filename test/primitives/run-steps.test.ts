import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/model/model.ts';
import { equalizeModel } from '../../src/primitives/equalize-model.ts';
import { runSteps, STEPS } from '../../src/primitives/run-steps.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';
import { randomInputs, relativeDifference, runModel } from '../support/run-model.ts';

const make = (): Model =>
  buildModel([
    input('x', [6, 6, 2]),
    layer('Conv2D', 'one', { filters: 3, kernel_size: 3 }),
    layer('BatchNormalization', 'bn'),
    layer('ReLU', 'relu', { max_value: 6 }),
    layer('Conv2D', 'two', { filters: 2, kernel_size: 1 }),
    layer('Activation', 'softmax', { activation: 'softmax' }),
  ]);

const kernelsOf = (model: Model): number[][] =>
  [...model.allLayers()].flatMap(({ layer: one }) =>
    [...one.weights.values()].map((tensor) => [...tensor.toFloat64()]),
  );

describe('runSteps', () => {
  it('is equalizeModel when it runs all steps', () => {
    const model = make();
    const record = runSteps(model, STEPS);
    expect(kernelsOf(model)).toEqual(kernelsOf(equalizeModel(make())));
    expect(record.steps).toEqual(STEPS);
    expect(record.replacedRelu6.map(({ name }) => name)).toEqual(['relu']);
    expect(record.foldedPairs.map(([one, bn]) => [one.name, bn.name])).toEqual([['one', 'bn']]);
    expect(record.clsSets).toHaveLength(1);
    expect(record.absorbedBiases).toBe(1);
  });

  it('runs steps in their order, whatever the order given, and tells of each before and after it', () => {
    const told: string[] = [];
    const record = runSteps(make(), ['scale', 'fold'], {
      before: (step) => told.push(`before ${step}`),
      after: (step) => told.push(`after ${step}`),
    });
    expect(told).toEqual(['before fold', 'after fold', 'before scale', 'after scale']);
    expect(record.steps).toEqual(['fold', 'scale']);
    expect(record.replacedRelu6).toEqual([]);
  });

  it('keeps the function with fold and scale alone, and says what stopped at the ReLU6', async () => {
    const model = make();
    const inputs = randomInputs(model);
    const before = await runModel(model, inputs);
    const { skipped } = runSteps(model, ['fold', 'scale']);
    // float32 rounding alone is 1e-7.
    expect(relativeDifference(before, await runModel(model, inputs))).toBeLessThan(1e-6);
    expect(skipped.map(({ step, code, layers }) => [step, code, layers[0]])).toEqual([
      ['scale', 'activation-between', 'one'],
      ['scale', 'activation-between', 'two'],
    ]);
  });

  it('absorbs by the statistics that layers keep, where no batch norm is folded now', () => {
    const steps = ['relu6', 'scale', 'bias'] as const;
    const folded = make();
    runSteps(folded, ['fold']);
    const bare = folded.clone();
    for (const one of bare.layers) one.statistics = undefined;
    expect(runSteps(bare, steps)).toMatchObject({ absorbedBiases: 0, skipped: [{ code: 'no-batch-norm' }] });
    // A variance far above epsilon, so that gamma is the deviation, and means far above it.
    const { mean, variance } = folded.layer('one').statistics ?? { mean: [], variance: [] };
    folded.layer('one').statistics = {
      mean: Float64Array.from(
        mean,
        (value, channel) => Math.abs(value) + 4 * Math.sqrt(variance[channel] ?? 0),
      ),
      variance: Float64Array.from(variance),
    };
    const before = folded.layer('one').requireWeight('bias').toFloat64();
    const record = runSteps(folded, steps);
    expect(record.absorbedBiases).toBe(1);
    const [pair] = record.clsSets[0]?.clsPairInfoList ?? [];
    for (const [channel, value] of folded.layer('one').requireWeight('bias').toFloat64().entries()) {
      const amount = Math.abs(mean[channel] ?? NaN) + Math.sqrt(variance[channel] ?? NaN);
      expect(value).toBeCloseTo(((before[channel] ?? NaN) - amount) / (pair?.scaleFactor[channel] ?? NaN), 5);
    }
  });

  it('absorbs biases without scaling between the layers that would have been scaled', () => {
    const [model, folded] = [make(), make()];
    const record = runSteps(model, ['relu6', 'fold', 'bias']);
    runSteps(folded, ['relu6', 'fold']);
    expect([record.clsSets, record.absorbedBiases]).toEqual([[], 1]);
    expect(model.layer('one').weight('kernel')?.values()).toEqual(
      folded.layer('one').weight('kernel')?.values(),
    );
  });

  it('does nothing without steps', () => {
    const model = make();
    expect(runSteps(model, [])).toEqual({
      steps: [],
      replacedRelu6: [],
      foldedPairs: [],
      clsSets: [],
      absorbedBiases: 0,
      skipped: [],
    });
    expect(kernelsOf(model)).toEqual(kernelsOf(make()));
  });
});
