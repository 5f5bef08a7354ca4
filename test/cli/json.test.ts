import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { crosslayerIn } from '../support/shared-command.ts';

const GOLDEN = new URL('../fixtures/golden/conv_bn_relu_chain/input.h5', import.meta.url).pathname;
const DOCUMENT = fs.readFileSync(new URL('../../docs/json.md', import.meta.url), 'utf8');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-json-'));
fs.copyFileSync(GOLDEN, path.join(folder, 'net.h5'));

afterAll(() => fs.rmSync(folder, { recursive: true }));

const run = (...args: string[]): ReturnType<typeof crosslayerIn> => crosslayerIn(folder, ...args, '--json');

/** The keys of a section of docs/json.md, each with what it may be. */
function documented(section: string): Map<string, string> {
  const [, text = ''] = new RegExp(`^## ${section}\n([^]*?)(?=^## |$(?![^]))`, 'm').exec(DOCUMENT) ?? [];
  const rows = [...text.matchAll(/^\| (`[^|]*`) \| ([^|]*) \|/gm)];
  return new Map(
    rows.flatMap(([, keys = '', type = '']) =>
      [...keys.matchAll(/`(\w+)`/g)].map(([, key = '']) => [key, type]),
    ),
  );
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'list';
  return { string: 'text', boolean: 'true or false' }[typeof value as 'string' | 'boolean'] ?? typeof value;
}

function expectDocumented(section: string, found: object): void {
  const keys = documented(section);
  expect(keys.size).toBeGreaterThan(2);
  const entries = Object.entries(found);
  expect(entries.filter(([key]) => !keys.has(key))).toEqual([]);
  const missing = [...keys].filter(([key, type]) => !type.endsWith('?') && !Object.hasOwn(found, key));
  expect(missing).toEqual([]);
  for (const [key, value] of entries) {
    const type = keys.get(key)?.replace('?', '') ?? '';
    expect([type, ...type.split(' or ')], `${section}: ${key}`).toContain(typeOf(value));
  }
}

describe('docs/json.md has what is printed', () => {
  test.each([
    ['equalize', ['equalize', 'net.h5', '-o', 'target.h5']],
    ['equalize', ['equalize', 'net.h5', '-o', 'steps.h5', '--recipe', 'reference', '--no-verify']],
    ['convert', ['convert', 'net.h5', '-o', 'web']],
    ['convert', ['convert', 'net.h5', '-o', 'net.keras']],
    ['inspect', ['inspect', 'net.h5']],
    ['quantize', ['quantize', 'net.h5', '-o', 'few-bits']],
    ['quantize', ['quantize', 'net.h5', '-o', 'planned', '--plan', 'budget=4kB', '--no-verify']],
    ['quantize to a .tflite file', ['quantize', 'net.h5', '-o', 'net.tflite']],
    ['inspect of a .tflite file', ['inspect', 'net.tflite']],
    ['verify', ['verify', 'net.h5', 'net.keras']],
    ['verify', ['verify', 'net.h5', 'net.tflite']],
    ['evaluate', ['evaluate', 'net.h5', '--layers']],
  ])('of %s: %j', async (section, args) => {
    const { stdout } = await run(...args);
    expectDocumented(section, JSON.parse(stdout));
  });
});

test('convert tells output, format and bytes', async () => {
  const { stdout } = await run('convert', 'net.h5', '-o', 'sized.keras');
  const bytes = fs.statSync(path.join(folder, 'sized.keras')).size;
  expect(JSON.parse(stdout)).toMatchObject({ output: 'sized.keras', format: 'keras-v3', bytes });
});

describe('an error is an object, and text on standard error, with the same exit code', () => {
  test.each([
    [
      'a file that is missing',
      ['inspect', 'none.h5'],
      3,
      { code: 'format', layer: null, message: 'none.h5: no such file', advice: null },
    ],
    [
      'an output that exists',
      ['convert', 'net.h5', '-o', 'net.h5'],
      3,
      { code: 'output', layer: null, advice: expect.stringContaining('--force') },
    ],
    [
      'options that contradict each other',
      ['equalize', 'net.h5', '--no-verify', '--trials'],
      2,
      { code: 'usage', layer: null, advice: 'leave out --trials' },
    ],
    [
      'an unknown command',
      ['inspekt'],
      2,
      {
        code: 'usage',
        message: "unknown command 'inspekt'; Did you mean inspect?",
        advice: 'Did you mean inspect?',
      },
    ],
    [
      'a missing option',
      ['convert', 'net.h5'],
      2,
      { code: 'usage', advice: 'give one, such as -o model.keras, -o model.h5 or -o web' },
    ],
  ])('%s', async (_, args, code, error) => {
    const result = await run(...args);
    expect(result.code).toBe(code);
    const printed = JSON.parse(result.stdout);
    expect(Object.keys(printed)).toEqual(['error']);
    expect(printed.error).toMatchObject(error);
    expectDocumented('Errors', printed.error);
    expect(result.stderr).not.toBe('');
  });

  test('a layer at fault is named', async () => {
    expect((await run('convert', 'net.h5', '-o', 'broken')).code).toBe(0);
    const file = path.join(folder, 'broken/model.json');
    const document = JSON.parse(fs.readFileSync(file, 'utf8'));
    const layers = document.modelTopology.model_config.config.layers;
    const { config } = layers.find((one: { class_name: string }) => one.class_name === 'Conv2D');
    config.filters += 1;
    fs.writeFileSync(file, JSON.stringify(document));
    const { error } = JSON.parse((await run('inspect', 'broken')).stdout);
    expect(error).toMatchObject({ code: 'invalid-model', layer: `${config.name}/kernel` });
  });
});
