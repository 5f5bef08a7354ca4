import { beforeEach, describe, expect, it } from 'vitest';
import { chooseSettings } from '../../src/equalization/choose-settings.ts';
import { equalizationPasses, equalize } from '../../src/equalization/equalize.ts';
import type { EqualizeOptions, Judge } from '../../src/equalization/options.ts';
import type { Model } from '../../src/model/model.ts';
import { runPasses } from '../../src/primitives/pass.ts';
import { fakeQuantize } from '../../src/quantization/fake-quantize.ts';
import { parseQuantizer } from '../../src/quantization/quantizer.ts';
import { TfjsRunner } from '../../src/verification/run/runner.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';
import { randomInputs } from '../support/run-model.ts';

/** Two convolutions with a batch norm and a ReLU between, with a maximum if one is given. */
function network(maximum?: number): Model {
  return buildModel([
    input('x', [2, 2, 3]),
    layer('Conv2D', 'first', { filters: 4, kernel_size: 1 }),
    layer('BatchNormalization', 'bn'),
    layer('ReLU', 'relu', maximum === undefined ? {} : { max_value: maximum }),
    layer('Conv2D', 'last', { filters: 2, kernel_size: 1 }),
  ]);
}

/** A judge that gives these scores one after the other, and keeps what it saw. */
function fakeJudge(scores: readonly number[], margin = 0.5): Judge & { readonly seen: Model[] } {
  const seen: Model[] = [];
  return {
    margin,
    seen,
    judge: async (quantized) => {
      seen.push(quantized);
      const sqnrDb = scores[seen.length - 1];
      if (sqnrDb === undefined) throw new Error(`${seen.length} trials, ${scores.length} expected`);
      return { sqnrDb, top1Agreement: sqnrDb / 100 };
    },
  };
}

type Shown = readonly [objective: string, relu6: string, rounding: string, biasCorrection: string];

/** The trials by their scores, the order in which they are listed, and the options that were chosen. */
async function choose(
  model: Model,
  options: EqualizeOptions,
): Promise<{ byScore: Record<number, Shown>; listed: number[]; options: EqualizeOptions }> {
  const { options: chosen, trials } = await chooseSettings(model, options, equalizationPasses);
  const shown = trials.map(({ sqnrDb, objective, relu6, rounding, biasCorrection }) => [
    sqnrDb,
    [objective, relu6, rounding, biasCorrection] as const,
  ]);
  return { byScore: Object.fromEntries(shown), listed: trials.map(({ sqnrDb }) => sqnrDb), options: chosen };
}

/** The weights of a model, by layer and name. */
function weightsOf(model: Model): Record<string, number[]> {
  return Object.fromEntries(
    [...model.allLayers()].flatMap(({ path, layer: { weights } }) =>
      [...weights].map(([name, tensor]) => [`${path}/${name}`, [...tensor.toFloat64()]]),
    ),
  );
}

