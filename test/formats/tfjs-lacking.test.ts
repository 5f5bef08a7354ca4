/** What tensorflowjs_converter writes of layers that TF.js lacks is mended by writing it again. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { refusedEntries } from '../../src/formats/keras-config/tfjs/refused-entries.ts';
import { memoryFiles, readModel } from '../../src/formats/read.ts';
import { writeModelToMemory } from '../../src/formats/write.ts';
import type { JsonObject } from '../../src/json/value.ts';
import { packedDTypes } from '../support/packed-dtypes.ts';
import { fixtures, loadLayersModel, predict, readExpected, relativeError } from './tfjs-runtime.ts';

type Files = ReadonlyMap<string, Uint8Array>;

function filesOf(name: string): Map<string, Uint8Array> {
  const folder = join(fixtures, name);
  return new Map(readdirSync(folder).map((file) => [file, new Uint8Array(readFileSync(join(folder, file)))]));
}

const rewritten = async (files: Files): ReturnType<typeof writeModelToMemory> =>
  writeModelToMemory(await readModel(memoryFiles(files, 'model.json')));

function configOf(files: Files): JsonObject {
  return JSON.parse(new TextDecoder().decode(files.get('model.json'))).modelTopology.model_config;
}

/** A folder with `text` in its model.json in the place of what `pattern` matches. */
function edited(name: string, pattern: string, text: string): Map<string, Uint8Array> {
  const files = filesOf(name);
  const read = new TextDecoder().decode(files.get('model.json'));
  expect(read).toContain(pattern);
  return files.set('model.json', new TextEncoder().encode(read.replaceAll(pattern, text)));
}

describe.each(['tfjs-lacking/lacking', 'tfjs-lacking/lacking_uint8'])('%s', (name) => {
  test('is not opened by TF.js as it is', async () => {
    await expect(loadLayersModel(filesOf(name))).rejects.toThrow('Unknown layer: RandomFlip');
    expect(refusedEntries(configOf(filesOf(name))).map(({ className }) => className)).toEqual([
      ...['RandomFlip', 'Normalization', 'L2', 'Subtract', 'GroupNormalization'],
    ]);
  });

  test('is, once it is written again, and computes what Keras does', async () => {
    const { inputs, outputs } = readExpected(name);
    const { files, report } = await rewritten(filesOf(name));
    expect(report).toEqual({
      dropped: [],
      warnings: [],
      notes: [
        expect.stringMatching(/^norm \(Normalization\): written as/),
        expect.stringMatching(/^minus \(Subtract\): written as/),
        expect.stringMatching(/^groups \(GroupNormalization\): written as/),
      ],
    });
    expect(refusedEntries(configOf(files))).toEqual([]);
    // float32 sums in another order.
    expect(relativeError(predict(await loadLayersModel(files), inputs), outputs)).toBeLessThan(2e-6);
    expect(packedDTypes(files)['uint8']).toBe(packedDTypes(filesOf(name))['uint8']);
  });

  test('stays as it is when it is read and written once more', async () => {
    const once = await rewritten(filesOf(name));
    const twice = await rewritten(once.files);
    expect(twice.report).toEqual({ dropped: [], warnings: [] });
    expect(configOf(twice.files)).toEqual(configOf(once.files));
  });
});

test('what TF.js opens in no form is written as it was read', async () => {
  const name = 'tfjs/sequential_trained';
  const ofPage = edited(name, '"class_name": "ReLU"', '"class_name": "OfThePage"');
  const kept = await rewritten(ofPage);
  expect(kept.report).toEqual({ dropped: [], warnings: [] });
  expect(configOf(kept.files)).toEqual(configOf(ofPage));
  const upsampling = '"class_name": "UpSampling2D", "config": {"interpolation": "area", "size": [1, 1], ';
  const refused = edited(name, '"class_name": "ReLU", "config": {', upsampling);
  const { files, report } = await rewritten(refused);
  expect(configOf(files)).toEqual(configOf(refused));
  // A class that TF.js has is not one that a page registers.
  expect(report.unsupported).toMatchObject([{ className: 'UpSampling2D', opens: false }]);
});
