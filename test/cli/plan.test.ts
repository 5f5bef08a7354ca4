import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it, test } from 'vitest';
import { parsePlan } from '../../src/cli/commands/quantize-options.ts';
import { crosslayer } from '../support/shared-command.ts';

/** Three convolutions with batch norms and a Dense, 5 kB. */
const SMALL = new URL('../fixtures/golden/conv_bn_relu_chain/input.h5', import.meta.url).pathname;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-plan-'));

afterAll(() => fs.rmSync(folder, { recursive: true }));

const quantize = (name: string, ...options: string[]): ReturnType<typeof crosslayer> =>
  crosslayer('quantize', SMALL, '-o', path.join(folder, name), '--no-verify', ...options);

describe('quantize --plan', () => {
  it('prints which kernel became what, and keeps to the budget', async () => {
    const { code, stdout } = await quantize('table', '--plan', 'budget=2kB');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /plan {5}for 2 kB of weights, by what is expected of each kernel, \d+\.\d dB less error/,
    );
    expect(stdout).toMatch(/^ +layer +weight +dtype +bytes +of the error left$/m);
    expect(stdout.match(/^ +(conv\d|head) +kernel +(uint8|uint16) /gm)).toHaveLength(4);
  });

  it('has the plan in --json, and writes it', async () => {
    const { code, stdout } = await quantize('json', '--plan', 'budget=2kB', '--json');
    expect(code).toBe(0);
    const { passes, bytes } = JSON.parse(stdout);
    const { plan, packed } = passes.at(-1);
    expect(plan).toMatchObject({ budget: 2000, weights: expect.any(Array) });
    expect(bytes.after).toBeLessThanOrEqual(2000);
    const dtypes = (list: { layer: string; dtype: string }[]): unknown =>
      list.map(({ layer, dtype }) => [layer, dtype]);
    expect(dtypes(packed)).toEqual(dtypes(plan.weights));
    const document = JSON.parse(fs.readFileSync(path.join(folder, 'json', 'model.json'), 'utf8'));
    const written = document.weightsManifest
      .flatMap((group: { weights: unknown[] }) => group.weights)
      .filter(({ name }: { name: string }) => name.endsWith('kernel'))
      .map(({ quantization }: { quantization?: { dtype: string } }) => quantization?.dtype ?? 'float32');
    expect(written).toEqual(plan.weights.map(({ dtype }: { dtype: string }) => dtype));
  });

  it('has no plan without a budget', async () => {
    const { stdout } = await quantize('none', '--json');
    expect(JSON.parse(stdout).passes.at(-1).plan).toBeNull();
  });

  it.each([
    [
      'a budget that is too small, with the smallest',
      ['--plan', 'budget=100'],
      /--plan: a budget of 100 bytes is too small; give 1614 bytes \(1\.62 kB\) or more/,
    ],
    ['what is no budget', ['--plan', '3MB'], /It must be budget= and the size/],
    ['a size that is none', ['--plan', 'budget=much'], /such as 4MiB, 500kB or 3MB/],
    [
      'a dtype besides',
      ['--plan', 'budget=3kB', '--dtype', 'uint8'],
      /--dtype uint8: --plan chooses a dtype for each kernel/,
    ],
  ])('refuses %s', async (_, options, message) => {
    const { code, stdout, stderr } = await quantize('refused', ...options);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(fs.existsSync(path.join(folder, 'refused'))).toBe(false);
  });
});

test('parsePlan reads decimal and binary units and plain bytes', () => {
  const budgets = ['3MB', '1.5 kB', '2KiB', '1MiB', '4096'].map((size) => parsePlan(`budget=${size}`).budget);
  expect(budgets).toEqual([3e6, 1500, 2048, 2 ** 20, 4096]);
});

describe('inspect', () => {
  it('tells which layer hurts', async () => {
    const { code, stdout } = await crosslayer('inspect', SMALL);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^which layer hurts: expected shares .* with int8-per-tensor weights and activations of 8 bits$/m,
    );
    expect(stdout).toMatch(/^ +layer +as it is$/m);
    expect(stdout).toMatch(/^ +conv0 +\? \S+ %$/m);
    expect(stdout).toMatch(/^ +--equalized also tells/m);
    expect(stdout).toMatch(/no batch norm tells how what these layers read varies.*: conv0$/m);
  });

  it('tells what equalizing would leave, where that is asked for', async () => {
    const { stdout } = await crosslayer('inspect', SMALL, '--equalized');
    expect(stdout).toMatch(/^ +layer +as it is +equalized$/m);
    expect(stdout).toMatch(/^ +conv0 +\? \S+ % +\? \S+ %$/m);
    expect(stdout).not.toContain('--equalized');
    const { damage } = JSON.parse((await crosslayer('inspect', SMALL, '--json')).stdout);
    expect(damage.layers.map(({ after }: { after: unknown }) => after)).toEqual([null, null, null, null]);
    expect(damage.improvementDb).toBeNull();
  });

  it('has all layers in --json, for the target that is asked for', async () => {
    const { stdout } = await crosslayer(
      ...['inspect', SMALL, '--json', '--equalized', '--target', 'tfjs-uint8'],
    );
    const { schemaVersion, damage } = JSON.parse(stdout);
    expect(schemaVersion).toBe(1);
    expect(damage.target).toBe('tfjs-uint8');
    const layers = damage.layers.map(({ layer }: { layer: string }) => layer);
    expect(layers.sort()).toEqual(['conv0', 'conv1', 'conv2', 'head']);
    expect(damage.layers[0]).toMatchObject({
      before: { damage: expect.any(Number), share: expect.any(Number), isKnown: expect.any(Boolean) },
      after: { share: expect.any(Number) },
    });
  });

  it('takes no target without a quantizer', async () => {
    const { code, stderr } = await crosslayer('inspect', SMALL, '--target', 'float');
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /Allowed choices are int8-per-tensor, int8-per-tensor-symmetric, tfjs-uint8, int8-per-channel/,
    );
  });
});
