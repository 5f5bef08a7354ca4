import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { saveModel } from '../../src/node.ts';
import type { CommandResult } from '../support/command.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';
import { crosslayer } from '../support/shared-command.ts';

const COLOURED = 'd\x1b[31mRED\x1b[0m\x1b]0;title\x07';
const FORGED = 'x\r\nfake same function\ncrosslayer done';
const TURNED = 'y\u202e\u2066\u200ffdp\x9b2J\x85\u2028fake same function';
const NAMES = [COLOURED, FORGED, TURNED];

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-names-'));
const at = (name: string): string => path.join(folder, name);
const sound = at('sound');
const unknown = at(FORGED);

beforeAll(async () => {
  const layers = [
    input('in', [6, 6, 2]),
    layer('Conv2D', COLOURED, { filters: 3, kernel_size: 1 }),
    layer('BatchNormalization', `${FORGED}1`),
    layer('ReLU', TURNED),
    layer('Conv2D', FORGED, { filters: 2, kernel_size: 1 }),
    layer('ReLU', `${COLOURED}6`, { max_value: 6 }),
    layer('Conv2D', `${TURNED}2`, { filters: 2, kernel_size: 1 }),
  ];
  await saveModel(buildModel(layers), sound, { format: 'tfjs-layers' });
  const strange = [...layers, layer(`My\x1b[2J${FORGED}`, `${COLOURED}3`)];
  fs.mkdirSync(unknown);
  await saveModel(buildModel(strange), path.join(unknown, 'model.json'), { format: 'tfjs-layers' });
});

afterAll(() => fs.rmSync(folder, { recursive: true }));

/** Nothing in the output acts on a terminal or begins a line that is not the command's own. */
function expectSafe({ stdout, stderr }: CommandResult): void {
  for (const text of [stdout, stderr]) {
    expect(text).not.toMatch(/(?!\n)[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_C}]/u);
    expect(text).not.toMatch(/^\s*(fake same function|crosslayer done)/m);
  }
}

describe.each([
  ['inspect', () => ['inspect', sound]],
  ['inspect, with a layer that nobody knows', () => ['inspect', unknown]],
  ['equalize', () => ['equalize', sound, '-o', at('out')]],
  ['equalize by steps', () => ['equalize', sound, '-o', at('steps'), '--recipe', 'reference']],
  ['equalize what cannot be run', () => ['equalize', unknown, '-o', at(`${TURNED}.json`)]],
  ['convert', () => ['convert', sound, '-o', at('out.keras')]],
  ['convert with warnings', () => ['convert', unknown, '-o', at(`${COLOURED}-converted`)]],
  ['quantize', () => ['quantize', sound, '-o', at('quantized')]],
  ['quantize what cannot be run', () => ['quantize', unknown, '-o', at(`${COLOURED}-quantized`)]],
  ['verify', () => ['verify', sound, sound]],
  ['verify what cannot be run', () => ['verify', unknown, unknown]],
  ['evaluate', () => ['evaluate', sound, '--layers']],
  ['evaluate what cannot be run', () => ['evaluate', unknown, '--layers']],
] as const)('%s', (_, args) => {
  test('shows names as they are, in lines of its own', async () => {
    const result = await crosslayer(...args());
    expectSafe(result);
    expect(result.code).toBeLessThan(2);
    expect(result.stdout).toMatch(/\\u001b\[31m|\\r\\nfake|\\u202e|written|same function/);
  });

  test('--json is one object that has them', async () => {
    const [command = '', ...others] = args();
    const force = ['equalize', 'convert', 'quantize'].includes(command) ? ['--force'] : [];
    const result = await crosslayer(command, ...others, ...force, '--json');
    expectSafe(result);
    expect(result.stdout.trim()).not.toContain('\n');
    expect(typeof JSON.parse(result.stdout)).toBe('object');
  });
});

test('--json of inspect has the names to the letter', async () => {
  const { stdout } = await crosslayer('inspect', sound, '--json');
  const names = JSON.parse(stdout).layers.map((entry: { layer: string }) => entry.layer);
  expect(names).toEqual(expect.arrayContaining(NAMES));
});

test('tables are aligned by what they show', async () => {
  const { stdout } = await crosslayer('inspect', sound);
  const lines = stdout.split('\n');
  const head = lines.findIndex((line) => line.startsWith('layer '));
  const column = lines[head]?.indexOf('class') ?? -1;
  expect(column).toBeGreaterThan(FORGED.length);
  for (const line of lines.slice(head + 1, head + 8)) {
    expect(line.slice(column)).toMatch(/^(InputLayer|Conv2D|BatchNormalization|ReLU) /);
  }
});

describe('errors', () => {
  test.each([
    ['a file that is missing', ['inspect', `/nowhere/${FORGED}${TURNED}`]],
    ['wrong usage', ['evaluate', 'x.h5', '--quantizer', FORGED]],
    ['an option that does not exist', ['inspect', `--${COLOURED}\nfake same function`]],
    ['an option that a file is called like', ['inspect', '--b\nfake same function.h5']],
    ['a command that does not exist', ['bad\nfake same function']],
    ['a command that ends as suggestions do', ['bad\n(Did you mean x?)\ncrosslayer done\n']],
    ['a choice that does not exist', ['equalize', 'x.h5', '-o', 'y.h5', '--target', `q\n${FORGED}`]],
    ['a number that is none', ['verify', 'x.h5', 'y.h5', '--tolerance', `1\n${FORGED}`]],
    ['an output that cannot be', ['convert', sound, '-o', `/nowhere/${COLOURED}/${FORGED}.h5`]],
  ])('of %s', async (_, args) => {
    const result = await crosslayer(...args);
    expect([2, 3]).toContain(result.code);
    expect(result.stdout).toBe('');
    expectSafe(result);
    const lines = result.stderr.replace(/\n\(crosslayer (\w+ )?--help says more\)\n$/, '\n').split('\n');
    expect(lines).toEqual([lines[0], '']);
  });

  test('names that are suggested stand in a line of their own', async () => {
    const { stderr } = await crosslayer('inspekt');
    expect(stderr).toBe(
      "error: unknown command 'inspekt'\n(Did you mean inspect?)\n(crosslayer --help says more)\n",
    );
  });

  test.each(NAMES)('of a file that has %j in it', async (name) => {
    const damaged = at('damaged.json');
    const document = JSON.parse(fs.readFileSync(path.join(sound, 'model.json'), 'utf8'));
    document.weightsManifest[0].paths = [`${name}.bin`];
    fs.writeFileSync(damaged, JSON.stringify(document));
    const result = await crosslayer('inspect', damaged);
    expect(result.code).toBe(3);
    expectSafe(result);
    document.modelTopology.model_config.config.layers[1].config.filters = name;
    document.modelTopology.model_config.config.layers[1].class_name = 'Conv2D';
    fs.writeFileSync(damaged, JSON.stringify(document));
    const other = await crosslayer('inspect', damaged);
    expect(other.code).toBe(3);
    expectSafe(other);
  });
});
