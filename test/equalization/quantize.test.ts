import { beforeAll, describe, expect, it } from 'vitest';
import { equalize } from '../../src/equalization/equalize.ts';
import type { QuantizeOptions } from '../../src/equalization/options.ts';
import { quantize } from '../../src/equalization/quantize.ts';
import type { Model } from '../../src/model/model.ts';
import type { ModelRunner } from '../../src/model/model-runner.ts';
import { loadInputs } from '../../src/node/inputs.ts';
import { loadModel } from '../../src/node.ts';
import { allIn } from '../../src/primitives/pass.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { compareRuns } from '../../src/verification/comparing/compare-runs.ts';
import { type ModelRun, recordRun } from '../../src/verification/comparing/model-run.ts';
import { sqnrJudge } from '../../src/verification/proving/sqnr-judge.ts';
import { TfjsRunner } from '../../src/verification/run/runner.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';
import { randomInputs } from '../support/run-model.ts';

const EXAMPLE = new URL('../../examples/fashion-mobilenetv2.keras', import.meta.url).pathname;

let model: Model;
let inputs: readonly Tensor[];
let runner: TfjsRunner;
let original: ModelRun;
beforeAll(async () => {
  model = await loadModel(EXAMPLE);
  ({ tensors: inputs } = await loadInputs(model, [`${EXAMPLE}.samples.npz`], { samples: 40 }));
  runner = await TfjsRunner.create();
  original = await recordRun(model, { runner, inputs });
});

/** SQNR of the logits against the original, in dB. */
async function sqnrOf(candidate: Model): Promise<number> {
  const run = await recordRun(candidate, { runner, inputs });
  return compareRuns(original, run, { rtol: 1, atol: 1 }).outputs[0]?.sqnrDb ?? Number.NaN;
}

async function quantized(options?: QuantizeOptions) {
  const { model: made, report } = await quantize(model, options);
  return { made, report, sqnr: await sqnrOf(made) };
}

/** Every weight of the model under its layer and name. */
function weightsOf(of: Model): Map<string, Tensor> {
  return new Map(
    [...of.allLayers()].flatMap(({ layer, path }) =>
      [...layer.weights].map(([name, tensor]) => [`${path}/${name}`, tensor] as const),
    ),
  );
}

