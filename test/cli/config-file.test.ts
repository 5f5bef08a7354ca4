import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { afterAll, afterEach, expect, test } from 'vitest';
import { allCommands } from '../../src/cli/command-list.ts';
import { applyConfig } from '../../src/cli/config-file.ts';
import { UsageError } from '../../src/cli/usage-error.ts';
import { crosslayerIn } from '../support/shared-command.ts';

const MODEL = new URL('../fixtures/golden/conv_bn_relu_chain/input.h5', import.meta.url).pathname;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-config-'));
const FILE = path.join(folder, 'crosslayer.config.json');
fs.copyFileSync(MODEL, path.join(folder, 'net.h5'));

afterEach(() => fs.rmSync(FILE, { force: true }));

afterAll(() => fs.rmSync(folder, { recursive: true }));

const run = (...args: string[]): ReturnType<typeof crosslayerIn> => crosslayerIn(folder, ...args);
const equalize = (...args: string[]): ReturnType<typeof crosslayerIn> =>
  run('equalize', 'net.h5', '--force', ...args);

function configure(config: object | string, file: string = FILE): void {
  fs.writeFileSync(file, typeof config === 'string' ? config : JSON.stringify(config));
}

test('options that are the same in every call come from the file, and the summary says so', async () => {
  configure({
    all: { target: 'int8-per-channel', sidecar: false, samples: 2 },
    equalize: { verify: false, target: 'float' },
    quantize: { 'shard-size': '1MB' },
  });
  const { code, stdout, stderr } = await equalize();
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^net\.equalized\.h5 written, for float\n/);
  expect(stdout).toMatch(/\ncrosslayer\.config\.json gave --target, --no-sidecar, --samples, --no-verify\n$/);
  expect(stdout).not.toContain('side-car:');
  const json = JSON.parse((await equalize('--json')).stdout);
  expect(json).toMatchObject({
    target: 'float',
    verification: null,
    config: { file: 'crosslayer.config.json', options: expect.arrayContaining(['--target']) },
  });
  // Of all, what the command has.
  const verify = await run('verify', 'net.h5', 'net.h5');
  expect(verify.stdout).toContain('gave --no-sidecar, --samples\n');
  expect(verify.stdout).toContain('2 seeded samples');
});

test('the file may be as editors and PowerShell of Windows write it', async () => {
  const text = '\ufeff{\r\n  "all": { "sidecar": false }\r\n}\r\n';
  for (const encoding of ['utf8', 'utf16le'] as const) {
    fs.writeFileSync(FILE, text, encoding);
    expect((await run('inspect', 'net.h5')).stdout).toContain('gave --no-sidecar\n');
  }
});

test('the command line wins, and --no-config leaves the file out', async () => {
  configure({ equalize: { target: 'float', verify: false, sidecar: false } });
  const given = await equalize('--target', 'int8-per-channel');
  expect(given.stdout).toMatch(/for int8-per-channel\n/);
  expect(given.stdout).toContain('gave --no-verify, --no-sidecar\n');
  const without = await equalize('--no-config', '--no-verify');
  expect(without.stdout).toMatch(/for int8-per-tensor\n/);
  expect(without.stdout).not.toContain('gave');
});

test('another file can be named', async () => {
  configure({ all: { target: 'float', verify: false } }, path.join(folder, 'other.json'));
  const { stdout } = await equalize('--config', 'other.json');
  expect(stdout).toMatch(/for float\n/);
  expect(stdout).toContain('other.json gave --target, --no-verify\n');
  expect(await equalize('--config', 'none.json')).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('none.json: the configuration cannot be read'),
  });
});

test('lists are for options that take several values', async () => {
  configure({ all: { inputs: ['a.npy', 'b.npy'] }, quantize: { 'input-shape': ['8x8x3'], io: 'float32' } });
  const { code, stderr } = await equalize();
  // Read as two files of one model that has one input.
  expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining('a.npy') });
  const inspect = await run('inspect', 'net.h5');
  expect(inspect.code).toBe(0);
  expect(inspect.stdout).not.toContain('gave');
});

