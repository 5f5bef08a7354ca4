import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { memorySource, readAll } from '../../src/formats/bytes.ts';
import { readModel } from '../../src/formats/read.ts';
import { writeModelToMemory } from '../../src/formats/write.ts';
import { openZip } from '../../src/formats/zip/read.ts';
import type { Model } from '../../src/model/model.ts';

const FOLDER = join(import.meta.dirname, '../fixtures/stock');
const FILES = {
  attention: ['keras2.h5', 'keras2.keras', 'keras3.h5', 'keras3.keras'],
  applications: ['keras2.h5', 'keras2.keras', 'keras3.keras'],
  wrapped: ['keras2.h5', 'keras2.keras', 'keras3.h5', 'keras3.keras'],
};
/** What the seed made, in Keras' order. */
const SIZES = {
  attention: [48, 6, 48, 6, 80, 10, 80, 8, 48, 48, 48, 42],
  applications: [12, 4, 144, 4, 4, 16, 4],
  wrapped: [32, 16, 8, 32, 16, 8, 48, 36, 12, 48, 36, 12],
};
const TARGETS = [
  ['keras-h5', 'keras2'],
  ['keras-h5', 'keras3'],
  ['keras-v3', 'keras3'],
] as const;

const read = (name: string): Promise<Model> => readModel(new Uint8Array(readFileSync(join(FOLDER, name))));

/** All weights of the layers, which have one order whatever their names are. */
function weightsOf(model: Model): number[][] {
  return [...model.allLayers()].flatMap(({ layer }) =>
    [...layer.weights.values()].map((tensor) => [...tensor.toFloat64()]),
  );
}

for (const made of ['attention', 'applications', 'wrapped'] as const) {
  // An .h5 file lists the weights in the order of Keras' `layer.weights`.
  const wanted = weightsOf(await read(`${made}-keras2.h5`));
  const names = FILES[made].map((name) => `${made}-${name}`);

  test(`${made}: all weights are there`, () => {
    expect(wanted.map(({ length }) => length)).toEqual(SIZES[made]);
  });

  test.each(names)('%s: weights are in the order of Keras', async (name) => {
    expect(weightsOf(await read(name))).toEqual(wanted);
  });

  const ways = names.flatMap((name) => TARGETS.map(([format, dialect]) => ({ name, format, dialect })));
  test.each(ways)('$name as $format of $dialect keeps them', async ({ name, format, dialect }) => {
    const { files } = await writeModelToMemory(await read(name), { format, dialect });
    const [bytes = new Uint8Array()] = files.values();
    expect(weightsOf(await readModel(bytes))).toEqual(wanted);
  });
}

test.each(['applications-keras2.h5', 'applications-keras2.keras'])(
  '%s: Keras 3 is told where the classes of keras.applications are',
  async (name) => {
    const { files } = await writeModelToMemory(await read(name), { format: 'keras-v3', dialect: 'keras3' });
    const [bytes = new Uint8Array()] = files.values();
    const config = await (await openZip(memorySource(name, bytes))).get('config.json')?.open();
    const text = config ? new TextDecoder().decode(readAll(config)) : '{}';
    const modules = JSON.parse(text).config.layers.map(
      (layer: { name: string; module: string }) => [layer.name, layer.module] as const,
    );
    expect(Object.fromEntries(modules)).toMatchObject({
      scale: 'keras.src.applications.convnext',
      depth: 'keras.src.applications.convnext',
      part: 'keras.src.applications.inception_resnet_v2',
      first: 'keras.layers',
    });
  },
);
