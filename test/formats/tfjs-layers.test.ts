import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { MemorySink } from '../../src/formats/bytes.ts';
import type { WriteReport } from '../../src/formats/format.ts';
import { memoryFiles } from '../../src/formats/read.ts';
import { readTfjsLayers } from '../../src/formats/tfjs-layers/read.ts';
import { writeTfjsLayers } from '../../src/formats/tfjs-layers/write.ts';
import type { Model } from '../../src/model/model.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { fixtures, loadLayersModel, predict, readExpected, relativeError } from './tfjs-runtime.ts';

const folder = join(fixtures, 'tfjs');
const names = readdirSync(folder).filter((name) => !name.endsWith('.json'));

function readFolder(path: string): Map<string, Uint8Array> {
  return new Map(readdirSync(path).map((name) => [name, new Uint8Array(readFileSync(join(path, name)))]));
}

async function write(model: Model): Promise<{ files: Map<string, Uint8Array>; report: WriteReport }> {
  const main = new MemorySink('model.json');
  const sinks = [main];
  const create = (name: string): MemorySink => {
    const sink = new MemorySink(name);
    sinks.push(sink);
    return sink;
  };
  const report = await writeTfjsLayers(model, { main, create, scratch: () => new MemorySink('scratch') });
  return { files: new Map(sinks.map((sink) => [sink.name, sink.bytes()])), report };
}

const read = (files: Map<string, Uint8Array>): Promise<Model> =>
  readTfjsLayers(memoryFiles(files, 'model.json'));

/** A model.json, as far as the tests look into it. */
interface Document {
  format?: string;
  modelTopology: {
    model_config: {
      config: { layers: { name: string; class_name: string; config: Record<string, unknown> }[] };
    };
  };
  weightsManifest: { paths: string[]; weights: Record<string, unknown>[] }[];
}

const document = (files: Map<string, Uint8Array>): Document =>
  JSON.parse(new TextDecoder().decode(files.get('model.json')));

function edited(files: Map<string, Uint8Array>, edit: (document: Document) => void): Map<string, Uint8Array> {
  const json = document(files);
  edit(json);
  return new Map([...files, ['model.json', new TextEncoder().encode(JSON.stringify(json))]]);
}

describe.each(names)('%s', (name) => {
  const files = readFolder(join(folder, name));
  const expected = readExpected(`tfjs/${name}`);

  test('has the weights that the framework reads', async () => {
    const model = await read(files);
    const found = Object.fromEntries(
      [...model.allLayers()]
        .filter(({ layer }) => layer.weights.size > 0)
        .map(({ layer, path }) => [path, [...layer.weights.values()]]),
    );
    expect(Object.keys(found).sort()).toEqual(Object.keys(expected.weights).sort());
    for (const [path, { shapes, sums, firsts }] of Object.entries(expected.weights)) {
      expect(found[path]!.map((tensor) => tensor.shape)).toEqual(shapes);
      for (const [index, tensor] of found[path]!.entries()) {
        const values = tensor.toFloat64();
        expect(values[0]).toBe(Math.fround(firsts[index]!));
        // Both sums are of the same float32 values in float64, in another order.
        expect(values.reduce((sum, value) => sum + value, 0)).toBeCloseTo(sums[index]!, 10);
      }
    }
  });

  test('is written as it was read', async () => {
    const { files: written, report } = await write(await read(files));
    expect(report.dropped).toEqual([]);
    // tensorflowjs_converter writes a SeparableConv2D with entries for which TF.js refuses it.
    const separable = (json: Document): number =>
      json.modelTopology.model_config.config.layers.filter((layer) => layer.class_name === 'SeparableConv2D')
        .length;
    expect(report.warnings.length).toBe(separable(document(files)));
    const loadable = edited(files, (json) => {
      for (const { class_name, config } of json.modelTopology.model_config.config.layers) {
        if (class_name === 'SeparableConv2D') delete config['kernel_initializer'];
      }
    });
    expect(document(written)).toEqual(document(loadable));
    expect([...written.keys()].sort()).toEqual([...files.keys()].sort());
    for (const [path, bytes] of files) {
      if (path !== 'model.json') expect(written.get(path)).toEqual(bytes);
    }
  });

  test('computes the expected outputs in TF.js once it is written with all weights edited', async () => {
    const model = await read(files);
    for (const { layer } of model.allLayers()) {
      for (const [key, tensor] of layer.weights) {
        layer.weights.set(key, Tensor.of(tensor.dtype, tensor.shape, tensor.values()));
      }
    }
    const { files: written } = await write(model);
    const outputs = predict(await loadLayersModel(written), expected.inputs);
    // float32 sums in another order.
    expect(relativeError(outputs, expected.outputs)).toBeLessThan(2e-6);
  });
});

