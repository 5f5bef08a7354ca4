import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readTflite } from '../../src/formats/tflite/read.ts';
import { saveModel } from '../../src/node.ts';
import type { TfliteReport } from '../../src/report/tflite-report.ts';
import type { CommandResult } from '../support/command.ts';
import { buildModel, input, type LayerSpec, layer } from '../support/model-builder.ts';
import { crosslayer } from '../support/shared-command.ts';

const EXAMPLE = new URL('../../examples/fashion-mobilenetv2.keras', import.meta.url).pathname;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-tflite-'));

afterAll(() => fs.rmSync(folder, { recursive: true }));

let runs = 0;
const newName = (): string => path.join(folder, `model-${runs++}.tflite`);

async function quantize(
  model: string,
  ...options: string[]
): Promise<CommandResult & { readonly out: string }> {
  const out = newName();
  return { ...(await crosslayer('quantize', model, '-o', out, ...options)), out };
}

async function reported(model: string, ...options: string[]): Promise<TfliteReport & { out: string }> {
  const { code, stdout, stderr, out } = await quantize(model, '--json', ...options);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return { ...JSON.parse(stdout), out };
}

async function saved(name: string, layers: readonly LayerSpec[]): Promise<string> {
  const file = path.join(folder, `${name}.h5`);
  await saveModel(buildModel(layers), file);
  return file;
}

