import { describe, expect, it } from 'vitest';
import { Layer } from '../../src/model/layer.ts';
import type { Model } from '../../src/model/model.ts';
import { foldPass } from '../../src/primitives/batch-norm-fold.ts';
import {
  equalizeModel,
  referencePasses,
  STEPS,
  type Step,
  type StepRecord,
} from '../../src/primitives/equalize-model.ts';
import { allIn, type Pass, type PassWatch, runPasses } from '../../src/primitives/pass.ts';
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

const runSteps = (model: Model, steps: readonly Step[], watch: PassWatch<Step> = {}): Promise<StepRecord[]> =>
  runPasses(model, referencePasses(steps), watch);

const stepsIn = (records: readonly StepRecord[]): Step[] => records.map(({ pass }) => pass);

describe('the passes of the reference', () => {
  it('are equalizeModel when all of them run', async () => {
    const model = make();
    const records = await runSteps(model, STEPS);
    expect(kernelsOf(model)).toEqual(kernelsOf(equalizeModel(make())));
    expect(stepsIn(records)).toEqual(STEPS);
    expect(allIn(records, 'replacedRelu6')).toEqual(['relu']);
    expect(allIn(records, 'folded')).toEqual([{ layer: 'one', batchNorm: 'bn', direction: 'backward' }]);
    expect(allIn(records, 'clsSets')).toMatchObject([{ layers: ['one', 'two'], reluBetween: [true] }]);
    expect(allIn(records, 'absorbed')).toEqual([{ from: 'one', into: 'two' }]);
  });

  it('run in their order, whatever the order given, and tell of each before and after it', async () => {
    const told: string[] = [];
    const records = await runSteps(make(), ['scale', 'fold'], {
      before: (step) => told.push(`before ${step}`),
      after: (step) => told.push(`after ${step}`),
    });
    expect(told).toEqual(['before fold', 'after fold', 'before scale', 'after scale']);
    expect(stepsIn(records)).toEqual(['fold', 'scale']);
    expect(allIn(records, 'edits')).toEqual([['bn', 'one']]);
  });

  it('keep the function with fold and scale alone, and say what stopped at the ReLU6', async () => {
    const model = make();
    const inputs = randomInputs(model);
    const before = await runModel(model, inputs);
    const records = await runSteps(model, ['fold', 'scale']);
    // float32 rounding alone is 1e-7.
    expect(relativeDifference(before, await runModel(model, inputs))).toBeLessThan(1e-6);
    expect(
      records.flatMap(({ pass, left }) => left.map(({ code, layers }) => [pass, code, layers[0]])),
    ).toEqual([
      ['scale', 'activation-between', 'one'],
      ['scale', 'activation-between', 'two'],
    ]);
    expect(records[1]?.left[0]?.message).toMatch(
      /^one is not scaled with what follows: a ReLU with the maximum 6 in relu/,
    );
  });

  it('absorb by the statistics that layers keep, where no batch norm is folded now', async () => {
    const steps = ['relu6', 'scale', 'bias'] as const;
    const folded = make();
    await runSteps(folded, ['fold']);
    const bare = folded.clone();
    for (const one of bare.layers) one.statistics = undefined;
    expect((await runSteps(bare, steps))[2]).toMatchObject({
      absorbed: [],
      left: [{ code: 'no-batch-norm' }],
    });
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
    const records = await runSteps(folded, steps);
    expect(allIn(records, 'absorbed')).toHaveLength(1);
    const [factors] = allIn(records, 'clsSets')[0]?.scaleFactors ?? [];
    for (const [channel, value] of folded.layer('one').requireWeight('bias').toFloat64().entries()) {
      const amount = Math.abs(mean[channel] ?? NaN) + Math.sqrt(variance[channel] ?? NaN);
      expect(value).toBeCloseTo(((before[channel] ?? NaN) - amount) / (factors?.[channel] ?? NaN), 5);
    }
  });

  it('absorb biases without scaling between the layers that would have been scaled', async () => {
    const [model, folded] = [make(), make()];
    const records = await runSteps(model, ['relu6', 'fold', 'bias']);
    await runSteps(folded, ['relu6', 'fold']);
    expect(stepsIn(records)).toEqual(['relu6', 'fold', 'bias']);
    expect(allIn(records, 'absorbed')).toEqual([{ from: 'one', into: 'two' }]);
    expect(model.layer('one').weight('kernel')?.values()).toEqual(
      folded.layer('one').weight('kernel')?.values(),
    );
  });

  it('do nothing where there are none', async () => {
    const model = make();
    expect(await runSteps(model, [])).toEqual([]);
    expect(kernelsOf(model)).toEqual(kernelsOf(make()));
  });
});

describe("a recipe of one's own", () => {
  it('has passes of others beside those of the package, which know what ran before them', async () => {
    const model = make();
    const seen: unknown[] = [];
    const note: Pass<'note', { readonly names: readonly string[] }> = {
      name: 'note',
      keepsFunction: true,
      run(edited, { earlier, layers, onSkip }) {
        seen.push(
          earlier.map(({ pass }) => pass),
          layers.get('bn') instanceof Layer,
        );
        onSkip({ code: 'no-partner', layers: ['two'] });
        return { names: edited.layers.map(({ name }) => name) };
      },
    };
    const [fold, noted] = await runPasses(model, [foldPass(), note]);
    expect(seen).toEqual([['fold'], true]);
    expect(fold).toMatchObject({ pass: 'fold', folded: [{ batchNorm: 'bn' }], edits: [['bn', 'one']] });
    expect(noted).toEqual({
      pass: 'note',
      names: ['x', 'one', 'relu', 'two', 'softmax'],
      edits: [],
      left: [
        {
          code: 'no-partner',
          layers: ['two'],
          message: 'two is not scaled: no convolution stands before or behind it that could take the factor',
        },
      ],
    });
  });
});