describe('decoding', () => {
  const shape = [65536];
  const packed16 = Uint16Array.from({ length: 65536 }, (_, index) => index);
  const packed8 = Uint8Array.from({ length: 256 }, (_, index) => index);
  const cases = [
    {
      name: 'a',
      shape: [256],
      dtype: 'float32',
      quantization: { dtype: 'uint8', scale: 0.0037, min: -0.41 },
    },
    { name: 'b', shape, dtype: 'float32', quantization: { dtype: 'uint16', scale: 1.7e-5, min: -0.61 } },
    { name: 'c', shape, dtype: 'float32', quantization: { dtype: 'float16' } },
    { name: 'd', shape: [256], dtype: 'int32', quantization: { dtype: 'uint8', scale: 1.5, min: -100.5 } },
  ] as const;

  test.each(cases)('$dtype from $quantization.dtype is bit for bit that of tfjs-core', async (spec) => {
    const bytes = new Uint8Array(spec.quantization.dtype === 'uint8' ? packed8 : packed16.buffer);
    const theirs = tf.io.decodeWeights(bytes.slice().buffer, [spec as never])[spec.name]!.dataSync();
    const { lazyWeight } = await import('../../src/formats/tfjs-layers/decode.ts');
    const { parseManifest } = await import('../../src/formats/tfjs-layers/manifest.ts');
    const { memorySource } = await import('../../src/formats/bytes.ts');
    const [group] = parseManifest([{ paths: ['x'], weights: [spec] }], 'model.json');
    const tensor = lazyWeight({
      spec: group!.weights[0]!,
      source: memorySource('x', bytes),
      byteOffset: 0,
    });
    const ours = tensor.values();
    expect(new Uint32Array(ours.buffer)).toEqual(
      new Uint32Array(Uint8Array.from(new Uint8Array(theirs.buffer)).buffer),
    );
  });
});

describe('edits', () => {
  test('of one weight leave the bytes of all others', async () => {
    const files = readFolder(join(folder, 'functional_mixed'));
    const model = await read(files);
    const layer = model.layer('conv1');
    layer.setWeight('kernel', layer.requireWeight('kernel').scaled('columns', [1, 2, 4, 8]));
    const { files: written, report } = await write(model);
    const before = document(files).weightsManifest[0]!.weights;
    const after = document(written).weightsManifest[0]!.weights;
    expect(after.map((weight) => weight['name'])).toEqual(before.map((weight) => weight['name']));
    expect(after.filter((weight, index) => JSON.stringify(weight) !== JSON.stringify(before[index]))).toEqual(
      [{ name: 'conv1/kernel', shape: [3, 3, 3, 4], dtype: 'float32' }],
    );
    expect(report.warnings).toEqual([
      expect.stringContaining('sep (SeparableConv2D)'),
      expect.stringMatching(/^1 of 24 weights were quantized and are float32 now.*conv1\/kernel/),
    ]);
    const again = await read(written);
    expect(again.layer('conv1').requireWeight('kernel').values()).toEqual(
      layer.requireWeight('kernel').values(),
    );
    expect(again.layer('pw3').requireWeight('kernel').values()).toEqual(
      model.layer('pw3').requireWeight('kernel').values(),
    );
  });

  test('that give a layer a bias put it beside the kernel', async () => {
    const model = await read(readFolder(join(folder, 'functional_groups')));
    const layer = model.layer('conv1');
    layer.operation = { ...layer.operation, useBias: true } as never;
    layer.setWeight('bias', Tensor.fromNumbers('float32', [4], [0, 0, 0, 0]));
    const { files: written } = await write(model);
    const group = document(written).weightsManifest.find(
      (one) => one.weights[0]?.['name'] === 'conv1/kernel',
    );
    expect(group?.weights.map((weight) => weight['name'])).toEqual(['conv1/kernel', 'conv1/bias']);
    const expected = readExpected('tfjs/functional_groups');
    const outputs = predict(await loadLayersModel(written), expected.inputs);
    expect(relativeError(outputs, expected.outputs)).toBeLessThan(2e-6);
  });

  test('clear the constraints that TF.js would apply while loading', async () => {
    const files = edited(readFolder(join(folder, 'functional')), (json) => {
      for (const layer of json.modelTopology.model_config.config.layers) {
        if (layer.name !== 'conv1' && layer.name !== 'pw3') continue;
        layer.config['kernel_constraint'] = { class_name: 'MaxNorm', config: { max_value: 0.1, axis: 0 } };
      }
    });
    const model = await read(files);
    const layer = model.layer('conv1');
    layer.setWeight('kernel', layer.requireWeight('kernel').scaled('columns', [1, 2, 4, 8]));
    const { files: written, report } = await write(model);
    const constraints = document(written)
      .modelTopology.model_config.config.layers.filter((one) => one.config['kernel_constraint'])
      .map((one) => one.name);
    expect(constraints).toEqual(['pw3']);
    expect(report.warnings).toContainEqual(expect.stringContaining('conv1: left out kernel_constraint'));
  });

  test('drop the state of the optimizer, and no edit keeps it', async () => {
    const files = readFolder(join(folder, 'functional'));
    const withOptimizer = edited(files, (json) => {
      json.weightsManifest.push({
        paths: ['group2-shard1of1.bin'],
        weights: [{ name: 'Adam/m', shape: [2], dtype: 'float32', group: 'optimizer' }],
      });
    }).set('group2-shard1of1.bin', new Uint8Array(8).fill(7));
    const kept = await write(await read(withOptimizer));
    expect(kept.files.get('group2-shard1of1.bin')).toEqual(new Uint8Array(8).fill(7));
    const model = await read(withOptimizer);
    model.layer('pw3').setWeight('bias', Tensor.fromNumbers('float32', [4], [1, 2, 3, 4]));
    const dropped = await write(model);
    expect(dropped.files.has('group2-shard1of1.bin')).toBe(false);
    expect(dropped.report.dropped).toEqual([expect.stringContaining('optimizer state (1 weights)')]);
  });
});

