import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { saveModel } from '../../src/node.ts';
import type { CommandResult } from '../support/command.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';
import { crosslayerIn } from '../support/shared-command.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-activations-'));

/** Runs `crosslayer equalize in.h5 -o out.h5 --force` with more arguments. */
const equalize = (...args: string[]): Promise<CommandResult> =>
  crosslayerIn(folder, 'equalize', 'in.h5', '-o', 'out.h5', '--force', ...args);

beforeAll(async () => {
  const deviation = [0.2, 0.5, 0.1, 0.1];
  const model = buildModel([
    input('in', [8, 8, 2]),
    layer('Conv2D', 'first', { filters: 4, kernel_size: [1, 1] }),
    layer(
      'BatchNormalization',
      'bn',
      { epsilon: 1e-6 },
      {
        weights: {
          gamma: deviation,
          beta: [5, 1, 3, 0.1],
          movingMean: [0, 0, 0, 0.1],
          movingVariance: [0.5, 0.5, 0.5, 0.5],
        },
      },
    ),
    layer('ReLU', 'relu'),
    layer('Conv2D', 'last', { filters: 3, kernel_size: [3, 3] }),
  ]);
  await saveModel(model, path.join(folder, 'in.h5'));
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

describe('equalize --activations', () => {
  test('are int8, or float where that is said', async () => {
    const { stdout } = await equalize('--json');
    expect(JSON.parse(stdout).activations).toEqual({ bits: 8, symmetric: false, rounding: 'half-away' });
    const { stdout: float } = await equalize('--activations', 'float', '--json');
    expect(JSON.parse(float).activations).toBeNull();
    expect((await equalize('--activations', 'int8', '--strict')).code).toBe(0);
  });

  test.each([
    ['a target in float', ['--target', 'float'], /target float activations stay in float; leave it out, or/],
    [
      'a target of TF.js',
      ['--target', 'tfjs-uint8'],
      /or choose --target int8-per-tensor or int8-per-channel/,
    ],
    [
      'the reference',
      ['--recipe', 'reference'],
      /--activations: the steps of the reference have no such option; leave out/,
    ],
  ])('is refused for %s', async (_, args, message) => {
    const { code, stderr } = await equalize('--activations', 'int8', ...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});
