import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadModel } from '../../src/node.ts';
import type { StepRecord } from '../../src/primitives/equalize-model.ts';
import { allIn } from '../../src/primitives/pass.ts';
import type { TargetReport } from '../../src/report/equalize-for-target.ts';
import { type CommandResult, NODE, crosslayer as started } from '../support/command.ts';
import { crosslayer } from '../support/shared-command.ts';

const COMMAND = new URL('../../dist/cli/main.js', import.meta.url).pathname;
const GOLDEN = new URL('../fixtures/golden/', import.meta.url).pathname;
const EXAMPLE = new URL('../../examples/fashion-mobilenetv2.keras', import.meta.url).pathname;
const FORMATS = new URL('../fixtures/formats/', import.meta.url).pathname;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-cli-'));

afterAll(() => fs.rmSync(folder, { recursive: true }));

const golden = (name: string): string => path.join(GOLDEN, name, 'input.h5');
const output = (name: string): string => path.join(folder, name);

describe('equalize', () => {
  test('writes the result and says what was done', async () => {
    const out = output('chain.h5');
    const { code, stdout, stderr } = await started(
      ...['equalize', golden('conv_bn_relu_chain'), '-o', out, '--recipe', 'reference'],
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/3 of 3 batch norms folded/);
    expect(stdout).toMatch(/2 sets of layers scaled \(3 layers\)/);
    expect(stdout).toMatch(/largest spread of channel ranges/);
    expect(fs.readFileSync(out).subarray(1, 4).toString()).toBe('HDF');
  });

  test('--json prints one object with everything', async () => {
    const { code, stdout } = await crosslayer(
      'equalize',
      golden('dw_pw_relu'),
      '-o',
      output('dw.h5'),
      '--json',
      '--recipe',
      'reference',
    );
    expect(code).toBe(0);
    const report = JSON.parse(stdout);
    expect(report.schemaVersion).toBe(2);
    const [, { folded }, { clsSets, left }] = report.passes;
    expect(report.passes.map(({ pass }: { pass: string }) => pass)).toEqual([
      'relu6',
      'fold',
      'scale',
      'bias',
    ]);
    expect(folded).toEqual(
      [
        ['conv0', 'bn0'],
        ['dw0', 'bn_dw0'],
        ['pw0', 'bn_pw0'],
        ['dw1', 'bn_dw1'],
        ['pw1', 'bn_pw1'],
      ].map(([layer, batchNorm]) => ({ layer, batchNorm, direction: 'backward' })),
    );
    expect(clsSets.map((set: { layers: string[] }) => set.layers)).toEqual([
      ['conv0', 'dw0', 'pw0'],
      ['pw0', 'dw1', 'pw1'],
    ]);
    expect(clsSets[0].scaleFactors.length).toBe(2);
    expect(clsSets[0].reluBetween).toEqual([true, true]);
    expect(left).toContainEqual({
      code: 'layer-kind',
      layers: ['head'],
      className: 'Dense',
      message: 'head is not scaled: the sets take no Dense',
    });
    expect(report.dropped).toEqual([]);
  });

  test('without --recipe it is for a target, int8-per-tensor if none is named', async () => {
    const run = async (...options: string[]): Promise<string> => {
      const args = [
        'equalize',
        EXAMPLE,
        '-o',
        output('target.keras'),
        '--samples',
        '1',
        '--force',
        ...options,
      ];
      const { code, stdout, stderr } = await crosslayer(...args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return stdout;
    };
    const reported = async (...options: string[]): Promise<TargetReport> =>
      JSON.parse(await run('--json', ...options));
    const stdout = await run();
    const report = await reported();
    expect(stdout).toMatch(/written, for int8-per-tensor/);
    expect(stdout).toMatch(/scale: same function/);
    expect(stdout).toMatch(/SQNR of kernels on the grid of int8-per-tensor/);
    expect(report).toMatchObject({ schemaVersion: 2, target: 'int8-per-tensor', relu6: 'exact' });
    expect(report.passes.map(({ pass }) => pass)).toEqual(['fold', 'scale', 'correct']);
    expect(allIn(report.passes, 'regions').length).toBeGreaterThan(10);
    expect(allIn(report.passes, 'caps').length).toBeGreaterThan(10);
    const worst = (list: TargetReport['weightSqnr']['before']): number =>
      Math.min(...list.map(({ sqnr }) => sqnr));
    expect(worst(report.weightSqnr.after)).toBeGreaterThan(worst(report.weightSqnr.before));
    const tfjs = await reported('--target', 'tfjs-uint8', '--no-correction', '--rounding', 'nearest');
    expect(tfjs.passes.map(({ pass }) => pass)).toEqual(['carry']);
    expect(allIn(tfjs.passes, 'carried').length).toBeGreaterThan(10);
    expect(await reported('--target', 'float', '--relu6', 'keep')).toMatchObject({
      passes: [{ pass: 'fold' }, { pass: 'scale', caps: [], addedLayers: 0 }],
    });
  });

  test.each([
    [['--recipe', 'target', '--steps', 'fold'], /--steps: are those of --recipe reference/],
    [
      ['--steps', 'fold', '--target', 'float'],
      /--target: the steps of the reference have no such option; leave out --recipe/,
    ],
    [['--no-verify', '--strict'], /--no-verify: without a run there is nothing for --strict/],
    [
      ['--target', 'int4'],
      /Allowed choices are int8-per-tensor, int8-per-tensor-symmetric, tfjs-uint8, int8-per-channel, float/,
    ],
  ])('%j is wrong usage', async (options, message) => {
    const out = output('usage.h5');
    const { code, stderr } = await crosslayer('equalize', golden('dw_pw_relu'), '-o', out, ...options);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(fs.existsSync(out)).toBe(false);
  });

  test('--verbose tells why a normalization was guessed, and no other line is as long', async () => {
    const short = await crosslayer('verify', EXAMPLE, EXAMPLE, '--samples', '1');
    expect(short.stdout).toMatch(
      /^inputs: 1 seeded sample: the range of pixels as .* \(guessed; --normalize overrides it\)$/m,
    );
    expect(short.stdout.split('\n').filter((line) => line.length > 160)).toEqual([]);
    const long = await crosslayer('verify', EXAMPLE, EXAMPLE, '--samples', '1', '--verbose');
    expect(long.stdout).toMatch(
      /overrides it\), because the statistics of bn_Conv1 say that inputs were about /,
    );
    const json = await crosslayer('verify', EXAMPLE, EXAMPLE, '--samples', '1', '--json');
    expect(JSON.parse(json.stdout).inputsDescription).toContain(', because the statistics of bn_Conv1 ');
  });

  test('names layers of nested models outer/inner', async () => {
    const { stdout } = await crosslayer(
      'equalize',
      golden('nested_model'),
      '-o',
      output('nested.h5'),
      '--json',
    );
    const folded = allIn(JSON.parse(stdout).passes as StepRecord[], 'folded');
    expect(folded).toContainEqual({ layer: 'inner/iconv0', batchNorm: 'inner/ibn0', direction: 'backward' });
  });

  test('--steps runs the steps that it names', async () => {
    const out = output('steps.h5');
    const { stdout } = await crosslayer(
      'equalize',
      golden('act_relu6_string'),
      '-o',
      out,
      '--steps',
      'fold',
      '--json',
    );
    const [fold, ...others] = JSON.parse(stdout).passes;
    expect(fold.pass).toBe('fold');
    expect(fold.folded.length).toBe(2);
    expect(others).toEqual([]);
  });

  test('overwrites only with --force', async () => {
    const out = output('kept.h5');
    fs.writeFileSync(out, 'precious');
    const refused = await crosslayer('equalize', golden('conv_bn_relu_chain'), '-o', out);
    expect(refused.code).toBe(3);
    expect(refused.stderr).toMatch(/kept\.h5.*--force|force/);
    expect(fs.readFileSync(out, 'utf8')).toBe('precious');
    const forced = await crosslayer('equalize', golden('conv_bn_relu_chain'), '-o', out, '--force');
    expect(forced.code).toBe(0);
    expect(fs.statSync(out).size).toBeGreaterThan(1000);
  });

  test('equalizes a file onto itself with --force', async () => {
    const file = output('itself.h5');
    fs.copyFileSync(golden('conv_bn_relu_chain'), file);
    const refused = await crosslayer('equalize', file, '-o', file);
    expect(refused.code).toBe(3);
    expect(fs.readFileSync(file)).toEqual(fs.readFileSync(golden('conv_bn_relu_chain')));
    expect((await crosslayer('equalize', file, '-o', file, '--force')).code).toBe(0);
    const again = await crosslayer('inspect', file, '--json');
    expect(JSON.parse(again.stdout).batchNorms).toEqual([]);
  });
});

