import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { memorySource } from '../../src/formats/bytes.ts';
import { modelFilesAmong } from '../../src/formats/model-among.ts';
import { memoryFiles, readModel } from '../../src/formats/read.ts';
import { writeModelToMemory } from '../../src/formats/write.ts';
import { loadModel } from '../../src/node.ts';
import { expectFrameworkWeights, FIXTURES } from '../support/format-fixtures.ts';

const FOLDERS = ['keras-3.15.1/unpacked', 'keras-3.15.1/sharded'];

function filesOf(folder: string): Map<string, Uint8Array> {
  const at = join(FIXTURES, folder);
  return new Map(readdirSync(at).map((name) => [name, new Uint8Array(readFileSync(join(at, name)))]));
}

describe.each(FOLDERS)('%s', (folder) => {
  test('is read as a folder, by its config.json, and among files', async () => {
    const files = [...filesOf(folder)].map(([name, bytes]) => ({
      path: `model/${name}`,
      open: () => memorySource(name, bytes),
    }));
    for (const model of [
      await loadModel(join(FIXTURES, folder)),
      await loadModel(join(FIXTURES, folder, 'config.json')),
      await readModel(await modelFilesAmong(files)),
    ]) {
      expectFrameworkWeights(model, folder);
    }
  });

  test('is written as a .keras file with the same layers and weights', async () => {
    const { files } = await writeModelToMemory(await loadModel(join(FIXTURES, folder)));
    const again = await readModel(files.get('model.keras') as Uint8Array);
    expectFrameworkWeights(again, folder);
  });
});

describe('the list of files of weights', () => {
  const sharded = (): Map<string, Uint8Array> => filesOf('keras-3.15.1/sharded');

  test('a file that is missing is named', async () => {
    const files = sharded();
    files.delete('model_00001.weights.h5');
    await expect(readModel(memoryFiles(files, 'config.json'))).rejects.toThrow(
      /model\.weights\.json: model_00001\.weights\.h5: this file of weights is missing/,
    );
  });

  test.each(['../secret.h5', '/etc/x.h5', '', 5])('%j is no file beside it', async (name) => {
    const files = sharded();
    files.set(
      'model.weights.json',
      new TextEncoder().encode(JSON.stringify({ weight_map: { '/vars': name } })),
    );
    await expect(readModel(memoryFiles(files, 'config.json'))).rejects.toMatchObject({ code: 'format' });
  });

  test('a configuration alone is none of a model', async () => {
    const files = new Map([['config.json', sharded().get('config.json') as Uint8Array]]);
    await expect(readModel(memoryFiles(files, 'config.json'))).rejects.toThrow(/without its weights/);
  });
});