describe('quantize', () => {
  it('packs all kernels and nothing else, and leaves its input alone', async () => {
    const before = weightsOf(model);
    const { made, report } = await quantized();
    expect(weightsOf(model)).toEqual(before);
    const names = [...weightsOf(made)].filter(([, { packed }]) => packed).map(([name]) => name);
    expect(names).toEqual(allIn(report.passes, 'packed').map(({ layer, weight }) => `${layer}/${weight}`));
    expect(names).toHaveLength(53);
    expect(names.every((name) => /[kK]ernel$/.test(name))).toBe(true);
    expect(report.passes.map(({ pass }) => pass)).toEqual(['carry', 'correct', 'pack']);
  });

  it('each part of preparing comes nearer to the original than plain packing', async () => {
    const { sqnr: plain } = await quantized({ prepare: false });
    const nearest = { rounding: 'nearest', biasCorrection: 'none' } as const;
    const { sqnr: carried } = await quantized(nearest);
    const { sqnr: corrected } = await quantized({ rounding: 'nearest' });
    // Seen: 26.3, 36.1 and 42.9 dB.
    expect(carried).toBeGreaterThan(plain + 3);
    expect(corrected).toBeGreaterThan(carried);
  });

  it('uint16 is far nearer than uint8, float16 between them', async () => {
    const { sqnr: uint8 } = await quantized({ prepare: false });
    const { sqnr: float16, report } = await quantized({ dtype: 'float16' });
    const { sqnr: uint16 } = await quantized({ dtype: 'uint16' });
    expect(report.passes.map(({ pass }) => pass)).toEqual(['pack']);
    // 8 bits more are 48 dB; a half float has 11 bits for every value, however small.
    expect(uint16).toBeGreaterThan(uint8 + 40);
    expect(float16).toBeGreaterThan(uint8 + 20);
  });

  it('with samples measures what layers that came folded write, as equalize does', async () => {
    const folded = buildModel([
      input('x', [6, 6, 2]),
      layer('Conv2D', 'first', { filters: 3, kernel_size: 3, activation: 'relu' }),
      layer('Conv2D', 'second', { filters: 2, kernel_size: 1 }),
    ]);
    const measured: string[][] = [];
    const watching: ModelRunner = {
      run: (one, given, options) => {
        measured.push(one.layers.map(({ name }) => name));
        return runner.run(one, given, options);
      },
    };
    // Nothing but statistics needs a run then.
    const options = {
      samples: { runner: watching, inputs: randomInputs(folded) },
      biasCorrection: 'none',
    } as const;
    await equalize(folded, { ...options, target: 'tfjs-uint8' });
    const [wanted, ...others] = measured.splice(0);
    await quantize(folded, options);
    expect(others).toEqual([]);
    expect(wanted).toContain('first');
    expect(measured).toEqual([wanted]);
    expect(folded.layer('first').statistics).toBeUndefined();
  });

  it('with samples means are measured, and all kernels are packed all the same', async () => {
    const samples = { runner, inputs };
    const { report, sqnr } = await quantized({ samples, rounding: 'nearest' });
    expect(allIn(report.passes, 'packed').map(({ dtype }) => dtype)).toEqual(Array(53).fill('uint8'));
    const { sqnr: analytic } = await quantized({ rounding: 'nearest' });
    expect(sqnr).toBeGreaterThan(analytic);
  });

  it('with a judge settings are tried and the best is taken', async () => {
    const judge = await sqnrJudge(model, { runner, inputs });
    const { report, sqnr } = await quantized({ judge });
    const tried = report.trials.map(({ rounding, biasCorrection }) => `${rounding} ${biasCorrection}`);
    expect([...tried].sort()).toEqual(['cancelling analytic', 'cancelling none', 'nearest analytic'].sort());
    // The same model, but for how the carried scales round.
    expect(sqnr).toBeCloseTo(report.trials[0]?.sqnrDb ?? Number.NaN, 0);
    expect((await quantized({ judge, rounding: 'nearest', biasCorrection: 'none' })).report.trials).toEqual(
      [],
    );
  });

  it('what is left out stays in float32, to the bit', async () => {
    const { made, report } = await quantized({ prepare: false, exclude: ['block_1*', 'predictions'] });
    const kept = allIn(report.passes, 'packed').filter(({ dtype }) => dtype === 'float32');
    expect(kept.map(({ layer }) => layer)).toContain('predictions');
    expect(kept.every(({ layer: path }) => /^(block_1|predictions$)/.test(path))).toBe(true);
    for (const { layer, weight } of kept) {
      expect(weightsOf(made).get(`${layer}/${weight}`)).toBe(weightsOf(model).get(`${layer}/${weight}`));
    }
  });

  it('is the same every time', async () => {
    const values = async (): Promise<unknown[]> =>
      [...weightsOf((await quantize(model)).model).values()].map((tensor) => tensor.values());
    expect(await values()).toEqual(await values());
  });

  it('kernels on a grid of 8 bits stay on it, unless preparing is asked for', async () => {
    const { model: once } = await quantize(model);
    const { model: twice, report } = await quantize(once);
    expect(report.quantizedBefore).toHaveLength(53);
    expect(report.passes.map(({ pass }) => pass)).toEqual(['pack']);
    expect([...weightsOf(twice).values()]).toEqual([...weightsOf(once).values()]);
    const { report: forced } = await quantize(once, { prepare: true });
    expect(forced.passes.map(({ pass }) => pass)).toEqual(['carry', 'correct', 'pack']);
  });

  it.each<[QuantizeOptions, RegExp]>([
    [{ dtype: 'int4' as 'uint8' }, /^dtype: 'int4'; choose from uint8, uint16, float16/],
    [{ rounding: 'up' as 'nearest' }, /^rounding: 'up'/],
    [{ biasCorrection: 'some' as 'none' }, /^biasCorrection: 'some'/],
    [{ biasCorrection: 'measured' }, /'measured' takes samples/],
    [{ include: ['nothing'] }, /the pattern 'nothing' matches no layer/],
  ])('%j is refused', async (options, message) => {
    await expect(quantize(model, options)).rejects.toThrow(RangeError);
    await expect(quantize(model, options)).rejects.toThrow(message);
  });
});