describe('inspect', () => {
  test('ranks tensors beside kernels, where the target has activations of 8 bits', async () => {
    const file = golden('conv_bn_relu_chain');
    const { stdout } = await crosslayer('inspect', file);
    expect(stdout).toMatch(/^which layer hurts: .* with int8-per-tensor weights and activations of 8 bits$/m);
    expect(stdout).toMatch(/^ {2}output of \S+ +\d/m);
    const { damage } = JSON.parse((await crosslayer('inspect', file, '--json')).stdout);
    const all: { before: { share: number } | null }[] = [...damage.layers, ...damage.tensors];
    expect(damage.tensors[0]).toMatchObject({ layer: expect.any(String), tensor: expect.any(String) });
    expect(damage.tensors[0].before).toMatchObject({ min: expect.any(Number), max: expect.any(Number) });
    expect(all.reduce((sum, { before }) => sum + (before?.share ?? 0), 0)).toBeCloseTo(1, 9);
    const floats = await crosslayer('inspect', file, '--target', 'tfjs-uint8');
    expect(floats.stdout).toMatch(/^which layer hurts: .* with tfjs-uint8 weights$/m);
    expect(floats.stdout).not.toMatch(/output of/);
  });

  test('shows layers, batch norms and sets', async () => {
    const { code, stdout } = await started('inspect', golden('bn_first_conv_same'));
    expect(code).toBe(0);
    expect(stdout).toMatch(/bn_a +BatchNormalization .* stays/);
    expect(stdout).toMatch(/bn_a stays: conv_a pads with zeros \(same\)/);
  });

  test('--json has the same for programs', async () => {
    const { stdout } = await crosslayer('inspect', golden('conv_bn_relu_chain'), '--json');
    const report = JSON.parse(stdout);
    expect(report.batchNorms[0]).toEqual({ bn: 'bn0', into: 'conv0', direction: 'backward', reason: null });
    expect(report.clsSets).toContainEqual({ layers: ['conv0', 'conv1'], reluBetween: [true] });
    const conv = report.layers.find(({ layer }: { layer: string }) => layer === 'conv0');
    expect(conv.outputShape[0]).toBeNull();
    expect(conv.rangeSpread).toBeGreaterThan(1);
  });
});

