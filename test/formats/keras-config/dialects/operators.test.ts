import { describe, expect, it } from 'vitest';
import { scaleRegions } from '../../../../src/equalization/scaling/scale-regions.ts';
import { operatorsAsLayers } from '../../../../src/formats/keras-config/dialects/replaced-operators.ts';
import { readModel } from '../../../../src/formats/read.ts';
import { writeModelToMemory } from '../../../../src/formats/write.ts';
import type { Model } from '../../../../src/model/model.ts';
import { foldAllBatchNorms } from '../../../../src/primitives/batch-norm-fold.ts';
import { replaceRelu6WithRelu } from '../../../../src/primitives/replace-relu6.ts';
import { TfjsRunner } from '../../../../src/verification/run/runner.ts';
import { fixtureBytes } from '../../../support/format-fixtures.ts';
import { codeDifferences, normalInputs, planned } from '../../../support/tflite-runs.ts';

const FILES = ['keras-3.15.1/shortcuts.keras', 'tfkeras-2.15/shortcuts.h5'];

const read = (file: string): Promise<Model> => readModel(fixtureBytes(file), file);

describe.each(FILES)('operators of %s', (file) => {
  it('are what the layers are', async () => {
    const kinds = (await read(file)).layers.map(({ operation }) =>
      operation.kind === 'activation' && operation.activation.kind === 'relu'
        ? `relu ${operation.activation.maxValue ?? ''}`.trim()
        : operation.kind,
    );
    expect(kinds.filter((kind) => /relu|merge/.test(kind)).sort()).toEqual([
      'merge',
      'relu',
      'relu',
      'relu 6',
    ]);
    expect(kinds).not.toContain('opaque');
  });

  it('let factors through as layers do', async () => {
    const operators = await read(file);
    const layers = operatorsAsLayers(await read(file), 'keras2');
    for (const model of [operators, layers]) foldAllBatchNorms(model);
    const options = { throughBounded: true, objective: 'least-noise', tensors: true } as const;
    const [one, other] = [operators, layers].map((model) => scaleRegions(model, options));
    expect(one?.regions.map(({ sources, sinks }) => [sources, sinks])).toEqual([
      [
        ['conv1', 'conv3'],
        ['conv2', 'conv4'],
      ],
      [['conv2'], ['conv3']],
    ]);
    expect(one?.outputScales).toEqual(other?.outputScales);
    expect(one?.bounded.map(({ maxima }) => maxima)).toEqual(other?.bounded.map(({ maxima }) => maxima));
  });
});

describe.each(FILES)('an operator that an edit made another of, in %s', (file) => {
  it('is written as the layer that it is now, and runs as it', async () => {
    const model = await read(file);
    const [, changed] = replaceRelu6WithRelu(model);
    expect(changed).toHaveLength(1);
    const name = changed[0]?.name ?? '';
    const format = file.endsWith('.keras') ? 'keras-v3' : 'keras-h5';
    const { files } = await writeModelToMemory(model, { format });
    const again = await readModel([...files.values()][0]!, file);
    expect(again.layer(name)).toMatchObject({
      className: 'Activation',
      operation: { kind: 'activation', activation: { kind: 'relu', maxValue: undefined } },
    });
    const runner = await TfjsRunner.create({ backend: 'cpu' });
    const inputs = normalInputs(model, 2);
    const [one, other] = [await runner.run(model, inputs), await runner.run(again, inputs)];
    expect(other[0]?.toFloat64()).toEqual(one[0]?.toFloat64());
  });
});

describe.each(['keras-3.15.1/slices.keras', 'tfkeras-2.15/slices.h5'])('slices of %s', (file) => {
  it('pass factors of the channels that they take', async () => {
    const model = await read(file);
    foldAllBatchNorms(model);
    const { regions } = scaleRegions(model);
    expect(regions.map(({ sources, sinks, channels }) => [sources, sinks, channels])).toEqual([
      [['conv1'], ['conv2', 'conv3'], 6],
      [['conv2', 'conv3'], ['conv4'], 4],
      [['conv4'], ['head'], 4],
    ]);
  });

  it('are the same in whole numbers as LiteRT computes them', async () => {
    const made = await planned(await read(file));
    expect(made.graph.operators.filter(({ op }) => op === 'STRIDED_SLICE')).toHaveLength(5);
    // A product may lie on the border between two codes.
    expect((await codeDifferences(made)).most).toBeLessThanOrEqual(1);
  });
});