describe('chooseSettings', () => {
  let model: Model;
  beforeEach(() => {
    model = network(6);
  });

  it('tries one setting after the other, each with the best of those before', async () => {
    // Scores in the order of trials: 10.0 the usual settings, and each of the others better.
    const judge = fakeJudge([10, 12, 14, 16]);
    const { byScore, listed, options } = await choose(model, { judge });
    expect(byScore).toEqual({
      10: ['least-noise', 'exact', 'nearest', 'analytic'],
      12: ['equal-ranges', 'exact', 'nearest', 'analytic'],
      14: ['equal-ranges', 'keep', 'nearest', 'analytic'],
      16: ['equal-ranges', 'keep', 'nearest', 'none'],
    });
    // What was taken first, then the others as they were tried.
    expect(listed).toEqual([16, 10, 12, 14]);
    expect(options).toMatchObject({
      objective: 'equal-ranges',
      relu6: 'keep',
      biasCorrection: 'none',
      judge,
    });
  });

  it('goes on from the best, not from the last', async () => {
    const judge = fakeJudge([10, 9, 8, 7]);
    const { byScore, listed, options } = await choose(model, { judge });
    expect(byScore).toEqual({
      10: ['least-noise', 'exact', 'nearest', 'analytic'],
      9: ['equal-ranges', 'exact', 'nearest', 'analytic'],
      8: ['least-noise', 'keep', 'nearest', 'analytic'],
      7: ['least-noise', 'exact', 'nearest', 'none'],
    });
    expect(listed).toEqual([10, 9, 8, 7]);
    expect(options).toEqual({ judge });
  });

  it('takes other settings only where they are better by more than the margin', async () => {
    const { listed } = await choose(model, { judge: fakeJudge([10, 12, 11.5, 11], 2) });
    expect(listed).toEqual([10, 12, 11.5, 11]);
    const better = await choose(model, { judge: fakeJudge([10, 12.1, 13, 14], 2) });
    expect(better.listed).toEqual([12.1, 10, 13, 14]);
    expect(better.options).toMatchObject({ objective: 'equal-ranges' });
    expect(better.options.relu6).toBeUndefined();
  });

  it('takes settings that leave something where the usual ones leave nothing', async () => {
    const { listed } = await choose(model, { judge: fakeJudge([-Infinity, 3, -Infinity, -Infinity]) });
    expect(listed).toEqual([3, -Infinity, -Infinity, -Infinity]);
  });

  it.each<[EqualizeOptions, Shown[]]>([
    [
      { objective: 'equal-ranges' },
      [
        ['equal-ranges', 'exact', 'nearest', 'analytic'],
        ['equal-ranges', 'keep', 'nearest', 'analytic'],
        ['equal-ranges', 'exact', 'nearest', 'none'],
      ],
    ],
    [
      { relu6: 'relu' },
      [
        ['least-noise', 'relu', 'nearest', 'analytic'],
        ['equal-ranges', 'relu', 'nearest', 'analytic'],
        ['least-noise', 'relu', 'nearest', 'none'],
      ],
    ],
    [{ objective: 'least-noise', relu6: 'keep', biasCorrection: 'none' }, []],
    [
      { target: 'tfjs-uint8' },
      [
        ['equal-ranges', 'exact', 'cancelling', 'analytic'],
        ['equal-ranges', 'exact', 'nearest', 'analytic'],
        ['equal-ranges', 'exact', 'cancelling', 'none'],
      ],
    ],
    [
      { target: 'tfjs-uint8', rounding: 'nearest' },
      [
        ['equal-ranges', 'exact', 'nearest', 'analytic'],
        ['equal-ranges', 'exact', 'nearest', 'none'],
      ],
    ],
    [
      { target: 'int8-per-channel' },
      [
        ['equal-ranges', 'exact', 'nearest', 'analytic'],
        ['equal-ranges', 'exact', 'nearest', 'none'],
      ],
    ],
  ])('leaves what the caller fixed: %j', async (fixed, expected) => {
    const scores = expected.map((_, index) => 10 - index);
    const judge = fakeJudge(scores);
    const { byScore } = await choose(model, { ...fixed, judge });
    expect(scores.map((score) => byScore[score])).toEqual(expected);
    expect(judge.seen).toHaveLength(expected.length);
  });

  it('does not try to keep ReLU6 where there is none', async () => {
    const { byScore } = await choose(network(), { judge: fakeJudge([10, 9, 8]) });
    expect(Object.values(byScore).map(([, relu6]) => relu6)).toEqual(['exact', 'exact', 'exact']);
  });

  it('does not try to leave biases alone where they are measured', async () => {
    const runner = await TfjsRunner.create({ backend: 'cpu' });
    const samples = { runner, inputs: randomInputs(model) };
    const { byScore } = await choose(model, { samples, judge: fakeJudge([10, 9, 8]) });
    expect(Object.values(byScore).map(([, , , correction]) => correction)).toEqual([
      'measured',
      'measured',
      'measured',
    ]);
  });

  it('tries nothing without a judge, nor for the target float', async () => {
    const options: EqualizeOptions = { relu6: 'keep' };
    expect(await chooseSettings(model, options, equalizationPasses)).toEqual({ options, trials: [] });
    const float: EqualizeOptions = { target: 'float', judge: fakeJudge([]) };
    expect(await chooseSettings(model, float, equalizationPasses)).toEqual({ options: float, trials: [] });
  });

  it('shows the judge the model as it would be quantized, and leaves it as it is', async () => {
    const before = weightsOf(model);
    const judge = fakeJudge([10, 9, 8, 7]);
    await chooseSettings(model, { judge, activations: 'float' }, equalizationPasses);
    expect(weightsOf(model)).toEqual(before);
    const copy = network(6);
    await runPasses(copy, equalizationPasses({ activations: 'float' }));
    const [usual, ...others] = judge.seen.map(weightsOf);
    expect(usual).toEqual(weightsOf(fakeQuantize(copy, parseQuantizer('int8-per-tensor'))));
    for (const other of others) expect(other).not.toEqual(usual);
  });

  it('shows the judge the model before it is quantized, and the grids, where tensors have some too', async () => {
    const judge = fakeJudge([10, 9, 8, 7]);
    const grids: unknown[] = [];
    const watching: Judge = {
      ...judge,
      judge: (one, given) => {
        grids.push(given);
        return judge.judge(one);
      },
    };
    const activations = { bits: 8, symmetric: false, rounding: 'half-away' } as const;
    await chooseSettings(model, { judge: watching, activations }, equalizationPasses);
    expect(grids).toEqual(grids.map(() => ({ weights: parseQuantizer('int8-per-tensor'), activations })));
    const copy = network(6);
    await runPasses(copy, equalizationPasses({ activations }));
    expect(weightsOf(judge.seen[0] as Model)).toEqual(weightsOf(copy));
  });

  it('passes on what the judge throws, and refuses options that are none', async () => {
    const failing: Judge = { margin: 1, judge: () => Promise.reject(new Error('no device')) };
    await expect(chooseSettings(model, { judge: failing }, equalizationPasses)).rejects.toThrow('no device');
    const wrong = { judge: fakeJudge([1]), objective: 'least-effort' } as unknown as EqualizeOptions;
    await expect(chooseSettings(model, wrong, equalizationPasses)).rejects.toThrow(
      /objective: 'least-effort'; choose from/,
    );
  });
});