describe('convert', () => {
  test.each([
    [['--weights', 'bfloat16', '-o', 'x.h5'], /--weights bfloat16: Keras reads it from \.keras files alone/],
    [
      ['--weights', 'float16', '-o', 'web'],
      /--weights float16: .*; for TF\.js run crosslayer quantize --dtype float16 -o web/,
    ],
    [['--weights', 'int8', '-o', 'x.keras'], /choices are float32, float16, bfloat16/],
  ])('%j is wrong usage', async (args, message) => {
    const { code, stderr } = await crosslayer('convert', golden('conv_bn_relu_chain'), ...args);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) });
  });

  test('--weights float16 writes half floats', async () => {
    const out = output('half.keras');
    const { code } = await crosslayer(
      'convert',
      golden('conv_bn_relu_chain'),
      '-o',
      out,
      '--weights',
      'float16',
    );
    expect(code).toBe(0);
    const model = await loadModel(out);
    expect(
      model.layers.flatMap(({ weights }) => [...weights.values()].map(({ dtype }) => dtype)),
    ).not.toContain('float32');
  });

  test('the ending decides the format, and the way back loses nothing', async () => {
    const keras = output('converted.keras');
    const back = output('back.h5');
    expect((await started('convert', golden('residual_proj'), '-o', keras)).code).toBe(0);
    expect(fs.readFileSync(keras).subarray(0, 2).toString()).toBe('PK');
    expect((await crosslayer('convert', keras, '-o', back)).code).toBe(0);
    const layers = async (file: string): Promise<unknown> =>
      JSON.parse((await crosslayer('inspect', file, '--json')).stdout).layers;
    expect(await layers(back)).toEqual(await layers(golden('residual_proj')));
  });

  test('writes a folder for TF.js', async () => {
    const out = output('web-model');
    const { code, stdout } = await crosslayer('convert', golden('conv_bn_relu_chain'), '-o', out);
    expect(code).toBe(0);
    expect(stdout).toMatch(/web-model.* written/);
    expect(fs.readdirSync(out).sort()).toEqual(['group1-shard1of1.bin', 'model.json']);
  });

  test('HDF5 that an older Keras named .keras becomes a .keras file, but equalize keeps it', async () => {
    const old = path.join(FORMATS, 'tfkeras-2.12/sequential.hdf5.keras');
    const converted = output('old.keras');
    const equalized = output('old-equalized.keras');
    expect((await crosslayer('convert', old, '-o', converted)).code).toBe(0);
    expect(fs.readFileSync(converted).subarray(0, 2).toString()).toBe('PK');
    expect((await crosslayer('equalize', old, '-o', equalized)).code).toBe(0);
    expect(fs.readFileSync(equalized).subarray(1, 4).toString()).toBe('HDF');
  });

  test('--keras says which Keras the file is for', async () => {
    const three = path.join(FORMATS, 'keras-3.15.1/sequential.keras');
    const out = output('two.h5');
    const configOf = (): string => fs.readFileSync(out).toString('latin1');
    expect((await crosslayer('convert', three, '-o', out, '--keras', '2')).code).toBe(0);
    expect(configOf()).toContain('"batch_input_shape"');
    expect((await crosslayer('convert', out, '-o', out, '--keras', '3', '--force')).code).toBe(0);
    expect(configOf()).toContain('"batch_shape"');
    expect(configOf()).not.toContain('"batch_input_shape"');
    const two = path.join(FORMATS, 'tfkeras-2.15/sequential.keras');
    expect((await crosslayer('convert', two, '-o', output('two.keras'), '--keras', '2')).code).toBe(0);
  });

  test.each([
    [
      '.keras for Keras 2',
      'refused.keras',
      '2',
      /--keras 2: a \.keras file can only be made for Keras 3; .* \.h5/,
    ],
    ['TF.js', 'refused-folder', '3', /--keras 3: TF\.js models are of no version of Keras; leave/],
    ['no Keras', 'refused.h5', '4', /Allowed choices are 2, 3/],
  ])('--keras is wrong usage: %s', async (_, name, keras, message) => {
    const input = path.join(FORMATS, 'keras-3.15.1/sequential.keras');
    const { code, stdout, stderr } = await crosslayer('convert', input, '-o', output(name), '--keras', keras);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(fs.existsSync(output(name))).toBe(false);
  });
});

