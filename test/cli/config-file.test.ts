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
  [{ equalise: {} }, /crosslayer\.config\.json: 'equalise' is no command; there are all, equalize, inspect/],
  [{ equalize: { tagret: 'float' } }, /json: equalize\.tagret: is no option of crosslayer equalize/],
  [{ all: { tagret: 'float' } }, /json: all\.tagret: is no option of any command/],
  [{ inspect: { relu6: 'keep' } }, /json: inspect\.relu6: is no option of crosslayer inspect/],
  [{ all: { constructor: 'float' } }, /json: all\.constructor: is no option/],
  [
    { equalize: { 'no-verify': true } },
    /equalize\.no-verify: is no option .*; write "verify": false or true/,
  ],
  [{ equalize: { output: 'x.h5' } }, /equalize\.output: belongs to one call/],
  [{ equalize: { target: 'int4' } }, /equalize\.target: Allowed choices are int8-per-tensor/],
  [{ equalize: { samples: 0 } }, /equalize\.samples: It must be a whole number from 1/],
  [{ equalize: { strict: 'yes' } }, /equalize\.strict: is switched on or off; write true or false/],
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
  expect(stderr).toContain('equalize.tagret: is no option');
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

test('what contradicts the command line is said to be from the file', async () => {
  configure({ equalize: { target: 'float' } });
  const { code, stderr } = await equalize('--steps', 'fold');
  expect(code).toBe(2);
  expect(stderr).toMatch(/crosslayer\.config\.json gave --target; --no-config leaves them out/);
});
