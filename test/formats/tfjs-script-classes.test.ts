import { expect, test } from 'vitest';
import { readModel } from '../../src/formats/read.ts';
import { writeModelToMemory } from '../../src/formats/write.ts';
import { registerLayers } from '../../src/verification/layers/register-layers.ts';
import { fixtureBytes } from '../support/format-fixtures.ts';
import { loadLayersModel, predict, readExpected, relativeError } from './tfjs-runtime.ts';

test('both directions of a GRU that resets behind have names of their own, by which TF.js finds their weights', async () => {
  const name = 'tfkeras-2.15/rnn.h5';
  const { files } = await writeModelToMemory(await readModel(fixtureBytes(name), name), {
    format: 'tfjs-layers',
  });
  registerLayers(['GRU', 'Bidirectional']);
  const { inputs, outputs } = readExpected(name);
  // float32 sums in another order.
  expect(relativeError(predict(await loadLayersModel(files), inputs), outputs)).toBeLessThan(2e-6);
});