describe('exit codes', () => {
  test('0 for --help, which lists them', async () => {
    const { code, stdout } = await started('--help');
    expect(code).toBe(0);
    for (const listed of ['0 ', '1 ', '2 ', '3 ', '70 ']) expect(stdout).toContain(`\n  ${listed}`);
  });

  test.each([
    ['no command', []],
    ['an unknown command', ['equalise']],
    ['an unknown flag', ['inspect', golden('single_conv'), '--jsn']],
    ['no output', ['convert', golden('conv_bn_relu_chain')]],
    [
      'an unknown step',
      ['equalize', golden('conv_bn_relu_chain'), '-o', output('none.h5'), '--steps', 'fold,cle'],
    ],
    ['one argument too many', ['verify', golden('conv_bn_relu_chain'), golden('conv_bn_relu_chain'), 'more']],
  ])('2 for %s', async (_, args) => {
    const { code, stdout, stderr } = await started(...args);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).not.toBe('');
  });

  test.each([
    [
      'an input that does not exist',
      [path.join(folder, 'missing.keras'), '-o', output('a.keras')],
      /missing\.keras/,
    ],
    ['a text', [path.join(FORMATS, 'refused/text.h5'), '-o', output('b.h5')], /text\.h5/],
    [
      'weights without a model',
      [path.join(FORMATS, 'refused/keras3.weights.h5'), '-o', output('c.h5')],
      /weights/,
    ],
    [
      'a folder that does not exist',
      [golden('conv_bn_relu_chain'), '-o', path.join(folder, 'no/where.h5')],
      /no/,
    ],
  ])('3 for %s', async (_, args, message) => {
    const { code, stdout, stderr } = await started('equalize', ...args);
    expect(code).toBe(3);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
    expect(fs.existsSync(String(args[2]))).toBe(false);
  });
});

test('a reader that stops early is no error', async () => {
  const { code, stderr } = await new Promise<CommandResult>((resolve) => {
    const child = execFile(NODE, [COMMAND, 'inspect', golden('residual_proj'), '--json'], (error, _, text) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout: '', stderr: text }),
    );
    child.stdout?.destroy();
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

test('models of TF.js in one folder keep their shards apart', async () => {
  const shared = output('two-models');
  fs.mkdirSync(shared);
  for (const name of ['conv_bn_relu_chain', 'residual_proj']) {
    const { code } = await crosslayer('convert', golden(name), '-o', path.join(shared, `${name}.json`));
    expect(code).toBe(0);
  }
  expect(fs.readdirSync(shared).sort()).toEqual([
    'conv_bn_relu_chain-group1-shard1of1.bin',
    'conv_bn_relu_chain.json',
    'residual_proj-group1-shard1of1.bin',
    'residual_proj.json',
  ]);
  expect((await crosslayer('inspect', path.join(shared, 'conv_bn_relu_chain.json'))).code).toBe(0);
});

test.each(['equalize', 'convert', 'quantize'])(
  '%s says that the name of the output is empty',
  async (command) => {
    const { code, stderr } = await crosslayer(command, 'in.h5', '-o', '');
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /'-o, --output <.*>' argument '' is invalid\. It is empty; name a file or a folder\./,
    );
  },
);