describe('damaged files', () => {
  const files = readFolder(join(folder, 'functional_shards'));
  const weights = (json: Document): Record<string, unknown>[] => json.weightsManifest[0]!.weights;

  test.each<[string, Map<string, Uint8Array>, RegExp]>([
    [
      'a missing shard',
      new Map([...files].filter(([name]) => !name.includes('2of3'))),
      /group1-shard2of3.bin: this file of weights is missing; put it/,
    ],
    [
      'a short shard',
      new Map([...files, ['group1-shard2of3.bin', files.get('group1-shard2of3.bin')!.slice(0, 99)]]),
      /group1-shard2of3.bin: .* is cut off; copy or download/,
    ],
    [
      'a web page as a shard',
      new Map([...files, ['group1-shard2of3.bin', new TextEncoder().encode('<!DOCTYPE html><p>404')]]),
      /no weights: this is a web page/,
    ],
    [
      'too many bytes',
      new Map([...files, ['group1-shard3of3.bin', new Uint8Array(2000)]]),
      /model.json and the shards are not of one conversion/,
    ],
    [
      'a wrong shape',
      edited(files, (json) => {
        weights(json)[0]!['shape'] = [4, 1000];
      }),
      /cut off/,
    ],
    [
      'a negative shape',
      edited(files, (json) => {
        weights(json)[0]!['shape'] = [-4];
      }),
      /bn1\/gamma.shape: expected a whole number of at least 0, found -4/,
    ],
    [
      'a huge shape',
      edited(files, (json) => {
        weights(json)[0]!['shape'] = [0, 2147483647, 2147483647, 2147483647];
      }),
      /a shape that fits a file/,
    ],
    [
      'an unknown dtype',
      edited(files, (json) => {
        weights(json)[0]!['dtype'] = 'float64';
      }),
      /expected float32, int32 or bool/,
    ],
    [
      'a bad quantization',
      edited(files, (json) => {
        weights(json)[0]!['quantization'] = { dtype: 'uint8', scale: 1 };
      }),
      /expected numbers as scale and min/,
    ],
    [
      'an unknown quantization',
      edited(files, (json) => {
        weights(json)[0]!['quantization'] = { dtype: 'int4' };
      }),
      /expected uint8, uint16 or float16/,
    ],
    [
      'a name twice',
      edited(files, (json) => {
        weights(json)[1]!['name'] = weights(json)[0]!['name'];
      }),
      /two weights of this name/,
    ],
    [
      'a weight without a layer',
      edited(files, (json) => {
        weights(json)[0]!['name'] = 'nobody/gamma';
      }),
      /nobody\/gamma belongs to no layer/,
    ],
    [
      'a layer without a weight',
      edited(files, (json) => {
        weights(json)[0]!['name'] = 'bn1/delta/gamma';
        weights(json)[1]!['name'] = 'bn1/gamma';
      }),
      /bn1\/(gamma|delta\/gamma|beta)/,
    ],
    [
      'a path that leads out',
      edited(files, (json) => {
        json.weightsManifest[0]!.paths[0] = '../secret';
      }),
      /the name of a file beside model.json/,
    ],
    [
      'no manifest',
      edited(files, (json) => {
        delete (json as Partial<Document>).weightsManifest;
      }),
      /a topology without weights/,
    ],
    [
      'a graph model',
      edited(files, (json) => {
        json.format = 'graph-model';
      }),
      /graph model, whose layers are gone; convert/,
    ],
  ])('%s', async (_, damaged, message) => {
    await expect(read(damaged)).rejects.toThrow(message);
    await expect(read(damaged)).rejects.toMatchObject({
      code: expect.stringMatching(/format|invalid-model|unsupported-model/),
    });
  });
});

/** A real network that lies beside the project where it is developed; too large to be committed. */
const shared = new URL('../../../shared/models/mobilenet_v2_nsfw', import.meta.url).pathname;
test.runIf(existsSync(shared))('MobileNetV2 with uint8 weights is written as it was read', async () => {
  const files = readFolder(shared);
  const { files: written } = await write(await read(files));
  expect(document(written)).toEqual(document(files));
  expect(Buffer.compare(written.get('group1-shard1of1')!, files.get('group1-shard1of1')!)).toBe(0);
});
