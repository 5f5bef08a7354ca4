import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CannotRunError, CrosslayerError } from '../../../src/errors.ts';
import { checkForTflite } from '../../../src/formats/tflite/check-model.ts';
import type { TfliteGraph } from '../../../src/formats/tflite/graph.ts';
import { inspectTflite } from '../../../src/formats/tflite/inspect.ts';
import { schemaOf } from '../../../src/formats/tflite/operators.ts';
import { readTflite } from '../../../src/formats/tflite/read.ts';
import { tfliteBytes } from '../../../src/formats/tflite/write.ts';
import { startLitert } from '../../../src/node/litert.ts';
import { runPlan } from '../../../src/quantization/integer/simulate-plan.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { runTflite } from '../../../src/verification/litert/run-tflite.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { buildModel, input, layer } from '../../support/model-builder.ts';
import { codeDifferences, planned } from '../../support/tflite-runs.ts';

const small = () =>
  buildModel(
    [
      input('left', [8, 6, 4]),
      input('right', [8, 6, 4]),
      layer('Conv2D', 'conv', { filters: 6, kernel_size: 3, activation: 'relu' }, { from: ['left'] }),
      layer('Conv2D', 'other', { filters: 6, kernel_size: 3 }, { from: ['right'] }),
      layer('Add', 'add', {}, { from: ['conv', 'other'] }),
      layer('GlobalAveragePooling2D', 'pool', {}),
      layer('Dense', 'classes', { units: 5, activation: 'softmax' }),
    ],
    { outputs: ['classes', 'add'] },
  );

describe("a file of TensorFlow's converter", () => {
  const folder = new URL('../../fixtures/formats/tflite/', import.meta.url);
  const bytes = new Uint8Array(readFileSync(new URL('open-batch.tflite', folder)));
  const { inputs, outputs } = JSON.parse(readFileSync(new URL('open-batch.json', folder), 'utf8'));

  it('runs with an open batch', async () => {
    const images = Tensor.fromNumbers('float32', [2, 6, 6, 2], inputs);
    const [made] = await runTflite(await startLitert(), bytes, [images]);
    expect(made?.shape).toEqual([2, 3]);
    const file = readTflite('test', bytes);
    const step = file.tensors[file.outputs[0]?.tensor ?? -1]?.quantization?.scales[0] ?? Number.NaN;
    for (const [index, value] of (made?.toFloat64() ?? []).entries()) {
      expect(Math.abs(value - outputs[index]) / step).toBeLessThan(4);
    }
  });

  it('is refused with a sentence where an input has another size', async () => {
    const litert = await startLitert();
    using model = await litert.load(bytes);
    await expect(model.run([new Uint8Array(72)])).rejects.toThrow(/^.*LiteRT: /);
    await expect(model.run([new Uint8Array(72)])).rejects.toBeInstanceOf(CannotRunError);
  });
});

describe('a written file', () => {
  it('is read back as it was', async () => {
    const { graph, bytes } = await planned(small());
    const read = readTflite('test', bytes);
    expect(read.inputs).toEqual(graph.inputs);
    expect(read.outputs).toEqual(graph.outputs);
    expect(graph.inputs.map(({ name }) => name)).toEqual(['left', 'right']);
    expect(graph.outputs.map(({ name }) => name)).toEqual(['classes', 'add']);
    expect(read.operators).toEqual(
      graph.operators.map(({ op, version, inputs, outputs }) => ({
        ...{ code: schemaOf(op).code, version, inputs, outputs },
      })),
    );
    expect(read.tensors.map(contents)).toEqual(graph.tensors.map(contents));
  });

  it('has each constant at a multiple of 16', async () => {
    const { graph, bytes } = await planned(small());
    const text = Buffer.from(bytes).toString('latin1');
    for (const { values } of graph.tensors) {
      const constant = values?.();
      if (!constant || constant.byteLength < 16) continue;
      const { buffer, byteOffset, byteLength } = constant;
      const found = text.indexOf(Buffer.from(buffer, byteOffset, byteLength).toString('latin1'));
      expect(found % 16).toBe(0);
      expect(found).toBeGreaterThan(0);
    }
  });

  for (const io of ['int8', 'uint8', 'float32'] as const) {
    it(`has ${io} at its ends`, async () => {
      const made = await planned(small(), { io });
      const { tensors, inputs, outputs } = made.graph;
      for (const { tensor } of [...inputs, ...outputs]) expect(tensors[tensor]?.type).toBe(io);
      // Three layers, each off by one now and then.
      expect((await codeDifferences(made)).most).toBeLessThanOrEqual(2);
    });
  }

  it('cut or changed anywhere is an error of ours or another file, never a crash', async () => {
    const { bytes } = await planned(small());
    for (let size = 0; size < bytes.length; size += 7)
      expectOurs(() => readTflite('cut', bytes.subarray(0, size)));
    for (let at = 0; at < bytes.length; at += 3) {
      const damaged = bytes.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 0xff;
      expectOurs(() => readTflite('damaged', damaged).tensors.map(contents));
    }
  });
});

