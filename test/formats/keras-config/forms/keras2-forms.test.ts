/** Activations of one Keras in files for the other: they go through the runner, which knows each by its name. */

import { expect, test } from 'vitest';
import { readModel } from '../../../../src/formats/read.ts';
import { writeModelToMemory } from '../../../../src/formats/write.ts';
import { TfjsRunner } from '../../../../src/index.ts';
import { layerCases, layerModel, tensorOf } from '../../../verification/layers/layer-model.ts';
import { relativeError } from '../../tfjs-runtime.ts';

const NEW =
  /^keras3 ((activation|dense|conv2d|depthwise2d) (hard_|celu|log_sig|soft_|sparse_|tanh_shrink)|RMSNormalization|AugMix|RandomHue)/;
const OLD = /^keras2 (activation|dense|conv2d|depthwise2d) hard_sigmoid/;
const cases = layerCases().filter(({ name }) => NEW.test(name) || OLD.test(name));

test.each(cases)('$name', async (one) => {
  const [dialect, lacking] = OLD.test(one.name) ? (['keras3', 3] as const) : (['keras2', 2] as const);
  const { files, report } = await writeModelToMemory(layerModel(one), { format: 'keras-h5', dialect });
  expect(report.warnings).toEqual([
    expect.stringMatching(new RegExp(`^layer \\(.*\\): Keras ${lacking} lacks it; written as`)),
  ]);
  const written = await readModel(files.get('model.h5')!);
  expect(written.dialect).toBe(dialect);
  const runner = await TfjsRunner.create({ backend: 'cpu' });
  const [made] = await runner.run(written, one.inputs.map(tensorOf));
  const found = { shape: [...made!.shape], data: [...(made!.values() as Float32Array)] };
  // float32 sums in another order.
  expect(relativeError([found], [{ shape: one.output.shape, data: one.output.values }])).toBeLessThan(2e-6);
});
