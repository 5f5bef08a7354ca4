import { beforeAll, describe, expect, it } from 'vitest';
import { equalize } from '../../src/equalization/equalize.ts';
import { type EqualizeOptions, TARGETS } from '../../src/equalization/options.ts';
import type { Model } from '../../src/model/model.ts';
import { loadInputs } from '../../src/node/inputs.ts';
import { loadModel } from '../../src/node.ts';
import { allIn } from '../../src/primitives/pass.ts';
import { fakeQuantize } from '../../src/quantization/fake-quantize.ts';
import { parseQuantizer, type QuantizerName } from '../../src/quantization/quantizer.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { compareRuns } from '../../src/verification/comparing/compare-runs.ts';
import { type ModelRun, recordRun } from '../../src/verification/comparing/model-run.ts';
import { TfjsRunner } from '../../src/verification/run/runner.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';
import { randomInputs } from '../support/run-model.ts';
import { TRAINING_VERSIONS, trainingModel } from '../support/training-models.ts';

const EXAMPLES = new URL('../../examples/', import.meta.url).pathname;

let model: Model;
let inputs: readonly Tensor[];
let runner: TfjsRunner;
let original: ModelRun;
beforeAll(async () => {
  model = await loadModel(`${EXAMPLES}fashion-mobilenetv2.keras`);
  ({ tensors: inputs } = await loadInputs(model, [`${EXAMPLES}fashion-mobilenetv2.keras.samples.npz`], {
    samples: 40,
  }));
  runner = await TfjsRunner.create();
  original = await recordRun(model, { runner, inputs });
});

/** SQNR of the logits against the original, in dB. */
async function sqnrOf(candidate: Model): Promise<number> {
  const run = await recordRun(candidate, { runner, inputs });
  return compareRuns(original, run, { rtol: 1, atol: 1 }).outputs[0]?.sqnrDb ?? Number.NaN;
}

/** The equalized example in float, and with its kernels on the grid of the target. */
async function measured(target: QuantizerName & EqualizeOptions['target'], options: EqualizeOptions = {}) {
  const { model: equalized, report } = await equalize(model, { target, ...options });
  const quantized = fakeQuantize(equalized, parseQuantizer(target));
  return { report, float: await sqnrOf(equalized), quantized: await sqnrOf(quantized) };
}

describe('equalize', () => {
  it.each([
    ['LeakyReLU', { class_name: 'LeakyReLU', config: { alpha: 0.1 } }],
    ['ReLU6', { class_name: 'ReLU', config: { max_value: 6 } }],
  ])('measures with samples on a model with a %s layer fused into another', async (_, activation) => {
    const fused = buildModel([
      input('x', [6, 6, 2]),
      layer('Conv2D', 'first', { filters: 4, kernel_size: 3, activation }),
      layer('Conv2D', 'last', { filters: 3, kernel_size: 1 }),
    ]);
    const pictures = randomInputs(fused);
    const { report } = await equalize(fused, { samples: { runner, inputs: pictures } });
    expect(allIn(report.passes, 'corrected').map(({ layer: path }) => path)).toEqual(['first', 'last']);
  });

  it('keeps the function but for corrected biases, and leaves its input alone', async () => {
    const before = new Map(
      [...model.allLayers()].map(({ path, layer }) => [path, [...layer.weights.values()]]),
    );
    for (const options of [
      { target: 'float' },
      { target: 'int8-per-tensor', biasCorrection: 'none' },
      { target: 'int8-per-tensor', biasCorrection: 'none', relu6: 'keep' },
      { target: 'tfjs-uint8', biasCorrection: 'none', rounding: 'nearest' },
    ] as const) {
      const { model: equalized } = await equalize(model, options);
      expect(await sqnrOf(equalized), JSON.stringify(options)).toBeGreaterThan(100);
    }
    for (const { path, layer } of model.allLayers())
      expect([...layer.weights.values()]).toEqual(before.get(path));
  });

  it.each(TRAINING_VERSIONS)(
    'leaves alone what runs in training mode, a NaN in its statistics included: %s',
    async (version) => {
      for (const target of TARGETS) {
        const trained = trainingModel(version);
        const { model: equalized } = await equalize(trained, { target, rounding: 'nearest' });
        for (const path of ['body/c1', 'body/bn1']) {
          const after = equalized.layer(path);
          for (const [name, tensor] of trained.layer(path).weights) {
            if (name === 'bias') continue;
            expect(after.weights.get(name)?.toFloat64(), `${target} ${path}/${name}`).toEqual(
              tensor.toFloat64(),
            );
          }
        }
        const { weights } = equalized.layer('body/c2');
        for (const tensor of weights.values())
          expect([...tensor.toFloat64()].every(Number.isFinite)).toBe(true);
      }
    },
  );

  it('for int8-per-tensor beats plain folding, each part a little more', async () => {
    const { model: folded } = await equalize(model, { target: 'int8-per-channel', biasCorrection: 'none' });
    const plain = await sqnrOf(fakeQuantize(folded, parseQuantizer('int8-per-tensor')));
    const scaled = await measured('int8-per-tensor', { biasCorrection: 'none' });
    const corrected = await measured('int8-per-tensor');
    expect(scaled.quantized).toBeGreaterThan(plain + 5);
    expect(corrected.quantized).toBeGreaterThan(scaled.quantized);
    expect(corrected.report).toMatchObject({
      passes: ['fold', 'scale', 'correct'].map((pass) => ({ pass })),
      relu6: 'exact',
    });
  });

  it('for the symmetric grid corrects biases for that grid', async () => {
    const symmetric = { target: 'int8-per-tensor-symmetric', relu6: 'keep' } as const;
    const right = await measured(symmetric.target, symmetric);
    const { model: other } = await equalize(model, { ...symmetric, target: 'int8-per-tensor' });
    const wrong = await sqnrOf(fakeQuantize(other, parseQuantizer(symmetric.target)));
    expect(right.report).toMatchObject({
      passes: ['fold', 'scale', 'correct'].map((pass) => ({ pass })),
      objective: 'least-noise',
    });
    // Kernels that nothing scaled have large errors, which another grid makes elsewhere.
    expect(right.quantized).toBeGreaterThan(wrong + 1);
  });

  it('with errors that cancel stays on the grid it was put on', async () => {
    for (const target of TARGETS.filter((one) => one !== 'float')) {
      const { float, quantized } = await measured(target, { rounding: 'cancelling' });
      expect(float, target).toBeLessThan(60);
      expect(float, target).toBeCloseTo(quantized, 1);
      expect(quantized, target).toBeGreaterThan(25);
    }
  });

  it('is the same every time', async () => {
    const weights = async (): Promise<unknown[]> => {
      const { model: equalized } = await equalize(model);
      return [...equalized.allLayers()].flatMap(({ layer }) =>
        [...layer.weights.values()].map((tensor) => tensor.values()),
      );
    };
    expect(await weights()).toEqual(await weights());
  });

  it('refuses options that are none', async () => {
    await expect(equalize(model, { target: 'int4' as never })).rejects.toThrow(/target: 'int4'; choose from/);
    await expect(equalize(model, { relu6: 'drop' as never })).rejects.toThrow(/relu6: 'drop'/);
    await expect(equalize(model, { biasCorrection: 'measured' })).rejects.toThrow(/takes samples/);
    await expect(equalize(model, { target: 'float', rounding: 'cancelling' })).rejects.toThrow(/has not/);
  });
});