describe('inspectTflite', () => {
  it('tells operators, grids, and channels that one scale left hardly any level', async () => {
    const kernel = Array.from(
      { length: 12 * 3 },
      (_, index) => (index % 3 === 0 ? 0.01 : 1) * ((index % 5) - 2),
    );
    const dense = { kernel, bias: [0, 0, 0] };
    const model = buildModel([input('in', [12]), layer('Dense', 'dense', { units: 3 }, { weights: dense })]);
    const levels = async (weights: 'int8-per-channel' | 'int8-per-tensor-symmetric') => {
      const { bytes } = await planned(model, { weights });
      const { operators, inputs } = inspectTflite('test', bytes);
      expect(inputs).toEqual([{ name: 'in', shape: [1, 12], type: 'int8' }]);
      expect(operators).toHaveLength(1);
      expect(operators[0]).toMatchObject({
        op: 'FULLY_CONNECTED',
        name: 'dense',
        shape: [1, 3],
        type: 'int8',
      });
      return operators[0]?.kernel;
    };
    expect(await levels('int8-per-channel')).toEqual({
      scales: 3,
      channels: 3,
      medianLevels: 127,
      ruinedChannels: 0,
    });
    expect(await levels('int8-per-tensor-symmetric')).toEqual({
      ...{ scales: 1, channels: 3, medianLevels: 127, ruinedChannels: 1 },
    });
  });
});

describe('rules that kernels do not check', () => {
  const broken = async (change: (graph: TfliteGraph) => TfliteGraph): Promise<() => void> => {
    const { graph } = await planned(small());
    return () => tfliteBytes(change(graph));
  };
  const withTensor = (graph: TfliteGraph, index: number, change: object): TfliteGraph => ({
    ...graph,
    tensors: graph.tensors.map((tensor, at) => (at === index ? { ...tensor, ...change } : tensor)),
  });
  const writerOf = (graph: TfliteGraph, op: string) => graph.operators.find((one) => one.op === op)!;

  it('a grid of softmax that is not its own', async () => {
    const write = await broken((graph) =>
      withTensor(graph, writerOf(graph, 'SOFTMAX').outputs[0]!, {
        quantization: { scales: [1 / 255], zeroPoint: -128, dimension: 0 },
      }),
    );
    expect(write).toThrow(/^classes_activation: SOFTMAX writes on the grid 0.00390625, -128/);
  });

  it('weights too coarse for what they write', async () => {
    const write = await broken((graph) =>
      withTensor(graph, writerOf(graph, 'FULLY_CONNECTED').outputs[0]!, {
        quantization: { scales: [1e-12], zeroPoint: 0, dimension: 0 },
      }),
    );
    expect(write).toThrow(/^classes: what it reads and its weights have steps \d+ times as coarse/);
  });

  it('floats and codes in one operator', async () => {
    const write = await broken((graph) =>
      withTensor(graph, writerOf(graph, 'ADD').inputs[0]!, { type: 'float32', quantization: undefined }),
    );
    expect(write).toThrow(/^conv: CONV_2D has floats and codes, and its kernel one of them/);
  });

  it('scales that are no numbers, sizes that are not known, tensors that nothing makes', async () => {
    const quantization = { scales: [0], zeroPoint: 0, dimension: 0 };
    expect(await broken((graph) => withTensor(graph, 0, { quantization }))).toThrow(/has the scale 0/);
    expect(await broken((graph) => withTensor(graph, 0, { shape: [1, -1] }))).toThrow(/all sizes are known/);
    expect(await broken((graph) => ({ ...graph, operators: graph.operators.slice(1) }))).toThrow(
      /before it is made/,
    );
  });
});

