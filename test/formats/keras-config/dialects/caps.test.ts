import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { activationMoments } from '../../../../src/equalization/moments/activation-moments.ts';
import { scaleRegions } from '../../../../src/equalization/scaling/scale-regions.ts';
import { memoryFiles, readModel } from '../../../../src/formats/read.ts';
import { writeModelToMemory } from '../../../../src/formats/write.ts';
import { buildGraph } from '../../../../src/model/graph.ts';
import type { Model } from '../../../../src/model/model.ts';
import { foldAllBatchNorms } from '../../../../src/primitives/batch-norm-fold.ts';
import { quantizedActivations } from '../../../../src/quantization/simulation/quantizer-placement.ts';
import { Tensor } from '../../../../src/tensor/tensor.ts';
import { TfjsRunner } from '../../../../src/verification/run/runner.ts';
import { fixtureBytes } from '../../../support/format-fixtures.ts';

const FILES = ['keras-3.15.1/capped.keras', 'tfkeras-2.15/capped.h5', 'tfkeras-2.15/capped.keras'];
const MAXIMA = [
  [6, 0.5, 2.25, 1.125],
  [0.75, 0.5, 3, 1.5],
];

const runner = await TfjsRunner.create({ backend: 'cpu' });

function maximaOf(model: Model): number[][] {
  return model.layers.flatMap(({ operation }) => (operation.kind === 'cap' ? [[...operation.maxima]] : []));
}

interface Recorded {
  readonly inputs: readonly { readonly shape: readonly number[]; readonly data: readonly number[] }[];
  readonly outputs: readonly { readonly data: readonly number[] }[];
}

function recorded(file: string): { inputs: Tensor[]; expected: readonly number[] } {
  const path = new URL(`../../../fixtures/formats/${file}.expected.json`, import.meta.url);
  const { inputs, outputs } = JSON.parse(readFileSync(path, 'utf8')) as Recorded;
  return {
    inputs: inputs.map(({ shape, data }) =>
      Tensor.fromNumbers('float32', [...shape], data.flat(9) as number[]),
    ),
    expected: outputs[0]?.data.flat(9) as number[],
  };
}

/** The largest difference from what Keras computed, as a part of its largest. */
async function difference(model: Model, file: string): Promise<number> {
  const { inputs, expected } = recorded(file);
  const [made] = await runner.run(model, inputs);
  const largest = Math.max(...expected.map(Math.abs));
  const values = made?.toFloat64() ?? [];
  return Math.max(...expected.map((value, at) => Math.abs(value - (values[at] ?? NaN)))) / largest;
}

describe.each(FILES)('minimums with a constant for each channel in %s', (file) => {
  const read = (): Promise<Model> => readModel(fixtureBytes(file), file);

  it('are caps, and computed as Keras does', async () => {
    const model = await read();
    expect(maximaOf(model)).toEqual(MAXIMA);
    expect(await difference(model, file)).toBeLessThan(1e-5);
  });

  it('take factors, and the function stays', async () => {
    const model = await read();
    foldAllBatchNorms(model);
    const { regions } = scaleRegions(model, { throughBounded: false });
    expect(regions.map(({ sources, sinks }) => [sources, sinks])).toEqual([[['conv2'], ['head']]]);
    const [first, second] = maximaOf(model);
    expect(first).toEqual(MAXIMA[0]);
    expect(second).not.toEqual(MAXIMA[1]);
    expect(await difference(model, file)).toBeLessThan(1e-5);
  });

  it.each(['keras-v3', 'keras-h5'] as const)(
    'are written with their new maxima as %s, of either Keras',
    async (format) => {
      const model = await read();
      foldAllBatchNorms(model);
      scaleRegions(model);
      for (const dialect of ['keras2', 'keras3'] as const) {
        // Only a .keras file of Keras 2.13 to 2.15 becomes one again.
        if (format === 'keras-v3' && dialect === 'keras2' && !/^tf.*keras$/.test(file)) continue;
        const { files } = await writeModelToMemory(model, { format, dialect });
        const [bytes] = files.values();
        const again = await readModel(bytes as Uint8Array<ArrayBuffer>, 'again');
        expect(again.dialect).toBe(dialect);
        expect(maximaOf(again)).toEqual(maximaOf(model));
        expect(await difference(again, file)).toBeLessThan(1e-5);
      }
    },
  );

  it('become layers of TF.js that compute the same', async () => {
    const model = await read();
    const { files, report } = await writeModelToMemory(model, { format: 'tfjs-layers' });
    expect(report.warnings).toEqual([]);
    const again = await readModel(memoryFiles(files, 'model.json'), 'model.json');
    expect(again.layers.map(({ className }) => className)).not.toContain('TFOpLambda');
    expect(await difference(again, file)).toBeLessThan(1e-5);
  });

  it('cut off what is known of distributions, and have no tensor of their own before them', async () => {
    const model = await read();
    const graph = buildGraph(model);
    const [cap] = graph.calls.filter(({ layer }) => layer.operation.kind === 'cap');
    const made = cap && activationMoments(model).of(cap.output());
    expect([...(made?.high ?? [])]).toEqual(MAXIMA[0]);
    const tensors = [...quantizedActivations(graph)].map(({ producer }) => producer?.path);
    expect(tensors).not.toContain('relu1');
    expect(tensors).toContain(cap?.path);
  });
});
