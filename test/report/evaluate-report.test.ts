import { describe, expect, it } from 'vitest';
import { UnsupportedModelError } from '../../src/errors.ts';
import type { Model } from '../../src/model/model.ts';
import type { ModelRunner } from '../../src/model/model-runner.ts';
import { fakeQuantize } from '../../src/quantization/fake-quantize.ts';
import { QUANTIZER_PRESETS } from '../../src/quantization/quantizer.ts';
import {
  type EvaluateOptions,
  type EvaluateReport,
  evaluateModel,
  evaluateWeights,
} from '../../src/report/evaluate-report.ts';
import { reportJson } from '../../src/report/report-json.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { TfjsRunner } from '../../src/verification/run/runner.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';
import { rectifier } from '../support/rectifier.ts';

/** A Dense of two inputs and two classes; 8 bits cannot hold 1 and 0.001 at once. */
function classifier(kernel: readonly number[] = [1, 0.001, 0, 1]): Model {
  return buildModel([
    input('row', [2]),
    layer('Dense', 'classes', { units: 2, activation: 'softmax' }, { weights: { kernel, bias: [0, 0] } }),
  ]);
}

const ROWS = Tensor.fromNumbers('float32', [4, 2], [1, 0, 0, 1, 2, 1, 1, 2]);

/** Multiplies by the kernel; what `recordRun` runs has the logits behind the softmax. */
class DenseRunner implements ModelRunner {
  readonly ran: Model[] = [];

  async run(model: Model, [rows]: readonly Tensor[]): Promise<Tensor[]> {
    this.ran.push(model);
    const kernel = model.layer('classes').requireWeight('kernel').toFloat64();
    const values = rows?.toFloat64() ?? new Float64Array();
    const samples = values.length / 2;
    const logits = Float32Array.from({ length: samples * 2 }, (_, at) => {
      const row = Math.floor(at / 2) * 2;
      const column = at % 2;
      return (values[row] ?? 0) * (kernel[column] ?? 0) + (values[row + 1] ?? 0) * (kernel[2 + column] ?? 0);
    });
    const probabilities = logits.map((logit, at) => {
      const other = logits[at % 2 === 0 ? at + 1 : at - 1] ?? 0;
      return 1 / (1 + Math.exp(other - logit));
    });
    return [probabilities, logits].map((numbers) => Tensor.of('float32', [samples, 2], numbers));
  }
}

