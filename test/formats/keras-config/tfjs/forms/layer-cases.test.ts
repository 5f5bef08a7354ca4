/** Every layer that Keras has, written for TF.js and run there, without classes of a page's own. */

import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-wasm';
import { test } from 'vitest';
import { writeModelToMemory } from '../../../../../src/formats/write.ts';
import { layerCases, layerModel } from '../../../../verification/layers/layer-model.ts';
import { loadLayersModel, predict, relativeError } from '../../../tfjs-runtime.ts';
import { writeFileSync } from 'node:fs';
test.each(['cpu', 'wasm'])('all %s', async (backend) => {
  const lines: string[] = [];
  for (const one of layerCases()) {
    try {
      const { files, report } = await writeModelToMemory(layerModel(one), { format: 'tfjs-layers' });
      let text = report.warnings.join(' | ');
      try {
        const loaded = await loadLayersModel(files);
        await tf.setBackend(backend);
        const found = predict(loaded, one.inputs.map(({ shape, values }) => ({ shape, data: values })));
        const error = relativeError(found, [{ shape: one.output.shape, data: one.output.values }]);
        loaded.dispose();
        lines.push(`${error < 2e-6 ? 'ok   ' : 'WRONG'} ${error.toExponential(1)} ${one.name} [${(report.notes ?? []).map((n) => n.replace(/.*written as/, '')).join()}] ${text}`);
      } catch (error) {
        lines.push(`FAILS ${one.name} ${String(error).slice(0, 100).replace('\n', '')} | ${text}`);
      }
    } catch (error) {
      lines.push(`THROW ${one.name} ${String((error as Error).stack).slice(0, 100)}`);
    }
  }
  writeFileSync(`/tmp/cases-${backend}.txt`, lines.join('\n'));
}, 200000);
