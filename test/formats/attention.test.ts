import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readModel } from '../../src/formats/read.ts';
import { writeModelToMemory } from '../../src/formats/write.ts';
import type { Model } from '../../src/model/model.ts';

const FOLDER = join(import.meta.dirname, '../fixtures/attention');

const read = (name: string): Promise<Model> => readModel(new Uint8Array(readFileSync(join(FOLDER, name))));

/** All weights of the layers, which have one order whatever their names are. */
function weightsOf(model: Model): number[][] {
  return [...model.allLayers()].flatMap(({ layer }) =>
    [...layer.weights.values()].map((tensor) => [...tensor.toFloat64()]),
  );
}

// An .h5 file lists the weights in the order of Keras' `layer.weights`.
const wanted = weightsOf(await read('keras2.h5'));

test('the model has the weights of two attentions', () => {
  expect(wanted.map(({ length }) => length)).toEqual([48, 6, 48, 6, 80, 10, 80, 8, 48, 48, 48, 42]);
});

test.each(['keras2.keras', 'keras3.h5', 'keras3.keras'])(
  '%s: projections are in the order of Keras',
  async (name) => {
    expect(weightsOf(await read(name))).toEqual(wanted);
  },
);

const WAYS = ['keras2.h5', 'keras2.keras', 'keras3.h5', 'keras3.keras'].flatMap((name) =>
  (
    [
      ['keras-h5', 'keras2'],
      ['keras-h5', 'keras3'],
      ['keras-v3', 'keras3'],
    ] as const
  ).map(([format, dialect]) => ({ name, format, dialect })),
);

test.each(WAYS)('$name as $format of $dialect keeps them', async ({ name, format, dialect }) => {
  const { files } = await writeModelToMemory(await read(name), { format, dialect });
  const [bytes = new Uint8Array()] = files.values();
  expect(weightsOf(await readModel(bytes))).toEqual(wanted);
});
