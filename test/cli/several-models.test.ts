import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { crosslayerIn } from '../support/shared-command.ts';

const MODEL = new URL('../fixtures/golden/conv_bn_relu_chain/input.h5', import.meta.url).pathname;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-several-'));
const at = (name: string): string => path.join(folder, name);
const run = (...args: string[]): ReturnType<typeof crosslayerIn> => crosslayerIn(folder, ...args);

for (const name of ['a.h5', 'b.h5', 'other/a.h5', 'other/A.hdf5']) {
  fs.mkdirSync(path.dirname(at(name)), { recursive: true });
  fs.copyFileSync(MODEL, at(name));
}
fs.writeFileSync(at('broken.h5'), 'no model');

beforeEach(() => fs.rmSync(at('out'), { recursive: true, force: true }));

afterAll(() => fs.rmSync(folder, { recursive: true }));

test('each is equalized into the folder under its name, and one that fails stops no other', async () => {
  const { code, stdout, stderr } = await run('equalize', 'a.h5', 'broken.h5', 'b.h5', '-o', 'out/deep');
  expect(code).toBe(3);
  expect(stderr).toMatch(/^crosslayer: broken\.h5: [^\n]+\n$/);
  expect(fs.readdirSync(at('out/deep')).sort()).toEqual([
    'a.h5',
    'a.h5.crosslayer.json',
    'b.h5',
    'b.h5.crosslayer.json',
  ]);
  for (const name of ['a.h5', 'b.h5']) {
    expect(stdout).toContain(`${path.join('out/deep', name)} written, for int8-per-tensor\n`);
  }
  const summary = stdout.trimEnd().split('\n').slice(-4);
  expect(summary[0]).toBe('3 models, 1 failed');
  expect(summary[1]).toMatch(/^a\.h5 +done: out.deep.a\.h5, steps proven$/);
  expect(summary[2]).toMatch(/^broken\.h5 +failed: broken\.h5: /);
  expect(summary[3]).toMatch(/^b\.h5 +done: /);
});

test('without -o each comes beside its input, and what is there already is no input the next time', async () => {
  const options = ['--no-verify', '--no-sidecar', '--force'];
  expect((await run('equalize', 'a.h5', 'b.h5', ...options)).code).toBe(0);
  const names = ['a.equalized.h5', 'a.h5', './b.equalized.h5', 'b.h5'];
  const again = await run('equalize', ...names, ...options);
  expect(again).toMatchObject({ code: 0, stderr: '' });
  expect(again.stdout).toMatch(
    /\n2 models\na\.h5 .*\nb\.h5 .*\na\.equalized\.h5 left out: it is the result of a\.h5\n\.\/b\.equalized\.h5 left out: it is the result of b\.h5\n$/,
  );
  const { leftOut, models } = JSON.parse((await run('equalize', ...names, ...options, '--json')).stdout);
  expect({ leftOut, models: models.length }).toEqual({
    leftOut: ['a.equalized.h5', './b.equalized.h5'],
    models: 2,
  });
  // Named for itself it is a model as others are.
  expect((await run('equalize', 'a.equalized.h5', 'b.h5', ...options)).stdout).toContain('\n2 models\n');
  for (const name of fs.readdirSync(folder)) if (name.includes('equalized')) fs.rmSync(at(name));
});

test.each([
  [
    ['convert', 'a.h5'],
    /-o: the result needs a name; give one, such as -o model\.keras, -o model\.h5 or -o web/,
  ],
  [['quantize', 'a.h5'], /-o: .* such as -o web or -o model\.tflite/],
  [
    ['quantize', 'a.h5', 'b.h5'],
    /-o: several models need a folder that gets them; give one, such as -o ready/,
  ],
])('%j says what -o may be, and where there is help', async ([name = '', ...args], message) => {
  const { code, stderr } = await run(name, ...args);
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) });
  expect(stderr).toContain(`(crosslayer ${name} --help says more)`);
});

