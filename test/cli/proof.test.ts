import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadModel, saveModel } from '../../src/node.ts';
import type { CommandResult } from '../support/command.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';
import { crosslayer } from '../support/shared-command.ts';

const COMMAND = new URL('../../dist/cli/main.js', import.meta.url).pathname;
const WRONG_SCALE = new URL('injected/wrong-scale.mjs', import.meta.url).pathname;
const GOLDEN = new URL('../fixtures/golden/', import.meta.url).pathname;
const EXAMPLE = new URL('../../examples/fashion-mobilenetv2.keras', import.meta.url).pathname;
const IMAGES = new URL('../../examples/fashion-mobilenetv2.keras.samples.npz', import.meta.url).pathname;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-proof-'));

afterAll(() => fs.rmSync(folder, { recursive: true }));

/** Runs the command at a path. */
function started(
  args: readonly string[],
  { command = COMMAND, preload = [] as readonly string[], env = {} },
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env }, maxBuffer: 1 << 26 };
    execFile(process.execPath, [...preload, command, ...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
}

const golden = (name: string): string => path.join(GOLDEN, name, 'input.h5');
const output = (name: string): string => path.join(folder, name);

describe('equalize with proof', () => {
  test('prints a line for each step', async () => {
    const { code, stdout, stderr } = await crosslayer(
      'equalize',
      EXAMPLE,
      '-o',
      output('example.keras'),
      '--recipe',
      'reference',
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/run before and after each step \(wasm\), on 4 seeded samples/);
    expect(stdout).toMatch(
      /relu6: changes the function \([\d.e-]+\): SQNR [\d.-]+ dB, top-1 agreement [\d.]+ %/,
    );
    expect(stdout).toMatch(/fold: same function \([\d.]+e-[678]\)/);
    expect(stdout).toMatch(/scale: same function \([\d.]+e-[678]\)/);
  });

  test('on given inputs', async () => {
    const args = ['equalize', EXAMPLE, '-o', output('given.keras'), '--steps', 'fold,scale'];
    const { code, stdout } = await crosslayer(...args, '--inputs', IMAGES, '--samples', '6', '--json');
    expect(code).toBe(0);
    const { verification } = JSON.parse(stdout);
    expect(verification.backend).toBe('wasm');
    expect(verification.inputs).toMatch(/fashion-mobilenetv2\.keras\.samples\.npz/);
    expect(verification.proofs).toMatchObject([
      { pass: 'fold', verdict: 'same', undone: [] },
      { pass: 'scale', verdict: 'same', undone: [] },
    ]);
    expect(verification.proofs[0].outputs[0].maxRelative).toBeLessThan(1e-5);
  });

  test('not with --no-verify', async () => {
    const args = ['equalize', golden('conv_bn_relu_chain'), '-o', output('unproven.h5'), '--no-verify'];
    expect((await crosslayer(...args)).stdout).not.toMatch(/same function/);
    const { stdout } = await crosslayer(...args, '--force', '--json');
    expect(JSON.parse(stdout).verification).toBeNull();
  });

  test('inputs that cannot be read are an error, and nothing is written', async () => {
    const out = output('no-inputs.keras');
    const { code, stderr } = await crosslayer('equalize', EXAMPLE, '-o', out, '--inputs', output('none.npy'));
    expect(code).toBe(3);
    expect(stderr).toMatch(/none\.npy/);
    expect(fs.existsSync(out)).toBe(false);
  });
});

describe('a set that was scaled wrongly', () => {
  /** Scaling gets a channel of conv0 wrong. */
  const equalize = (name: string, ...more: string[]): Promise<CommandResult> =>
    started(
      ['equalize', golden('conv_bn_relu_chain'), '-o', output(name), '--steps', 'fold,scale', ...more],
      { preload: ['--import', WRONG_SCALE], env: { WRONG_SCALE_IN: 'conv0' } },
    );

  test('is found, undone and named', async () => {
    const { code, stdout, stderr } = await equalize('undone.h5');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/scale: conv0 -> conv1 changed the function \([\d.e-]+\) and was undone/);
    expect(stdout).toMatch(/scale: same function/);
    expect(stdout).toMatch(/1 set of layers scaled/);
    const verified = await crosslayer('verify', golden('conv_bn_relu_chain'), output('undone.h5'));
    expect(verified.stdout).toMatch(/same function/);
    expect(verified.code).toBe(0);
  });

  test('with --strict ends with exit code 1', async () => {
    const out = output('strict.h5');
    const { code, stdout } = await equalize('strict.h5', '--strict');
    expect(code).toBe(1);
    expect(stdout).toMatch(/was undone/);
    expect(fs.existsSync(out)).toBe(true);
    const sound = ['equalize', golden('conv_bn_relu_chain'), '-o', output('sound.h5'), '--strict'];
    expect((await crosslayer(...sound)).code).toBe(0);
  });

  test('without proof goes unseen, which verify tells', async () => {
    await equalize('unseen.h5', '--no-verify');
    const { code, stdout } = await crosslayer('verify', golden('conv_bn_relu_chain'), output('unseen.h5'));
    expect(code).toBe(1);
    expect(stdout).toMatch(/different/);
  });
});

