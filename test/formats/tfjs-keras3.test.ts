/** What tensorflowjs_converter writes under Keras 3, which TF.js does not open, is mended by writing it again. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { memoryFiles, readModel } from '../../src/formats/read.ts';
import { writeModelToMemory } from '../../src/formats/write.ts';
import { packedDTypes } from '../support/packed-dtypes.ts';
import { fixtures, loadLayersModel, predict, readExpected, relativeError } from './tfjs-runtime.ts';

const NAMES = ['sequential', 'functional', 'nested', 'recurrent', 'sequential_uint8', 'functional_uint8'];

function filesOf(name: string): Map<string, Uint8Array> {
  const folder = join(fixtures, 'tfjs-keras3', name);
  return new Map(readdirSync(folder).map((file) => [file, new Uint8Array(readFileSync(join(folder, file)))]));
}

describe.each(NAMES)('%s', (name) => {
  test('is not opened by TF.js as it is', async () => {
    await expect(loadLayersModel(filesOf(name))).rejects.toThrow();
  });

  test('is, once it is written again, and computes what Keras does', async () => {
    const { inputs, outputs } = readExpected(`tfjs-keras3/${name}`);
    const { files, report } = await writeModelToMemory(
      await readModel(memoryFiles(filesOf(name), 'model.json')),
    );
    expect(report).toEqual({
      dropped: [],
      warnings: [],
      notes: [expect.stringMatching(/^tensorflowjs_converter wrote this model under Keras 3/)],
    });
    // float32 sums in another order.
    expect(relativeError(predict(await loadLayersModel(files), inputs), outputs)).toBeLessThan(2e-6);
    expect(packedDTypes(files)).toEqual(packedDTypes(filesOf(name)));
  });

  test('stays as it is when it is read and written once more', async () => {
    const once = await writeModelToMemory(await readModel(memoryFiles(filesOf(name), 'model.json')));
    const twice = await writeModelToMemory(await readModel(memoryFiles(once.files, 'model.json')));
    expect(twice.report).toEqual({ dropped: [], warnings: [] });
    expect(twice.files).toEqual(once.files);
  });
});
