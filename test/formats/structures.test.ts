/**
 * Models as people write them, in files that Keras wrote: encoders and heads that are called several times, TimeDistributed
 * around models and layers, classes of somebody's own. What is made of them predicts what Keras predicted, in TF.js itself.
 */
import { describe, expect, test } from 'vitest';
import { equalize } from '../../src/equalization/equalize.ts';
import type { Target } from '../../src/equalization/options.ts';
import { UnsupportedModelError } from '../../src/errors.ts';
import type { ModelFormat } from '../../src/formats/format.ts';
import { configOf } from '../../src/formats/keras-config/serialized-objects.ts';
import { memoryFiles, readModel } from '../../src/formats/read.ts';
import { lowerPlan } from '../../src/formats/tflite/lower.ts';
import { writeModelToMemory } from '../../src/formats/write.ts';
import type { Dialect, Model } from '../../src/model/model.ts';
import { foldAllBatchNorms } from '../../src/primitives/batch-norm-fold.ts';
import { allIn } from '../../src/primitives/pass.ts';
import { floatPlan } from '../../src/quantization/integer/float-plan.ts';
import { inspectModel } from '../../src/report/inspect-report.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { TfjsRunner } from '../../src/verification/run/runner.ts';
import { fixtureBytes, formatFixtures } from '../support/format-fixtures.ts';
import { relativeDifference } from '../support/run-model.ts';
import { loadLayersModel, predict, readExpected } from './tfjs-runtime.ts';

const STRUCTURES = [...formatFixtures('.keras'), ...formatFixtures('.h5')].filter((name) =>
  /\/(siamese|heads|steps|own|masks)/.test(name),
);
/** Sums in float32, in another order. */
const TOLERANCE = 1e-5;

const read = (name: string): Promise<Model> => readModel(fixtureBytes(name));

/** The model in files of which the first is its own. */
const reopened = (files: ReadonlyMap<string, Uint8Array>): Promise<Model> =>
  readModel(memoryFiles(files, [...files.keys()][0] ?? ''));

async function written(model: Model, format: ModelFormat, dialect?: Dialect): Promise<Model> {
  const { files } = await writeModelToMemory(model, { format, ...(dialect ? { dialect } : {}) });
  return reopened(files);
}

function outputsOf(name: string): Float32Array[] {
  return readExpected(name).outputs.map(({ data }) => Float32Array.from(data));
}

async function run(model: Model, name: string): Promise<Float32Array[]> {
  const runner = await TfjsRunner.create();
  const inputs = readExpected(name).inputs.map(({ shape, data }) =>
    Tensor.fromNumbers('float32', shape, data),
  );
  const outputs = await runner.run(model, inputs);
  return outputs.map((output) => Float32Array.from(output.toFloat64()));
}

async function runInTfjs(model: Model, name: string): Promise<Float32Array[]> {
  const { files } = await writeModelToMemory(model, { format: 'tfjs-layers' });
  const loaded = await loadLayersModel(files);
  const outputs = predict(loaded, readExpected(name).inputs);
  loaded.dispose();
  return outputs.map(({ data }) => Float32Array.from(data));
}

test('the fixtures are there', () => {
  expect(STRUCTURES).toHaveLength(23);
});

describe.each(STRUCTURES)('%s', (name) => {
  test('is run as Keras ran it, and so is what is made of it in every format', async () => {
    const model = await read(name);
    const expected = outputsOf(name);
    expect(relativeDifference(expected, await run(model, name))).toBeLessThan(TOLERANCE);
    for (const [format, dialect] of [
      ['keras-v3', 'keras3'],
      ['keras-h5', 'keras2'],
      ['keras-h5', 'keras3'],
    ] as const) {
      expect(
        relativeDifference(expected, await run(await written(model, format, dialect), name)),
      ).toBeLessThan(TOLERANCE);
    }
  });

  test.each<Target>(['int8-per-tensor', 'float'])(
    'is equalized for %s, and TF.js predicts the same',
    async (target) => {
      const { model } = await equalize(await read(name), { target, biasCorrection: 'none' });
      expect(relativeDifference(outputsOf(name), await runInTfjs(model, name))).toBeLessThan(TOLERANCE);
    },
  );
});

const folds = async (name: string): Promise<string[][]> => {
  const [pairs] = foldAllBatchNorms(await read(name));
  return pairs.map((pair) => pair.map(({ path }) => path)).sort();
};
const regions = async (name: string): Promise<(readonly string[])[][]> => {
  const { report } = await equalize(await read(name), { target: 'float' });
  return allIn(report.passes, 'regions').map(({ sources, sinks }) => [sources, sinks]);
};