describe('what has no int8 kernel', () => {
  const refused = [
    ['LSTM', layer('LSTM', 'bad', { units: 3 }), [5, 3], /bad \(LSTM\): recurrent layers/],
    [
      'softplus',
      layer('Activation', 'bad', { activation: 'softplus' }),
      [5],
      /bad \(Activation\): the activation softplus has no/,
    ],
    [
      'bicubic',
      layer('UpSampling2D', 'bad', { interpolation: 'bicubic' }),
      [4, 4, 2],
      /bad \(UpSampling2D\): no int8 kernel interpolates/,
    ],
    [
      'a threshold',
      layer('ReLU', 'bad', { threshold: 1 }),
      [4],
      /bad \(ReLU\): no int8 kernel has a ReLU with the threshold 1/,
    ],
    ['another axis', layer('Softmax', 'bad', { axis: 1 }), [4, 3], /bad \(Softmax\): is on axis 1/],
    [
      'three dimensions',
      layer('MaxPooling3D', 'bad', {}),
      [4, 4, 4, 2],
      /bad \(MaxPooling3D\): there is no int8 kernel in three/,
    ],
  ] as const;
  for (const [name, bad, shape, message] of refused) {
    it(`is refused with the layer and the way out: ${name}`, () => {
      expect(() => checkForTflite(buildModel([input('in', shape), bad]))).toThrow(message);
    });
  }

  it('and sizes that are not known', () => {
    const model = buildModel([input('in', [null, 6, 4]), layer('ReLU', 'relu', {})]);
    expect(() => checkForTflite(model)).toThrow(/in.*: a tensor of \? x \? x 6 x 4; .*--input-shape/);
  });
});

describe('calls in training mode', () => {
  const trained = () => {
    const model = buildModel([
      input('in', [6, 4]),
      layer('Dense', 'dense', { units: 3 }),
      layer('BatchNormalization', 'norm', {}),
      layer('Dropout', 'drop', { rate: 0.5 }),
    ]);
    for (const call of model.calls) call.kwargs = { training: { value: true } };
    return model;
  };

  it('are told of, and computed in inference mode', async () => {
    const notes: string[] = [];
    checkForTflite(trained(), { onNote: (note) => notes.push(note) });
    expect(notes).toEqual([
      'norm (BatchNormalization): called in training mode, in which it normalizes by the batch; the file runs it in ' +
        'inference mode, by its stored statistics',
      'drop (Dropout): called in training mode, in which it is random; the file runs it in inference mode, without its ' +
        'randomness',
    ]);
  });

  it('are refused where nobody hears of it', () => {
    expect(() => checkForTflite(trained())).toThrow(
      /^norm \(BatchNormalization\): .*; call it in inference$/,
    );
  });
});

describe('the runtime', () => {
  it('refuses inputs of another size', async () => {
    const { bytes, inputs } = await planned(small());
    await expect(runTflite(await startLitert(), bytes, inputs.slice(1))).rejects.toThrow(
      /1 inputs for a file with 2/,
    );
  });

  it('refuses bytes that are no model', async () => {
    const litert = await startLitert();
    await expect(litert.load(new Uint8Array(100))).rejects.toThrow(/LiteRT/);
  });

  it('fails where it prints an error, and returns nonsense as if nothing were', async () => {
    const { graph, bytes } = await planned(small());
    const { outputs } = graph.operators.find(({ op }) => op === 'CONV_2D')!;
    const scale = graph.tensors[outputs[0]!]!.quantization!.scales[0]!;
    const damaged = Buffer.from(bytes);
    const at = damaged.indexOf(Buffer.from(Float32Array.of(scale).buffer));
    // XNNPACK refuses what is 256 times as fine as the products.
    damaged.writeFloatLE(1e-12, at);
    await expect(startLitert().then((litert) => litert.load(damaged))).rejects.toThrow(
      /^LiteRT: ERROR: failed to create XNNPACK runtime/,
    );
  });

  it('computes what it did before after a failure', async () => {
    const { plan, bytes, inputs } = await planned(small());
    const litert = await startLitert();
    await expect(litert.load(bytes.slice(0, 200))).rejects.toThrow(/LiteRT/);
    const [expected] = await runPlan(plan, await TfjsRunner.create({ backend: 'cpu' }), inputs);
    const [actual] = await runTflite(litert, bytes, inputs);
    for (const [index, value] of expected!.toFloat64().entries()) {
      expect(Math.abs(actual!.toFloat64()[index]! - value)).toBeLessThanOrEqual(2 / 256);
    }
  });
});

function contents({
  name,
  shape,
  type,
  quantization,
  values,
}: TfliteGraph['tensors'][number] | ReturnType<typeof readTflite>['tensors'][number]) {
  const scales = quantization && Array.from(quantization.scales);
  return {
    name,
    shape,
    type,
    quantization: quantization && { ...quantization, scales },
    values: values && Array.from(values()),
  };
}

function expectOurs(work: () => void): void {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(CrosslayerError);
  }
}