describe('quantize -o model.tflite', () => {
  it('writes a file in whole numbers and proves it by running it', async () => {
    const { code, stdout, stderr, out } = await quantize(EXAMPLE, '--samples', '500');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(
      /^ {2}size {5}1\.88 MB -> 50\d kB \(26\.\d %\), int8 weights per-channel, int8 inputs and outputs$/m,
    );
    expect(stdout).toMatch(/^ {2}operators 65: 35 CONV_2D, 17 DEPTHWISE_CONV_2D, 10 ADD, /m);
    expect(stdout).toMatch(
      /^ {2}ranges {3}of 65 tensors: 1 of the input, 64 from statistics of batch norms$/m,
    );
    expect(stdout).toMatch(/^ {2}the file, run by LiteRT beside the float model:\n {4}on 500 samples/m);
    const [, before, after] = /accuracy (\S+) % -> (\S+) %/.exec(stdout) ?? [];
    expect(Number(before)).toBeGreaterThan(91.9);
    // 91.9 % were seen, without data.
    expect(Number(after)).toBeGreaterThan(91.5);
    const { inputs, outputs, tensors } = readTflite(out, new Uint8Array(fs.readFileSync(out)));
    expect([...inputs, ...outputs].map(({ name }) => name)).toEqual(['image', 'predictions']);
    expect(tensors.some(({ type }) => type === 'float32')).toBe(false);

    const same = await crosslayer(
      'verify',
      EXAMPLE,
      out,
      '--inputs',
      `${EXAMPLE}.samples.npz`,
      '--samples',
      '100',
    );
    expect(same).toMatchObject({ code: 0, stderr: '' });
    expect(same.stdout).toMatch(/^predictions .* 9\d\.?\d* %.* same$/m);
    expect(same.stdout).not.toMatch(/tolerance/);
    expect(same.stdout).toMatch(/^works with 8 bits: SQNR of every output >= 10 dB \(LiteRT\)$/m);
    const other = await saved('other', [
      input('in', [32, 32, 1]),
      layer('Flatten', 'flat'),
      layer('Dense', 'dense', { units: 10 }),
    ]);
    const differs = await crosslayer('verify', other, out);
    expect(differs).toMatchObject({ code: 1, stderr: '' });
    expect(differs.stdout).toMatch(
      /^different: dense: its SQNR is \S+ dB; with 8 bits it should be 10 dB or more$/m,
    );
    const strictly = await crosslayer('verify', EXAMPLE, out, '--rtol', '0.001', '--samples', '2');
    expect(strictly.code).toBe(1);
    expect(strictly.stdout).toMatch(
      /^different: predictions differs by .* of its largest value, and allowed is 0\.001 of it/m,
    );
    const misfit = await saved('misfit', [input('in', [9]), layer('Dense', 'dense', { units: 10 })]);
    const refused = await crosslayer('verify', misfit, out);
    expect(refused.code).toBe(1);
    expect(refused.stdout).toMatch(/not verified: the candidate cannot be run: image: an input of \[4, 9\]/);
  });

  it('has one scale for each kernel where hardware has no other, and any type at the ends', async () => {
    const report = await reported(EXAMPLE, '--weights', 'per-tensor', '--io', 'float32', '--samples', '100');
    expect(report).toMatchObject({
      schemaVersion: 1,
      weights: 'per-tensor',
      io: 'float32',
      notVerified: null,
    });
    expect(report.operators).toContainEqual({ op: 'MINIMUM', count: 35 });
    expect(report.notTaken).toContainEqual(
      expect.objectContaining({ hardware: 'XNNPACK', op: 'MINIMUM', layers: expect.any(Array) }),
    );
    // Floats at the ends are for a processor.
    const others = report.notTaken.filter(({ hardware }) => hardware !== 'XNNPACK');
    expect(others.map(({ hardware, op }) => `${hardware} ${op}`)).toEqual([
      'Ethos-U QUANTIZE',
      'Ethos-U DEQUANTIZE',
    ]);
    expect(report.check?.outputs[0]?.sqnrDb).toBeGreaterThan(18);
    expect(report.check?.outputs[0]?.top1Agreement).toBeGreaterThan(0.95);
    const { tensors, inputs, outputs } = readTflite('', new Uint8Array(fs.readFileSync(report.out)));
    for (const { tensor } of [...inputs, ...outputs]) expect(tensors[tensor]?.type).toBe('float32');
    for (const { quantization } of tensors) expect(quantization?.scales.length ?? 1).toBe(1);
  });

  it('measures ranges on inputs that are named, and says so', async () => {
    const inputs = ['--inputs', `${EXAMPLE}.samples.npz`, '--samples', '16'];
    const { code, stdout } = await quantize(EXAMPLE, ...inputs, '--weights', 'per-tensor');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}ranges {3}of 65 tensors: 65 from the inputs$/m);
    const report = await reported(EXAMPLE, ...inputs);
    expect(new Set(report.ranges.map(({ source }) => source))).toEqual(new Set(['samples']));
    expect(report.check?.outputs[0]?.sqnrDb).toBeGreaterThan(18);
  });

  it('tells which ranges are guessed', async () => {
    const file = await saved('plain', [
      input('in', [8, 8, 3]),
      layer('Conv2D', 'conv', { filters: 4, kernel_size: 3, activation: 'relu' }),
      layer('GlobalAveragePooling2D', 'pool'),
    ]);
    const { code, stdout } = await quantize(file);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}guessed from made-up inputs: .*--inputs has them measured on real ones$/m);
    expect(stdout).toMatch(/^ {4}SQNR \d\d\.\d dB/m);
    const { code: unseen, stdout: text } = await quantize(file, '--no-verify');
    expect(unseen).toBe(0);
    expect(text).not.toMatch(/run by LiteRT/);
  });

  it('is a failure with --strict where too little is left of the model, as verify finds it', async () => {
    // A batch norm with the variance of other data: the ranges that follow from it clip nearly all.
    const strictly = async (name: string, variance: number): Promise<[code: number, isFar: boolean]> => {
      const statistics = { gamma: [1], beta: [0], movingMean: [0], movingVariance: [variance] };
      const file = await saved(name, [
        input('in', [8, 8, 3]),
        layer('Conv2D', 'conv', { filters: 1, kernel_size: 3, use_bias: false }),
        layer('BatchNormalization', 'bn', {}, { weights: statistics }),
      ]);
      const { code, stdout } = await quantize(file, '--strict');
      return [code, /^ {2}that is far from the float model: .*; --inputs has ranges/m.test(stdout)];
    };
    expect(await strictly('works', 1)).toEqual([0, false]);
    expect(await strictly('clips', 1e-9)).toEqual([1, true]);
  });

  const mixed = [
    input('in', [8, 8, 3]),
    layer('Conv2D', 'conv', { filters: 4, kernel_size: 3, activation: 'gelu' }),
    layer('GlobalAveragePooling2D', 'pool'),
    layer('Dense', 'classes', { units: 5 }),
  ];

  it('leaves layers without an int8 kernel in float where it is allowed, and names them', async () => {
    const file = await saved('mixed', mixed);
    const refused = await quantize(file);
    expect(refused).toMatchObject({ code: 3, stdout: '' });
    expect(refused.stderr).toMatch(/conv_activation \(Activation\): the activation gelu .*--allow-float/);
    const { code, stdout, stderr, out } = await quantize(file, '--allow-float');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^ {2}in float 1 layer: conv_activation$/m);
    expect(stdout).toMatch(
      /^ {2}not for Ethos-U: 1 DEQUANTIZE, 1 GELU, 1 QUANTIZE \(it computes in whole numbers alone\)$/m,
    );
    expect(Number(/SQNR (\S+) dB/.exec(stdout)?.[1])).toBeGreaterThan(25);
    const { inputs, outputs, tensors } = readTflite(out, new Uint8Array(fs.readFileSync(out)));
    for (const { tensor } of [...inputs, ...outputs]) expect(tensors[tensor]?.type).toBe('int8');
  });

  it('writes a file in float that computes what the model does', async () => {
    const file = await saved('float', mixed);
    const report = await reported(file, '--float');
    expect(report).toMatchObject({ float: true, io: 'float32', ranges: [], inFloat: [], notTaken: [] });
    // Sums in another order leave about 130 dB.
    expect(report.check?.outputs[0]?.sqnrDb).toBeGreaterThan(100);
    const verified = await crosslayer('verify', file, report.out);
    expect(verified).toMatchObject({ code: 0, stdout: expect.stringMatching(/^same function: max/m) });
    const { tensors } = readTflite('', new Uint8Array(fs.readFileSync(report.out)));
    expect(tensors.some(({ type }) => type === 'int8')).toBe(false);
    const { code, stderr, out } = await quantize(file, '--float', '--io', 'int8', '--rounding', 'nearest');
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--io int8, --rounding: with --float nothing is rounded/),
    });
    expect(fs.existsSync(out)).toBe(false);
  });

  it('gives Dense layers one scale where that is asked for, and writes a page of all that', async () => {
    const file = await saved('dense', mixed);
    const page = path.join(folder, 'dense.html');
    const report = await reported(file, '--dense', 'per-tensor', '--allow-float', '--report', page);
    expect(report).toMatchObject({ weights: 'per-channel', dense: 'per-tensor' });
    expect(report.notTaken.filter(({ op }) => op === 'FULLY_CONNECTED')).toEqual([]);
    const { tensors } = readTflite('', new Uint8Array(fs.readFileSync(report.out)));
    const scales = new Map(tensors.map(({ name, quantization }) => [name, quantization?.scales.length]));
    expect([scales.get('conv/kernel'), scales.get('classes/kernel')]).toEqual([4, 1]);
    const html = fs.readFileSync(page, 'utf8');
    expect(html).toContain('weights per-channel, of Dense layers per-tensor, int8 inputs and outputs');
    expect(html).toContain('Layers that stay in float');
    const { out: _, output: __, ...whole } = { output: '', ...report };
    expect(JSON.parse(/id="report">(.*?)<\/script>/.exec(html)?.[1] ?? '')).toEqual(whole);
  });

  const bad: readonly (readonly [
    what: string,
    layers: readonly LayerSpec[],
    options: string[],
    message: RegExp,
  ])[] = [
    [
      'a layer without kernels',
      [input('in', [5, 3]), layer('GRU', 'gru', { units: 2, reset_after: true })],
      [],
      /gru \(GRU\): recurrent layers/,
    ],
    ['open sizes', [input('in', [null, null, 3]), layer('ReLU', 'relu')], [], /in.*--input-shape/],
    [
      'a shape that does not fit',
      [input('in', [8, 8, 3]), layer('ReLU', 'relu')],
      ['--input-shape', '9x8x3'],
      /--input-shape: in: 9 x 8 x 3 for an input of 8 x 8 x 3/,
    ],
    [
      'options of TF.js models',
      [input('in', [8]), layer('ReLU', 'relu')],
      ['--dtype', 'uint8'],
      /--dtype: it is for TF.js models/,
    ],
    [
      'options of TF.js models that say no',
      [input('in', [8]), layer('ReLU', 'relu')],
      ['--no-prepare'],
      /--no-prepare: it is for TF.js models/,
    ],
  ];
  for (const [what, layers, options, message] of bad) {
    it(`writes nothing for ${what}, and says why`, async () => {
      const file = await saved(what.replaceAll(' ', '-'), layers);
      const { code, stdout, stderr, out } = await quantize(file, ...options);
      expect(code).toBe(options.length > 0 ? 2 : 3);
      expect(stdout).toBe('');
      expect(stderr).toMatch(message);
      expect(fs.existsSync(out)).toBe(false);
    });
  }

  it('takes the sizes that the model leaves open', async () => {
    const file = await saved('open', [
      input('in', [null, null, 3]),
      layer('Conv2D', 'conv', { filters: 4, kernel_size: 3 }),
      layer('GlobalAveragePooling2D', 'pool'),
    ]);
    const { code, stdout, out } = await quantize(file, '--input-shape', '16x12x3');
    expect({ code, lines: stdout.split('\n').length > 4 }).toEqual({ code: 0, lines: true });
    const { tensors, inputs } = readTflite(out, new Uint8Array(fs.readFileSync(out)));
    expect(tensors[inputs[0]!.tensor]?.shape).toEqual([1, 16, 12, 3]);
  });

  it('replaces a file only where it is told to, and leaves what was there where it cannot be written', async () => {
    const file = await saved('again', [input('in', [8]), layer('Dense', 'dense', { units: 4 })]);
    const out = newName();
    fs.writeFileSync(out, 'mine');
    expect(await crosslayer('quantize', file, '-o', out)).toMatchObject({ code: 3, stdout: '' });
    expect(fs.readFileSync(out, 'utf8')).toBe('mine');
    expect(await crosslayer('quantize', file, '-o', out, '--force')).toMatchObject({ code: 0 });
    expect(fs.readFileSync(out, 'latin1').slice(4, 8)).toBe('TFL3');
  });

  it('is for .tflite files alone', async () => {
    const file = await saved('web', [input('in', [8]), layer('Dense', 'dense', { units: 4 })]);
    const { code, stderr } = await crosslayer(
      'quantize',
      file,
      '-o',
      path.join(folder, 'web'),
      '--io',
      'int8',
    );
    expect({ code, stderr }).toMatchObject({ code: 2 });
    expect(stderr).toMatch(/--io: it is for \.tflite files/);
  });
});

describe('a model with calls in training mode', () => {
  it('is written in inference mode, with a note, and not verified', async () => {
    const model = buildModel([
      input('in', [6]),
      layer('Dense', 'dense', { units: 3 }),
      layer('Dropout', 'drop', { rate: 0.5 }),
      layer('Dense', 'head', { units: 2 }),
    ]);
    for (const call of model.calls)
      if (call.layer.name === 'drop') call.kwargs = { training: { value: true } };
    const file = path.join(folder, 'always-on.keras');
    await saveModel(model, file);
    const { code, stdout } = await quantize(file);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}operators 2: 2 FULLY_CONNECTED$/m);
    expect(stdout).toMatch(
      /^ {2}note: drop \(Dropout\): called in training mode, in which it is random; the file runs it in inference mode/m,
    );
    expect(stdout).toMatch(/^ {2}not verified: drop: Dropout cannot be run: in training mode/m);
  });
});