describe('a model that TF.js cannot run', () => {
  test('is equalized and marked as not verified; --strict ends with exit code 1', async () => {
    const model = buildModel([
      input('x', [6, 6, 3]),
      layer('Conv2D', 'conv', { filters: 4, kernel_size: 3 }),
      layer('BatchNormalization', 'bn'),
      layer('SomethingOfTheirs', 'custom'),
    ]);
    const custom = output('custom.h5');
    await saveModel(model, custom);
    const args = ['equalize', custom, '--strict', '-o', output('custom-out.h5')];
    const { code, stdout } = await crosslayer(...args);
    expect(stdout).toMatch(/1 batch norm folded/);
    expect(stdout).toMatch(/not verified: custom: SomethingOfTheirs cannot be run: TF\.js has no layer/);
    expect(code).toBe(1);
    expect((await loadModel(output('custom-out.h5'))).layers).toHaveLength(3);
  });
});

describe('without the optional packages', () => {
  test('everything but running works, and says so', async () => {
    const bare = output('bare');
    for (const name of ['@zip.js/zip.js', 'commander', 'flatbuffers', 'h5wasm']) {
      fs.mkdirSync(path.join(bare, 'node_modules', path.dirname(name)), { recursive: true });
      const installed = new URL(`../../node_modules/${name}`, import.meta.url).pathname;
      fs.symlinkSync(installed, path.join(bare, 'node_modules', name));
    }
    for (const name of ['dist', 'package.json']) {
      fs.cpSync(new URL(`../../${name}`, import.meta.url).pathname, path.join(bare, name), {
        recursive: true,
      });
    }
    const run = (...args: string[]): Promise<CommandResult> =>
      started(args, { command: path.join(bare, 'dist', 'cli', 'main.js') });
    const out = output('bare.h5');
    const { code, stdout, stderr } = await run('equalize', golden('conv_bn_relu_chain'), '-o', out);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/3 batch norms folded/);
    expect(stdout).toMatch(
      /not verified: running models takes TF\.js, .* npm install @tensorflow\/tfjs-core/,
    );
    const verified = await run('verify', golden('conv_bn_relu_chain'), out);
    expect(verified.code).toBe(1);
    expect(verified.stdout).toMatch(/not verified: .*npm install/);

    // With TF.js and without LiteRT a .tflite file is written and not run.
    const tfjs = new URL('../../node_modules/@tensorflow', import.meta.url).pathname;
    fs.symlinkSync(tfjs, path.join(bare, 'node_modules', '@tensorflow'));
    const quantized = await run(
      'quantize',
      golden('conv_bn_relu_chain'),
      '-o',
      output('bare.tflite'),
      '--strict',
    );
    expect(quantized).toMatchObject({ code: 1, stderr: '' });
    expect(quantized.stdout).toMatch(
      /not verified: running \.tflite files takes LiteRT, .* npm install @litertjs\/core$/m,
    );
  });
});
