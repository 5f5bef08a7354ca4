import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { memoryFiles, readModel } from '../../../src/formats/read.ts';
import { emptyExtremes, takeExtremes } from '../../../src/kernels/channel-layout.ts';
import { tfjsLevels } from '../../../src/kernels/quantize.ts';
import type { Model } from '../../../src/model/model.ts';
import { tfjsGrid } from '../../../src/quantization/encoding.ts';
import { fakeQuantize } from '../../../src/quantization/fake-quantize.ts';
import { QUANTIZER_PRESETS } from '../../../src/quantization/quantizer.ts';
import { buildModel, input, layer } from '../../support/model-builder.ts';

interface Written {
  readonly bytes: string;
  readonly scale: number;
  readonly min: number;
  readonly dequantized: string;
}

interface Weight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: string;
  readonly uint8: Written;
  readonly uint16: Written;
}

const WEIGHTS: Weight[] = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../fixtures/quantization/tfjs-quantized.json'), 'utf8'),
);

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(base64, 'base64'));
}

function floats(base64: string): Float32Array {
  return new Float32Array(bytesOf(base64).buffer);
}

/** Bits, so that -0 is not 0. */
function bits(values: ArrayBufferView): number[] {
  return [...new Uint8Array(values.buffer, values.byteOffset, values.byteLength)];
}

function modelOf({ shape, values }: Weight): Model {
  const [rows = 0, columns = 0] = shape.slice(-2);
  const kernel = [...floats(values)];
  if (shape.length === 2) {
    const dense = layer('Dense', 'one', { units: columns }, { weights: { kernel } });
    return buildModel([input('x', [rows]), dense]);
  }
  const config = { filters: columns, kernel_size: shape.slice(0, 2) as number[] };
  return buildModel([input('x', [8, 8, rows]), layer('Conv2D', 'one', config, { weights: { kernel } })]);
}

describe.each(WEIGHTS)('$name', (weight) => {
  test.each(['uint8', 'uint16'] as const)(
    '%s: grid, bytes and values are those of the converter',
    (dtype) => {
      const expected = weight[dtype];
      const values = floats(weight.values);
      const extremes = emptyExtremes(1);
      takeExtremes(values, 0, { channels: 1, inner: values.length }, extremes);
      const grid = tfjsGrid(extremes.min[0] as number, extremes.max[0] as number, dtype === 'uint8' ? 8 : 16);
      expect([grid.scale, grid.min]).toEqual([expected.scale, expected.min]);
      const levels = dtype === 'uint8' ? new Uint8Array(values.length) : new Uint16Array(values.length);
      tfjsLevels(values, grid, levels);
      expect(bits(levels)).toEqual([...bytesOf(expected.bytes)]);
      const kernel = fakeQuantize(modelOf(weight), QUANTIZER_PRESETS[`tfjs-${dtype}`])
        .layer('one')
        .requireWeight('kernel');
      expect(bits(kernel.values())).toEqual(bits(floats(expected.dequantized)));
    },
  );
});

/** A model of the folder that the converter wrote; see test/fixtures/formats. */
function converted(name: string): Promise<Model> {
  const folder = join(import.meta.dirname, '../../fixtures/formats/tfjs', name);
  const files = readdirSync(folder).map(
    (file) => [file, new Uint8Array(readFileSync(join(folder, file)))] as const,
  );
  return readModel(memoryFiles(new Map(files), 'model.json'));
}

function weightsOf(model: Model, takes: (name: string) => boolean): Map<string, number[]> {
  return new Map(
    [...model.allLayers()].flatMap(({ path, layer: { weights } }) =>
      [...weights]
        .filter(([name]) => takes(name))
        .map(([name, tensor]): [string, number[]] => [`${path}/${name}`, bits(tensor.values())]),
    ),
  );
}

describe('a model is what the converter makes of it', () => {
  test.each(['uint8', 'uint16'] as const)('--quantize_%s: all weights', async (dtype) => {
    const quantized = fakeQuantize(await converted('functional'), QUANTIZER_PRESETS[`tfjs-${dtype}`], {
      weights: 'all',
    });
    const all = (): boolean => true;
    expect(weightsOf(quantized, all)).toEqual(weightsOf(await converted(`functional_${dtype}`), all));
  });

  test('--quantize_uint8 "*kernel": kernels', async () => {
    const quantized = fakeQuantize(await converted('functional'), QUANTIZER_PRESETS['tfjs-uint8']);
    const isKernel = (name: string): boolean => name.toLowerCase().endsWith('kernel');
    const kernels = weightsOf(quantized, isKernel);
    expect(kernels.size).toBeGreaterThan(3);
    expect(kernels).toEqual(weightsOf(await converted('functional_mixed'), isKernel));
  });
});
