/** Weights in 8 and 16 bits in TF.js files, decoded by TF.js itself. */

import { describe, expect, test } from 'vitest';
import { quantize } from '../../src/equalization/quantize.ts';
import { memoryFiles, readModel } from '../../src/formats/read.ts';
import { writeModelToMemory } from '../../src/formats/write.ts';
import type { Model } from '../../src/model/model.ts';
import { allIn } from '../../src/primitives/pass.ts';
import type { PackedDType } from '../../src/quantization/packing/packed-dtypes.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';
import { loadLayersModel } from './tfjs-runtime.ts';

const model = buildModel([
  input('x', [8, 8, 3]),
  layer('Conv2D', 'conv', { filters: 5, kernel_size: 3, use_bias: false }),
  layer('BatchNormalization', 'bn'),
  layer('DepthwiseConv2D', 'dw', { kernel_size: 3 }),
  layer('Flatten', 'flat'),
  layer('Dense', 'head', { units: 7 }),
]);

interface Entry {
  readonly name: string;
  readonly dtype: string;
  readonly quantization?: Record<string, unknown>;
}

type Files = ReadonlyMap<string, Uint8Array>;

async function written(of: Model, shardBytes?: number): Promise<Files> {
  const options = shardBytes === undefined ? {} : { shardBytes };
  return (await writeModelToMemory(of, { format: 'tfjs-layers', ...options })).files;
}

function readAgain(files: Files): Promise<Model> {
  const [main = ''] = [...files.keys()].filter((name) => !name.endsWith('.bin'));
  return readModel(memoryFiles(files, main));
}

function entriesIn(files: Files): Entry[] {
  const { weightsManifest } = JSON.parse(new TextDecoder().decode(files.get('model.json')));
  return weightsManifest.flatMap(({ weights }: { weights: Entry[] }) => weights);
}

const sizes = (files: Files): Record<string, number> =>
  Object.fromEntries(
    [...files].filter(([name]) => name !== 'model.json').map(([name, { length }]) => [name, length]),
  );

/** Kernels hold 135, 45 and 560 values, all else 5 * 4 + 5 + 7. */
const [KERNELS, OTHERS] = [135 + 45 + 560, 32];

describe.each<[PackedDType, number]>([
  ['uint8', 1],
  ['uint16', 2],
  ['float16', 2],
])('%s', (dtype, width) => {
  test('kernels and no other weights are written so, and TF.js decodes them to the same bits', async () => {
    const { model: quantized } = await quantize(model, { dtype, prepare: false });
    const files = await written(quantized);
    expect(sizes(files)).toEqual({ 'group1-shard1of1.bin': KERNELS * width + OTHERS * 4 });
    const entries = entriesIn(files);
    expect(entries.filter(({ quantization }) => quantization).map(({ name }) => name)).toEqual([
      'conv/kernel',
      'dw/depthwise_kernel',
      'head/kernel',
    ]);
    for (const { name, dtype: declared, quantization } of entries) {
      expect(declared, name).toBe('float32');
      if (quantization) expect(quantization).toMatchObject({ dtype, original_dtype: 'float32' });
    }
    const loaded = await loadLayersModel(files);
    for (const { layer: own, path } of quantized.allLayers()) {
      const decoded = loaded.getLayer(path).weights.map((weight) => weight.read().dataSync());
      expect(decoded).toEqual([...own.weights.values()].map((tensor) => tensor.values()));
    }
  });

  test('read again they are packed, and written again they are the same files', async () => {
    const { model: quantized } = await quantize(model, { dtype, prepare: false });
    const files = await written(quantized);
    const again = await readAgain(files);
    expect(again.layer('dw').requireWeight('depthwiseKernel').packed?.packing).toEqual(
      quantized.layer('dw').requireWeight('depthwiseKernel').packed?.packing,
    );
    expect(await written(again)).toEqual(files);
    const { model: twice, report } = await quantize(again, { dtype, prepare: false });
    expect(allIn(report.passes, 'packed').every(({ kept }) => kept)).toBe(true);
    expect(await written(twice)).toEqual(files);
  });
});

test('weights of 16 bits become uint8 where that is asked for, and those of 8 bits no more than they were', async () => {
  const { model: halves } = await quantize(model, { dtype: 'float16' });
  const { model: bytes, report } = await quantize(await readAgain(await written(halves)));
  expect(allIn(report.passes, 'packed').map(({ dtype, kept }) => [dtype, kept])).toEqual(
    Array(3).fill(['uint8', false]),
  );
  const again = await readAgain(await written(bytes));
  const { report: kept } = await quantize(again, { dtype: 'uint16' });
  expect(allIn(kept.passes, 'packed').map((one) => [one.dtype, one.kept])).toEqual(
    Array(3).fill(['uint8', true]),
  );
});

test('an edited weight is float32 again, and the others keep their bytes', async () => {
  const { model: quantized } = await quantize(model);
  const again = await readAgain(await written(quantized));
  const conv = again.layer('conv');
  conv.weights.set('kernel', conv.requireWeight('kernel').scaled('columns', [2, 2, 2, 2, 2]));
  const { files, report } = await writeModelToMemory(again, { format: 'tfjs-layers' });
  const packed = entriesIn(files).filter(({ quantization }) => quantization);
  expect(packed.map(({ name }) => name)).toEqual(['dw/depthwise_kernel', 'head/kernel']);
  expect(report.warnings).toEqual([
    expect.stringMatching(/were quantized and are float32 now.*conv\/kernel/),
  ]);
});

test('other formats get the values that the bits stand for', async () => {
  const { model: quantized } = await quantize(model);
  const { files } = await writeModelToMemory(quantized, { format: 'keras-h5' });
  const again = await readAgain(files);
  const kernel = (of: Model): unknown => of.layer('head').requireWeight('kernel').values();
  expect(kernel(again)).toEqual(kernel(quantized));
  expect(again.layer('head').requireWeight('kernel').packed).toBeUndefined();
});

describe('shards', () => {
  test('are as large as they may be, and a weight may lie in several', async () => {
    const { model: quantized } = await quantize(model, { prepare: false });
    const files = await written(quantized, 256);
    const total = KERNELS + OTHERS * 4;
    const count = Math.ceil(total / 256);
    const expected = Array.from({ length: count }, (_, index) => [
      `group1-shard${index + 1}of${count}.bin`,
      Math.min(256, total - 256 * index),
    ]);
    expect(sizes(files)).toEqual(Object.fromEntries(expected));
    const loaded = await loadLayersModel(files);
    const [kernel] = loaded.getLayer('head').weights;
    expect(kernel?.read().dataSync()).toEqual(quantized.layer('head').requireWeight('kernel').values());
  });

  test('of a TF.js model stay as they were, unless smaller ones are asked for', async () => {
    const files = await written(model, 2000);
    const again = await readAgain(files);
    expect(sizes(await written(again))).toEqual(sizes(files));
    expect(sizes(await written(again, 4000))).toEqual(sizes(files));
    const last = KERNELS * 4 + OTHERS * 4 - 3000;
    expect(Object.values(sizes(await written(again, 1000)))).toEqual([1000, 1000, 1000, last]);
  });
});