test('a folder that does not exist is found before anything is read but the model', async () => {
  for (const args of [
    ['equalize', 'a.h5', '-o', 'no/b.h5'],
    ['quantize', 'a.h5', '-o', 'no/web'],
    ['quantize', 'a.h5', '-o', 'no/b.tflite'],
    ['convert', 'a.h5', '-o', 'no/b.keras'],
  ]) {
    // The inputs would be read next.
    const inputs = args[0] === 'convert' ? [] : ['--inputs', 'none.npy'];
    const { code, stderr } = await run(...args, ...inputs);
    expect({ code, stderr }).toEqual({
      code: 3,
      stderr: `crosslayer: ${args.at(-1)}: its folder does not exist; make it first, or check the path\n`,
    });
  }
});

test('two of one name, or one that is named twice, are refused before anything is done', async () => {
  for (const names of [
    ['a.h5', 'other/a.h5'],
    ['other/a.h5', 'a.h5', 'b.h5'],
    ['a.h5', './a.h5'],
  ]) {
    const { code, stdout, stderr } = await run('equalize', ...names, '-o', 'out');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/both would be out.a\.h5; give them other names/);
  }
  // On many disks these are one name.
  const { stderr } = await run('convert', 'other/a.h5', 'other/A.hdf5', '--format', 'keras', '-o', 'out');
  expect(stderr).toContain('both would be');
  expect((await run('inspect', 'a.h5', './a.h5')).stderr).toContain('named twice');
  expect(fs.existsSync(at('out'))).toBe(false);
});

test('what speaks against all of it is said once, before anything is done', async () => {
  const wrong = await run('equalize', 'a.h5', 'b.h5', '-o', 'out', '--steps', 'fold', '--target', 'float');
  expect(wrong.code).toBe(2);
  expect(wrong.stderr.match(/crosslayer:/g)).toHaveLength(1);
  const page = await run('inspect', 'a.h5', 'b.h5', '--report', 'page.html');
  expect(page).toMatchObject({ code: 2, stdout: '' });
  expect(page.stderr).toContain('a page is about one model');
  const file = await run('equalize', 'a.h5', 'b.h5', '-o', 'broken.h5');
  expect(file).toMatchObject({ code: 3, stdout: '' });
  expect(file.stderr).toContain('with several models -o is a folder');
  expect(fs.existsSync(at('out'))).toBe(false);
});

test.each([
  ['convert', ['--format', 'keras'], ['a.keras', 'b.keras']],
  ['convert', ['--format', 'tfjs'], ['a', 'b']],
  ['convert', [], ['a.h5', 'b.h5']],
  ['quantize', ['--no-verify'], ['a', 'b']],
  ['quantize', ['--format', 'tflite', '--no-verify'], ['a.tflite', 'b.tflite']],
  ['equalize', ['--format', 'keras', '--no-verify', '--no-sidecar'], ['a.keras', 'b.keras']],
])('%s %j writes each in its format', async (command, options, names) => {
  const { code, stderr } = await run(command, '?.h5', ...options, '-o', 'out');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(fs.readdirSync(at('out')).sort()).toEqual(names);
  expect(fs.statSync(at(`out/${names[0]}`)).isDirectory()).toBe(names[0] === 'a');
});

test('with --format one model goes into the folder too', async () => {
  const { code, stdout } = await run('convert', 'a.h5', '--format', 'keras', '-o', 'out');
  expect(stdout).toMatch(/\n1 model\na\.h5 +done: out.a\.keras\n$/);
  expect({ code, names: fs.readdirSync(at('out')) }).toEqual({ code: 0, names: ['a.keras'] });
});

test('--json has one object for all', async () => {
  const { code, stdout } = await run('inspect', 'a.h5', 'broken.h5', '--json');
  expect(code).toBe(3);
  const { schemaVersion, models } = JSON.parse(stdout);
  expect(schemaVersion).toBe(1);
  expect(models).toMatchObject([
    { input: 'a.h5', exitCode: 0, result: { schemaVersion: 1, kind: 'functional' }, error: null },
    { input: 'broken.h5', exitCode: 3, result: null, error: { code: 'unsupported-model' } },
  ]);
});
