import { describe, expect, it } from 'vitest';
import { equalize } from '../../src/equalization/equalize.ts';
import { quantizeIntegers } from '../../src/equalization/quantize-integers.ts';
import { readModel } from '../../src/formats/read.ts';
import { buildGraph } from '../../src/model/graph.ts';
import type { Model } from '../../src/model/model.ts';
import { quantizedActivations } from '../../src/quantization/simulation/quantizer-placement.ts';
import { TfjsRunner } from '../../src/verification/run/runner.ts';
import { fixtureBytes } from '../support/format-fixtures.ts';
import { normalInputs } from '../support/tflite-runs.ts';

/** One network with the same weights, as Keras wrote it down. */
const LAYERS = 'keras-3.15.1/spelled_layers.keras';
const OTHERS = [
  'tfkeras-2.15/spelled_layers.h5',
  'tfkeras-2.15/spelled_operators.h5',
  'keras-3.15.1/spelled_operators.keras',
];

const read = (file: string): Promise<Model> => readModel(fixtureBytes(file), file);

/** All numbers of a model, by layer. */
function numbersOf(model: Model): Record<string, number[][]> {
  const layers = [...model.allLayers()].filter(({ layer }) => layer.weights.size > 0);
  return Object.fromEntries(
    layers.map(({ path, layer }) => [
      path,
      [...layer.weights.values()].map((tensor) => [...tensor.toFloat64()]),
    ]),
  );
}

describe('operators are the layers that they are', () => {
  it.each(OTHERS)('shapes, axes of channels and kinds: %s', async (file) => {
    const told = async (name: string): Promise<unknown[]> =>
      buildGraph(await read(name))
        .calls.map((call) => {
          const { kind } = call.layer.operation;
          return `${kind} ${call.output().shape?.join(' x ')} ${call.output().channelAxis}`;
        })
        .sort();
    expect(await told(file)).toEqual(await told(LAYERS));
  });

  it.each(OTHERS)('regions, factors and corrections: %s', async (file) => {
    for (const target of ['int8-per-tensor', 'int8-per-channel', 'tfjs-uint8'] as const) {
      const [one, other] = await Promise.all(
        [LAYERS, file].map(async (name) => equalize(await read(name), { target })),
      );
      expect(numbersOf(other!.model), target).toEqual(numbersOf(one!.model));
    }
    const { report } = await equalize(await read(file), { target: 'int8-per-tensor' });
    const scaled = report.passes.find(({ pass }) => pass === 'scale');
    const regions = scaled && 'regions' in scaled ? scaled.regions : [];
    expect(regions.map(({ sources, sinks }) => [sources, sinks])).toContainEqual([
      ['conv1', 'conv3'],
      ['conv2', 'conv4'],
    ]);
    expect(regions).toHaveLength(7);
  });

  it.each(OTHERS)('grids of whole numbers, and what a simulation quantizes: %s', async (file) => {
    const told = async (name: string): Promise<unknown> => {
      const model = await read(name);
      const runner = await TfjsRunner.create({ backend: 'cpu' });
      const samples = { runner, inputs: normalInputs(model, 2) };
      const { plan } = await quantizeIntegers(model, { samples });
      return [
        [...plan.tensors.values()]
          .map(({ scale, zeroPoint }) => `${scale.toPrecision(4)} ${zeroPoint}`)
          .sort(),
        quantizedActivations(buildGraph(model)).size,
      ];
    };
    expect(await told(file)).toEqual(await told(LAYERS));
  });
});