describe('what is folded and scaled', () => {
  test.each(['keras-3.15.1/siamese.keras', 'tfkeras-2.15/siamese.h5'])(
    'in an encoder that is called twice: %s',
    async (name) => {
      expect(await folds(name)).toEqual([
        ['enc/c1', 'enc/b1'],
        ['enc/c2', 'enc/b2'],
      ]);
      expect(await regions(name)).toEqual([[['enc/c1'], ['enc/c2']]]);
    },
  );

  test.each(['keras-3.15.1/heads.keras', 'tfkeras-2.15/heads.h5'])(
    'in a tower on two feature maps: %s',
    async (name) => {
      expect(await folds(name)).toEqual([
        ['stem', 'stem_bn'],
        ['tower', 'tower_bn'],
      ]);
      expect(await regions(name)).toEqual([
        [['stem'], ['neck']],
        [['tower'], ['box']],
      ]);
    },
  );

  test.each([
    'keras-3.15.1/steps.keras',
    'keras-3.15.1/steps.h5',
    'tfkeras-2.15/steps.h5',
    'tfkeras-2.15/steps.keras',
  ])('in a TimeDistributed around a model: %s', async (name) => {
    expect(await folds(name)).toEqual([
      ['td/c1', 'td/b1'],
      ['td/c2', 'td/b2'],
    ]);
    expect(await regions(name)).toEqual([[['td/c1'], ['td/c2']]]);
  });

  test.each(['keras-3.15.1/steps_deep.keras', 'tfkeras-2.15/steps_deep.h5'])(
    'in one around a Sequential whose names sort 1, 10, 2: %s',
    async (name) => {
      expect(await folds(name)).toEqual([['td/conv2d_12', 'td/bn']]);
      const chain = Array.from({ length: 12 }, (_, at) => `td/conv2d_${at + 1}`);
      expect(await regions(name)).toEqual(chain.slice(0, -1).map((one, at) => [[one], [chain[at + 1]]]));
    },
  );

  test.each(['keras-3.15.1/steps_layers.keras', 'tfkeras-2.15/steps_layers.h5'])(
    'where each layer has a TimeDistributed of its own: %s',
    async (name) => {
      expect(await folds(name)).toEqual([
        ['c1', 'b1'],
        ['c2', 'b2'],
      ]);
      expect(await regions(name)).toEqual([[['c1'], ['c2']]]);
      const model = await read(name);
      foldAllBatchNorms(model);
      const layers = (await written(model, 'keras-h5', 'keras2')).layers.map((layer) => layer.name);
      expect(layers).toEqual(['frames', 'c1', 'r1', 'p1', 'c2', 'pool', 'lstm', 'out']);
    },
  );
});

test('a TimeDistributed is refused in a .tflite file, by its name', async () => {
  const model = await read('keras-3.15.1/steps_layers.keras');
  expect(() => lowerPlan(floatPlan(model))).toThrow(UnsupportedModelError);
  expect(() => lowerPlan(floatPlan(model))).toThrow(/c1 \(each step\) \(TimeDistributed\): takes the steps/);
});

describe("a class of somebody's own", () => {
  const NOTE =
    'own_net is a Trainer, a class that is not of Keras; its code is not read, and it is taken for the Functional model ' +
    'in its configuration';

  const classIn = async (model: Model, format: ModelFormat, dialect?: Dialect): Promise<string> => {
    const { files, report } = await writeModelToMemory(model, { format, ...(dialect ? { dialect } : {}) });
    expect(report.warnings).toContain(NOTE);
    return (await reopened(files)).className;
  };

  test.each([
    'keras-3.15.1/own_class.keras',
    'keras-3.15.1/own_class.h5',
    'tfkeras-2.15/own_class.h5',
    'tfkeras-2.15/own_class.keras',
  ])('keeps its name where it came from, and is a Functional elsewhere: %s', async (name) => {
    const model = await read(name);
    expect(inspectModel(model).notes).toEqual([NOTE]);
    expect(await folds(name)).toEqual([['conv', 'bn']]);
    const own = name.endsWith('.h5') ? 'keras-h5' : 'keras-v3';
    const other = own === 'keras-h5' ? 'keras-v3' : 'keras-h5';
    expect(await classIn(model, own)).toBe('Trainer');
    expect(await classIn(model, other)).toBe('Functional');
    expect(await classIn(model, 'tfjs-layers')).toBe('Functional');
    const otherDialect = model.dialect === 'keras2' ? 'keras3' : 'keras2';
    expect(await classIn(model, 'keras-h5', otherDialect)).toBe('Functional');
  });

  test.each([
    'keras-3.15.1/own_nested.keras',
    'keras-3.15.1/own_nested.h5',
    'tfkeras-2.15/own_nested.h5',
    'tfkeras-2.15/own_nested.keras',
  ])('is looked into in another model: %s', async (name) => {
    const model = await read(name);
    expect(inspectModel(model).notes.map((note) => note.split(',')[0])).toEqual([
      'backbone is a Trainer',
      'stack is a Stack',
    ]);
    expect(await folds(name)).toEqual([
      ['backbone/conv', 'backbone/bn'],
      ['stack/conv2', 'stack/bn2'],
    ]);
    const classes = (one: Model): string[] =>
      one.layers.flatMap((layer) => (layer.model ? [layer.className] : []));
    const own = name.endsWith('.h5') ? 'keras-h5' : 'keras-v3';
    expect(classes(await written(model, own))).toEqual(['Trainer', 'Stack']);
    expect(classes(await written(model, 'tfjs-layers'))).toEqual(['Functional', 'Sequential']);
  });

  test('is read as Keras wrote it, with module and name', async () => {
    const model = await read('keras-3.15.1/own_nested.keras');
    const again = await written(model, 'keras-v3');
    const entry = again.layer('backbone').origin?.config ?? {};
    expect(entry).toMatchObject({ module: null, class_name: 'Trainer', registered_name: 'Trainer' });
    expect(configOf(entry)['name']).toBe('backbone');
  });
});
