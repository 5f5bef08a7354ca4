import { describe, expect, it } from 'vitest';
import { scaleRegions } from '../../../../src/equalization/scaling/scale-regions.ts';
import { operatorsAsLayers } from '../../../../src/formats/keras-config/dialects/replaced-operators.ts';
import { readModel } from '../../../../src/formats/read.ts';
import type { Model } from '../../../../src/model/model.ts';
import { foldAllBatchNorms } from '../../../../src/primitives/batch-norm-fold.ts';
import { fixtureBytes } from '../../../support/format-fixtures.ts';

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
    const layers = operatorsAsLayers(await read(file));
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
