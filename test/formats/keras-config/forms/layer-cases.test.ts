/** Every layer that Keras has, written for TF.js and run there, without classes of a page's own. */

import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-wasm';
import { beforeAll, describe, expect, test } from 'vitest';
import { writeModelToMemory } from '../../../../src/formats/write.ts';
import { layerCases, layerModel } from '../../../verification/layers/layer-model.ts';
import { loadLayersModel, predict, relativeError } from '../../tfjs-runtime.ts';

/** float32 sums in another order, and exponentials of another library. */
const TOLERANCE = 2e-6;

/** What no layers of TF.js compute: by the names of cases, with what the writer says of it. */
const REFUSED: readonly (readonly [name: RegExp, ...reasons: RegExp[]])[] = [
  [/transpose1d (valid )?padding/, /no class Conv1DTranspose/],
  [/exponential$|squareplus$/, /no activation (exponential|squareplus)/],
  [/UnitNormalization/, /no class UnitNormalization/],
  [/EinsumDense/, /no class EinsumDense/],
  [/RNN cells/, /reset_after = true: TF\.js does not load this/, /several cells: TF\.js fails to run it/],
  [/GRU|Bidirectional RNN|TimeDistributed Bidirectional/, /reset_after = true: TF\.js does not load this/],
  [/Bidirectional two layers/, /a backward_layer of its own/],
  [/TimeDistributed DepthwiseConv1D/, /no class DepthwiseConv1D/],
  [/keras2 TimeDistributed Sequential/, /threshold = 0.5/],
  [/keras2 CustomScaleLayer$/, /no class Custom>CustomScaleLayer/],
];

/** What TF.js opens and computes otherwise; on WASM there is more of it. */
const OTHERWISE: readonly (readonly [name: RegExp, reason: RegExp])[] = [
  [/conv3d 1x1 same stride|pool 3d strides over size/, /strides larger than/],
  [/transpose[23]d (valid )?padding/, /output_padding .* ignores/],
];
/** What computes the same in inference, and is told of all the same. */
const TOLD: typeof OTHERWISE = [
  [/ keep$/, /it computes the same/],
  [/ActivityRegularization|SpatialDropout/, /it differs in training alone/],
];
const ON_WASM: typeof OTHERWISE = [
  [/transpose3d/, /the WASM backend of TF\.js computes something else/],
  [/max pool 3d/, /the WASM backend of TF\.js gives 0/],
  [/PReLU shared one/, /the WASM backend of TF\.js computes something else/],
];

/** Refused by the writer, because Keras 2 has another function of the name, or none. */
const UNWRITTEN = /keras3 (LSTM|GRU) hard sigmoid|keras3 transpose3d dilated/;

const cases = layerCases().filter(({ name }) => !UNWRITTEN.test(name));

describe.each(['cpu', 'wasm'] as const)('on the %s backend', (backend) => {
  beforeAll(() => tf.enableProdMode());

  test.each(cases)('$name', async (one) => {
    const { files, report } = await writeModelToMemory(layerModel(one), { format: 'tfjs-layers' });
    const expected = [{ shape: one.output.shape, data: one.output.values }];
    const run = async (): Promise<number> => {
      const loaded = await loadLayersModel(files);
      await tf.setBackend(backend);
      try {
        const inputs = one.inputs.map(({ shape, values }) => ({ shape, data: values }));
        return relativeError(predict(loaded, inputs), expected);
      } finally {
        loaded.dispose();
      }
    };
    const isOf = ([name]: (typeof REFUSED)[number]): boolean => name.test(one.name);
    const refused = report.warnings.length > 0 ? REFUSED.find(isOf) : undefined;
    if (refused) {
      expect(report.warnings).toEqual(refused.slice(1).map((reason) => expect.stringMatching(reason)));
      await expect(run()).rejects.toThrow();
      return;
    }
    const differences = [...OTHERWISE, ...TOLD, ...ON_WASM].filter(isOf).map(([, reason]) => reason);
    for (const warning of report.warnings) {
      expect(differences.some((reason) => reason.test(warning))).toBe(true);
    }
    const isRight = report.warnings.every(
      (text) => TOLD.some(([, told]) => told.test(text)) || (backend === 'cpu' && /WASM backend/.test(text)),
    );
    const error = await run();
    if (isRight) expect(error).toBeLessThan(TOLERANCE);
  });
});
