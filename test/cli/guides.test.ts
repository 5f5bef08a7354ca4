/** What guides show of the command is what it prints, where nothing has to be run for it. */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { saveModel } from '../../src/node.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';
import { crosslayerIn } from '../support/shared-command.ts';

const EXAMPLE = new URL('../../examples/fashion-mobilenetv2.keras', import.meta.url).pathname;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-guides-'));

afterAll(() => fs.rmSync(folder, { recursive: true }));

const guide = (name: string): string => fs.readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');

/** Lines of summaries that no run adds to. */
const SUMMARY = /^ {2}(fold|scale|correct|carry|pack|plan|size|operators|ranges) .*$/gm;

describe('the samples of', () => {
  test.each([
    ['README.md', 3, ['equalize', '-o', 'equalized.keras']],
    ['docs/command.md', 3, ['equalize', '-o', 'ready.keras']],
    ['docs/command.md', 4, ['quantize', '-o', 'web-model']],
    ['docs/command.md', 5, ['quantize', '-o', 'web-plan', '--plan', 'budget=460kB']],
    ['docs/tflite.md', 3, ['quantize', '-o', 'model.tflite']],
    ['docs/tflite.md', 3, ['quantize', '-o', 'tensor.tflite', '--weights', 'per-tensor']],
    ['docs/tflite.md', 3, ['quantize', '-o', 'dense.tflite', '--dense', 'per-tensor']],
    ['docs/tflite.md', 2, ['quantize', '-o', 'float.tflite', '--float']],
  ])('%s have the %d lines of %j', async (name, count, [command = '', ...options]) => {
    const { code, stdout } = await crosslayerIn(folder, command, EXAMPLE, ...options, '--no-verify');
    const lines = stdout.match(SUMMARY) ?? [];
    expect([code, lines.length]).toEqual([0, count]);
    const text = guide(name);
    expect(lines.filter((line) => !text.includes(line))).toEqual([]);
  });

  test.each([
    ['gelu', layer('Activation', 'conv2d_2_activation', { activation: 'gelu' }), [4, 4, 3]],
    ['GRU', layer('GRU', 'gru', { units: 2 }), [4, 3]],
  ])('docs/messages.md have the refusal of %s', async (name, spec, shape) => {
    const file = path.join(folder, `${name}.keras`);
    await saveModel(buildModel([input('x', shape), spec]), file);
    const { code, stderr } = await crosslayerIn(folder, 'quantize', file, '-o', `${name}.tflite`);
    expect(code).toBe(3);
    expect(guide('docs/messages.md')).toContain(stderr.trim());
  });

  test('docs/command.md have the line on a misspelt option', async () => {
    fs.writeFileSync(path.join(folder, 'crosslayer.config.json'), '{"equalize": {"tagret": "float"}}');
    const { stderr } = await crosslayerIn(folder, 'equalize', EXAMPLE);
    expect(stderr).toMatch(/^crosslayer: .*tagret/);
    expect(guide('docs/command.md')).toContain(stderr.trim());
  });
});