describe('equalize with a judge', () => {
  it('does what was best, and reports the trials', async () => {
    const { model: equalized, report } = await equalize(network(6), { judge: fakeJudge([10, 12, 11, 11]) });
    expect(report).toMatchObject({ objective: 'equal-ranges', relu6: 'exact', biasCorrection: 'analytic' });
    expect(report.trials.map(({ sqnrDb }) => sqnrDb)).toEqual([12, 10, 11, 11]);
    expect(report.trials[0]).toMatchObject({ objective: 'equal-ranges', top1Agreement: 0.12 });
    const { model: plain } = await equalize(network(6), { objective: 'equal-ranges' });
    expect(weightsOf(equalized)).toEqual(weightsOf(plain));
    const { report: untried } = await equalize(network(6));
    expect(untried.trials).toEqual([]);
  });

  it('judges what it then returns, also where statistics have to be measured first', async () => {
    const runner = await TfjsRunner.create({ backend: 'cpu' });
    // No batch norm, so that nothing is known without a run.
    const folded = buildModel([
      input('x', [2, 2, 3]),
      layer('Conv2D', 'first', { filters: 4, kernel_size: 1 }),
      layer('ReLU', 'relu'),
      layer('Conv2D', 'last', { filters: 2, kernel_size: 1 }),
    ]);
    const judge = fakeJudge([10, 9]);
    const samples = { runner, inputs: randomInputs(folded) };
    const { model: equalized } = await equalize(folded, { samples, judge });
    expect(weightsOf(judge.seen[0] as Model)).toEqual(weightsOf(equalized));
  });
});
