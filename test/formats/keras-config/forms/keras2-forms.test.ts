/** Activations of Keras 3 in files for Keras 2: they go through the runner, which knows Keras 2's by their names. */

import { expect, test } from 'vitest';
import { readModel } from '../../../../src/formats/read.ts';
import { writeModelToMemory } from '../../../../src/formats/write.ts';
import { TfjsRunner } from '../../../../src/index.ts';
import { layerCases, layerModel, tensorOf } from '../../../verification/layers/layer-model.ts';
import { relativeError } from '../../tfjs-runtime.ts';

const NEW =
  /^keras3 ((activation|dense|conv2d|depthwise2d) (hard_|celu|log_sig|soft_|sparse_|tanh_shrink)|RMSNormalization|AugMix|RandomHue)/;
const cases = layerCases().filter(({ name }) => NEW.test(name));

test.each(cases)('$name', async (one) => {
  const { files, report } = await writeModelToMemory(layerModel(one), {
    format: 'keras-h5',
    dialect: 'keras2',
  });
  expect(report.warnings).toEqual([expect.stringMatching(/^layer \(.*\): Keras 2 lacks it; written as/)]);
  const written = await readModel(files.get('model.h5')!);
  expect(written.dialect).toBe('keras2');
  const runner = await TfjsRunner.create({ backend: 'cpu' });
  const [made] = await runner.run(written, one.inputs.map(tensorOf));
  const found = { shape: [...made!.shape], data: [...(made!.values() as Float32Array)] };
  // float32 sums in another order.
  expect(relativeError([found], [{ shape: one.output.shape, data: one.output.values }])).toBeLessThan(2e-6);
});