test.each([
  [
    { equalise: {} },
    /\.json: 'equalise' is not a section; did you mean equalize\? Sections are all, equalize, inspect/,
  ],
  [{ xyz: {} }, /\.json: 'xyz' is not a section; Sections are all/],
  [{ target: 'float' }, /'target' is an option, not a section; .*: \{"all": \{"target": "float"\}\}$/],
  [
    { equalize: { tagret: 'float' } },
    /equalize\.tagret: is not an option of crosslayer equalize; did you mean target\? crosslayer equalize --help --verbose/,
  ],
  [
    { all: { inptus: ['a'] } },
    /all\.inptus: is not an option of any command; did you mean inputs\? crosslayer COMMAND --help --verbose/,
  ],
  [{ inspect: { relu6: 'keep' } }, /json: inspect\.relu6: is not an option of crosslayer inspect/],
  [{ all: { constructor: 'float' } }, /json: all\.constructor: is not an option/],
  [
    { equalize: { 'no-verify': true } },
    /equalize\.no-verify: is not an option .*; write "verify": false or true/,
  ],
  [{ equalize: { output: 'x.h5' } }, /equalize\.output: belongs to one call/],
  [
    { equalize: { target: 'int4' } },
    /equalize\.target: "int4" does not do\. Allowed choices are int8-per-tensor/,
  ],
  [{ equalize: { samples: 0 } }, /equalize\.samples: 0 does not do\. It must be a whole number from 1/],
  [{ equalize: { strict: 'yes' } }, /equalize\.strict: is switched on or off by true or false; found "yes"/],
  [{ equalize: { target: ['float', 'float'] } }, /equalize\.target: takes one value/],
  [{ equalize: { inputs: [] } }, /equalize\.inputs: has no value/],
  [{ equalize: { target: true } }, /equalize\.target: takes a text or a number/],
])('%j is refused with the key and the file', async (config, message) => {
  configure(config);
  const commands = await allCommands();
  const command = commands.find((one) => one.name() === 'equalize') as Command;
  command.setOptionValue('config', FILE);
  const applied = applyConfig(command, async () => commands);
  await expect(applied).rejects.toThrow(UsageError);
  await expect(applied).rejects.toThrow(message);
});

test('such a mistake is wrong usage, and nothing is written', async () => {
  configure({ equalize: { tagret: 'float' } });
  const { code, stdout, stderr } = await run('equalize', 'net.h5', '-o', 'never.h5');
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain('equalize.tagret: is not an option');
  expect(fs.existsSync(path.join(folder, 'never.h5'))).toBe(false);
});

test('a file that is no JSON, or no object, cannot be read', async () => {
  for (const [text, message] of [
    ['{', /crosslayer\.config\.json: not valid JSON/],
    ['[]', /crosslayer\.config\.json: expected an object, found \[\]/],
    ['{"all": 3}', /crosslayer\.config\.json: all: expected an object, found 3/],
  ] as const) {
    configure(text);
    expect(await equalize()).toMatchObject({ code: 3, stderr: expect.stringMatching(message) });
  }
});

test.each([
  [
    'quantize',
    ['-o', 'out'],
    { io: 'float32', dtype: 'uint16' },
    '--dtype',
    '--io',
    'it is for .tflite files',
  ],
  [
    'quantize',
    ['-o', 'out.tflite'],
    { io: 'float32', plan: 'budget=1MB' },
    '--io',
    '--plan',
    'it is for TF.js',
  ],
  [
    'quantize',
    ['-o', 'out', '--dtype', 'uint16'],
    { plan: 'budget=1MB' },
    undefined,
    '--plan',
    '--plan chooses',
  ],
  ['equalize', ['--steps', 'fold'], { target: 'float' }, undefined, '--target', 'the steps of the reference'],
  ['equalize', ['--target', 'float'], { steps: 'fold' }, undefined, '--steps', 'the steps of the reference'],
  ['equalize', [], { strict: true }, undefined, '--strict', 'without a run there is nothing'],
  [
    'convert',
    ['-o', 'out.h5'],
    { 'layers-script': true },
    undefined,
    '--layers-script',
    'it is for TF.js models',
  ],
  [
    'inspect',
    [],
    { all: { target: 'float', format: 'tflite' } },
    undefined,
    '--target',
    'crosslayer inspect does not',
  ],
])(
  '%s %j leaves out what does not apply of %j, and says so',
  async (name, args, values, gave, left, reason) => {
    const runs = name === 'equalize' || name === 'quantize';
    configure('all' in values ? values : { [name]: values });
    const { code, stdout, stderr } = await run(
      name,
      'net.h5',
      ...(name === 'inspect' ? [] : ['--force']),
      ...(runs ? ['--no-verify'] : []),
      ...args,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.split('\n').filter((line) => line.startsWith('crosslayer.config.json'));
    expect(lines).toEqual([
      ...(gave === undefined ? [] : [`crosslayer.config.json gave ${gave}`]),
      expect.stringContaining(`crosslayer.config.json: ${left} left out: ${reason}`),
    ]);
  },
);

test('what clashes on the command line itself is an error', async () => {
  configure({ equalize: { samples: 2 } });
  const { code, stderr } = await equalize('--steps', 'fold', '--target', 'float');
  expect(code).toBe(2);
  expect(stderr).toMatch(/--target: the steps of the reference have no such option/);
  expect(stderr).not.toContain('crosslayer.config.json');
});

test('what is wrong besides is said to be from the file', async () => {
  configure({ quantize: { plan: 'budget=10' } });
  const { code, stderr } = await run('quantize', 'net.h5', '-o', 'small');
  expect(code).toBe(2);
  expect(stderr).toMatch(/too small; .*crosslayer\.config\.json gave --plan; --no-config leaves it out/);
});