describe('evaluateModel', () => {
  it('measures each quantizer against the model in float, on its logits', async () => {
    const runner = new DenseRunner();
    const report = await evaluateModel(classifier(), {
      runner,
      inputs: [ROWS],
      labels: Int32Array.of(0, 1, 0, 0),
      quantizers: ['int8-per-tensor', 'tfjs-uint16'],
      layers: true,
    });
    expect(report.models.map(({ model, quantizer, accuracy }) => [model, quantizer, accuracy])).toEqual([
      ['original', null, 0.75],
      ['quantized', 'int8-per-tensor', 0.75],
      ['quantized', 'tfjs-uint16', 0.75],
    ]);
    // In 255 steps of 1 / 255 the 0.001 becomes 0: the logits lose [0.001, 0, 0.002, 0.001] of columns
    // [1, 0, 2, 1] and [0.001, 1, 1.002, 2.001].
    const signal = 1 + 4 + 1 + 0.001 ** 2 + 1 + 1.002 ** 2 + 2.001 ** 2;
    const noise = 0.001 ** 2 + 0.002 ** 2 + 0.001 ** 2;
    const [output] = report.models[1]?.outputs ?? [];
    expect(output).toMatchObject({ name: 'classes', scores: 'logits', top1Agreement: 1 });
    // float32 weights: seven digits, of which 0.001 in 1.002 leaves four.
    expect(output?.sqnrDb).toBeCloseTo(10 * Math.log10(signal / noise), 2);
    expect(report.layers.map(({ quantizer, layer: path, weight }) => [quantizer, path, weight])).toEqual([
      ['int8-per-tensor', 'classes', 'kernel'],
      ['tfjs-uint16', 'classes', 'kernel'],
      // Zeros are on every grid, so it comes last.
      ['tfjs-uint16', 'classes', 'bias'],
    ]);
    expect(report.layers[0]?.sqnrDb).toBeCloseTo(10 * Math.log10((2 + 1e-6) / 1e-6), 2);
    expect([report.samples, report.labelled, runner.ran.length]).toEqual([4, true, 3]);
  });

  it('has the model in float beside another original', async () => {
    const report = await evaluateModel(classifier([0, 1, 1, 0]), {
      runner: new DenseRunner(),
      inputs: [ROWS],
      original: classifier(),
      quantizers: [],
    });
    expect(report.models.map(({ model }) => model)).toEqual(['original', 'float']);
    expect(report.models[1]?.outputs[0]?.top1Agreement).toBe(0);
    expect([report.labelled, report.models[0]?.accuracy, report.layers]).toEqual([false, null, []]);
  });

  it('has infinite ratios as text in JSON', async () => {
    const model = fakeQuantize(classifier(), QUANTIZER_PRESETS['int8-per-tensor']);
    const report = await evaluateModel(model, {
      runner: new DenseRunner(),
      inputs: [ROWS],
      quantizers: ['int8-per-tensor'],
    });
    // A kernel that was on the grid stays as it is.
    const parsed = JSON.parse(reportJson(report));
    expect(parsed.models[1].outputs[0].sqnrDb).toBe('Infinity');
    expect(parsed.schemaVersion).toBe(1);
  });

  describe('on integers', () => {
    const inputs = [Tensor.fromNumbers('float32', [2, 2], [24, 0, 0, 8])];
    const evaluate = async (
      options: Partial<EvaluateOptions>,
      model = rectifier(),
    ): Promise<EvaluateReport> =>
      evaluateModel(model, {
        runner: await TfjsRunner.create({ backend: 'cpu' }),
        inputs,
        quantizers: ['int8-per-tensor', 'int8-per-channel', 'tfjs-uint8-kernels'],
        activations: 'int8',
        ...options,
      });

    it('runs models with activations of 8 bits too, of the ranges that statistics tell', async () => {
      const { models, notes } = await evaluate({ labels: Int32Array.of(0, 0) });
      expect(models.map(({ integers }) => integers?.kind)).toEqual([
        undefined,
        'simulated',
        'whole-integer',
        undefined,
      ]);
      for (const { integers } of models.slice(1, 3)) {
        // 8 is on all grids, and 24 becomes 12.
        const [output] = integers?.outputs ?? [];
        expect(output?.sqnrDb).toBeCloseTo(10 * Math.log10((24 ** 2 + 8 ** 2) / 12 ** 2), 3);
        expect(integers).toMatchObject({ ranges: 'statistics', accuracy: 0.5 });
        expect(output).toMatchObject({ name: 'relu', top1Agreement: 1 });
      }
      expect(notes).toEqual(['one tensor has its range from these inputs, because no statistics tell it: x']);
    });

    it('has the ranges of inputs where they are asked for, and is not there where it is not', async () => {
      const { models, notes } = await evaluate({ ranges: 'measured' });
      for (const { integers } of models.slice(1, 3)) {
        expect(integers?.ranges).toBe('measured');
        expect(integers?.outputs[0]?.sqnrDb).toBeGreaterThan(100);
      }
      expect(notes).toEqual([]);
      const float = await evaluateModel(rectifier(), {
        runner: await TfjsRunner.create({ backend: 'cpu' }),
        inputs,
        quantizers: ['int8-per-channel'],
      });
      expect(float.models.map(({ integers }) => integers)).toEqual([null, null]);
    });

    it('notes what cannot be on integers', async () => {
      const { models, notes } = await evaluate(
        { quantizers: ['int8-per-channel'] },
        rectifier([1e30, 0, 0, 1]),
      );
      expect(models[1]?.integers).toBeNull();
      expect(notes).toEqual([
        'int8-per-channel: no int8 activations: hidden: kernel: the weights are too large for int8 grids',
      ]);
    });
  });

  it('refuses models that do not take the same, and labels past the classes', async () => {
    const options = { runner: new DenseRunner(), inputs: [ROWS], quantizers: [] } as const;
    const wide = buildModel([input('row', [3]), layer('Dense', 'classes', { units: 2 })]);
    await expect(evaluateModel(wide, { ...options, original: classifier() })).rejects.toThrow(
      /the original takes \[2\], but the model takes \[3\]/,
    );
    const labels = Int32Array.of(0, 2, 0, 0);
    await expect(evaluateModel(classifier(), { ...options, labels })).rejects.toThrow(UnsupportedModelError);
    await expect(evaluateModel(classifier(), { ...options, labels })).rejects.toThrow(
      /^labels: the label of sample 1 is 2, but classes has the classes 0 to 1/,
    );
  });

  it('quantizes all float weights for tfjs-uint8, kernels alone for tfjs-uint8-kernels, and each name once', async () => {
    const runner = new DenseRunner();
    const model = classifier();
    // In 255 steps of 10 / 255 from 0 the bias 1 is 25.5 steps, and no multiple.
    model.layer('classes').setWeight('bias', Tensor.fromNumbers('float32', [2], [1, 10]));
    const report = await evaluateModel(model, {
      runner,
      inputs: [ROWS],
      quantizers: ['tfjs-uint8', 'tfjs-uint8-kernels', 'tfjs-uint8'],
      layers: true,
    });
    expect(report.models.map(({ quantizer }) => quantizer)).toEqual([
      null,
      'tfjs-uint8',
      'tfjs-uint8-kernels',
    ]);
    const biases = runner.ran.map((one) => one.layer('classes').requireWeight('bias'));
    expect(biases[1]).not.toBe(biases[0]);
    expect(biases[2]).toBe(biases[0]);
    expect(report.layers.map(({ quantizer, weight }) => `${quantizer} ${weight}`).sort()).toEqual([
      'tfjs-uint8 bias',
      'tfjs-uint8 kernel',
      'tfjs-uint8-kernels kernel',
    ]);
  });

  it('refuses names that there are not, and a runner and inputs that are none', async () => {
    const runner = new DenseRunner();
    const options = { runner, inputs: [ROWS], quantizers: [] };
    await expect(
      evaluateModel(classifier(), { ...options, quantizers: ['int9' as 'tfjs-uint8'] }),
    ).rejects.toThrow(/there is no quantization int9; there are int8-per-tensor, /);
    await expect(evaluateModel(classifier(), { ...options, runner: {} as DenseRunner })).rejects.toThrow(
      /expected a ModelRunner/,
    );
    expect(runner.ran).toEqual([]);
  });
});

