import { describe, expect, it } from 'vitest';
import { chooseSettings } from '../../src/equalization/choose-settings.ts';
import { equalizationPasses, equalize } from '../../src/equalization/equalize.ts';
import { settingsOf } from '../../src/equalization/options.ts';
import type { Model } from '../../src/model/model.ts';
import { allIn } from '../../src/primitives/pass.ts';
import { equalizeForTarget } from '../../src/report/equalize-for-target.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';

const int8 = { bits: 8, symmetric: false, rounding: 'half-away' } as const;

/** Two convolutions with a ReLU6 between them, whose channels differ in what they reach. */
function pair(): Model {
  const weights = {
    gamma: [0.4, 2, 0.3, 1],
    beta: [4, 3, 2, 0.1],
    movingMean: [0.1, 0, -0.1, 0],
    movingVariance: [0.6, 0.4, 0.5, 0.3],
  };
  return buildModel([
    input('in', [8, 8, 4]),
    layer('Conv2D', 'first', { filters: 4, kernel_size: 3, padding: 'same' }),
    layer('BatchNormalization', 'bn', {}, { weights }),
    layer('ReLU', 'relu', { max_value: 6 }),
    layer('Conv2D', 'second', { filters: 4, kernel_size: 1 }),
  ]);
}

describe('activations of a recipe', () => {
  it.each(['int8-per-tensor', 'int8-per-tensor-symmetric', 'int8-per-channel'] as const)(
    'are of 8 bits for %s, as integer converters make them',
    async (target) => {
      const { report } = await equalizeForTarget(pair(), { target });
      expect(report.activations).toEqual(int8);
      const { report: float } = await equalizeForTarget(pair(), { target, activations: 'float' });
      expect(float.activations).toBeNull();
    },
  );

  it('decide the factors of regions', async () => {
    const factors = async (activations: 'float' | typeof int8): Promise<readonly number[]> => {
      const { report } = await equalize(pair(), { activations });
      return allIn(report.passes, 'regions').flatMap(({ smallest, largest }) => [smallest, largest]);
    };
    expect(await factors(int8)).not.toEqual(await factors('float'));
    expect(settingsOf({ target: 'float' }).activations).toBeUndefined();
    expect(settingsOf({ target: 'tfjs-uint8' }).activations).toBeUndefined();
  });

  it('stay in settings that are tried, and the judge gets their grids', async () => {
    const judged: unknown[] = [];
    const judge = {
      margin: 0,
      judge: async (_: Model, grids?: object) => {
        judged.push(grids && 'activations' in grids ? grids.activations : undefined);
        return { sqnrDb: 1, top1Agreement: null };
      },
    };
    const coarse = { ...int8, bits: 4 };
    const { trials } = await chooseSettings(pair(), { activations: coarse, judge }, equalizationPasses);
    expect(trials.length).toBeGreaterThan(1);
    for (const trial of trials) expect(trial.activations).toBe(coarse);
    expect(new Set(judged)).toEqual(new Set([coarse]));
  });

  it('are refused where they stay in float, or contradict themselves', async () => {
    for (const target of ['tfjs-uint8', 'float'] as const) {
      await expect(equalize(pair(), { target, activations: int8 })).rejects.toThrow(
        `the target '${target}' they stay in float; leave them out, or choose int8-per-tensor or int8-per-tensor-symmetric or int8-per-channel`,
      );
    }
    await expect(equalize(pair(), { activations: { ...int8, bits: 40 } })).rejects.toThrow(/2 to 16 bits/);
  });
});