describe('notes', () => {
  it('name the layers whose weights stay in float, and how many there are', async () => {
    const model = buildModel([
      input('words', [3]),
      layer('Embedding', 'table', { input_dim: 4, output_dim: 2 }),
      layer('Flatten', 'flat'),
    ]);
    model.layer('table').weights.set('embeddings', Tensor.of('float32', [4, 2], new Float32Array(8)));
    const { notes, layers } = evaluateWeights(model, ['int8-per-tensor', 'tfjs-uint8'], 'no runner');
    expect(notes).toEqual([
      'not run: no runner',
      'int8-per-tensor: only kernels of convolutions and Dense are quantized',
      '8 of 8 parameters stay in float besides biases and batch norms: table (Embedding)',
    ]);
    expect(layers.map(({ quantizer, weight }) => `${quantizer} ${weight}`)).toEqual([
      'tfjs-uint8 embeddings',
    ]);
    expect(evaluateWeights(model, ['tfjs-uint8'], 'no runner').notes).toHaveLength(1);
  });

  it('tell of weights that were quantized before, of the model and of what it is compared with', async () => {
    const kernel = Array.from({ length: 64 }, (_, index) => Math.sin(index) * 2 + 0.3);
    const model = buildModel([
      input('row', [8]),
      layer('Dense', 'classes', { units: 8 }, { weights: { kernel } }),
    ]);
    const quantized = fakeQuantize(model, QUANTIZER_PRESETS['tfjs-uint8']);
    const rows = Tensor.of('float32', [1, 8], new Float32Array(8).fill(1));
    const runner: ModelRunner = { run: async () => [Tensor.of('float32', [1, 8], new Float32Array(8))] };
    const evaluated = async (one: Model, original: Model): Promise<readonly string[]> =>
      (await evaluateModel(one, { runner, inputs: [rows], original, quantizers: [] })).notes;
    const told = (notes: readonly string[]): string[] =>
      notes.flatMap(
        (note) => /^the (original|model) was quantized before: .* classes \(Dense\)/.exec(note)?.[1] ?? [],
      );
    expect(told(await evaluated(model, model))).toEqual([]);
    expect(told(await evaluated(quantized, quantized))).toEqual(['original']);
    expect(told(await evaluated(quantized, model))).toEqual(['model']);
    expect(told(await evaluated(model, quantized))).toEqual(['original']);
  });
});
