/** What the command writes for TF.js, of structures that users report it to fail at. */

import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { relativeError, type Values } from '../formats/tfjs-runtime.ts';
import { crosslayer } from '../support/command.ts';

const FIXTURES = new URL('../fixtures/', import.meta.url).pathname;
const ROOT = new URL('../../', import.meta.url).pathname;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-for-tfjs-'));

afterAll(() => fs.rmSync(folder, { recursive: true }));

let runs = 0;
const newName = (ending = ''): string => path.join(folder, `web-${runs++}${ending}`);

/** A page's part of the work, in a Node without anything of ours but the script. */
const OPEN = `
import * as core from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import '@tensorflow/tfjs-backend-cpu';
import fs from 'node:fs';
const [folder, inputs, withScript] = JSON.parse(process.argv[1]);
core.enableProdMode();
globalThis.tf = { ...core, ...layers };
if (withScript) await import(folder + '/crosslayer-layers.js');
const { modelTopology, weightsManifest } = JSON.parse(fs.readFileSync(folder + '/model.json', 'utf8'));
const bytes = Buffer.concat(weightsManifest.flatMap(({ paths }) => paths).map((name) => fs.readFileSync(folder + '/' + name)));
const weightSpecs = weightsManifest.flatMap(({ weights }) => weights);
const weightData = new Uint8Array(bytes).buffer;
const model = await layers.loadLayersModel({ load: async () => ({ modelTopology, weightSpecs, weightData }) });
const made = [model.predict(inputs.map(({ data, shape }) => core.tensor(data, shape)))].flat();
console.log(JSON.stringify(made.map((one) => ({ shape: one.shape, data: [...one.dataSync()] }))));
`;

async function outputsInTfjs(web: string, inputs: readonly Values[], withScript = false): Promise<Values[]> {
  const args = ['--input-type=module', '-e', OPEN, JSON.stringify([web, inputs, withScript])];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT });
  return JSON.parse(stdout);
}

const expectedOf = (name: string): { inputs: Values[]; outputs: Values[] } =>
  JSON.parse(fs.readFileSync(`${FIXTURES}${name}.expected.json`, 'utf8'));

describe('layers that nothing else computes', () => {
  const name = 'convert/spotting.keras';

  it('end convert with exit code 1, and are named with the way out', async () => {
    const out = newName();
    const { code, stdout } = await crosslayer('convert', FIXTURES + name, '-o', out);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /TF\.js does not open it, for gru \(GRU\), unit \(UnitNormalization\); where it lacks a class, --layers-script writes /,
    );
    const { inputs } = expectedOf(name);
    await expect(outputsInTfjs(out, inputs)).rejects.toThrow(/reset_after/);
  });

  it('end quantize so too', async () => {
    const { code, stdout } = await crosslayer('quantize', FIXTURES + name, '-o', newName(), '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout).unsupported).toMatchObject([
      { path: 'gru', className: 'GRU', opens: false },
      { path: 'unit', className: 'UnitNormalization', opens: false },
    ]);
  });

  it('are in a script beside the model, with which TF.js computes what Keras does', async () => {
    const out = newName();
    const { code, stdout } = await crosslayer('convert', FIXTURES + name, '-o', out, '--layers-script');
    expect(code).toBe(0);
    expect(stdout).toMatch(/note: crosslayer-layers\.js registers GRU, UnitNormalization, .*behind tf\.js/);
    expect(stdout).not.toMatch(/does not open/);
    const { inputs, outputs } = expectedOf(name);
    // float32 sums in another order.
    expect(relativeError(await outputsInTfjs(out, inputs, true), outputs)).toBeLessThan(2e-6);
  });

  it('are run behind the script where quantize writes one, and in no later command', async () => {
    const { code, stdout } = await crosslayer(
      'quantize',
      FIXTURES + name,
      '-o',
      newName(),
      '--layers-script',
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /tf\.loadLayersModel opens them behind crosslayer-layers\.js and computes the same \(/,
    );
    const later = await crosslayer('quantize', FIXTURES + name, '-o', newName());
    expect(later.stdout).toMatch(/not opened by tf\.loadLayersModel: .*reset_after/);
  });

  it('need no script in a file of Keras', async () => {
    const out = newName('.keras');
    const { code, stderr } = await crosslayer('convert', FIXTURES + name, '-o', out, '--layers-script');
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--layers-script: .*leave it out/),
    });
  });
});

describe('a model that is written with layers of TF.js alone', () => {
  it.each(['preprocessed', 'keywords', 'twins', 'frames'].map((made) => `convert/${made}.keras`))(
    '%s, in 8 bits',
    async (name) => {
      const out = newName();
      const { code, stdout } = await crosslayer('quantize', FIXTURES + name, '-o', out, '--json');
      expect(code).toBe(0);
      const { check, unsupported, notes } = JSON.parse(stdout);
      expect(check.tfjs.maxRelative).toBeLessThan(1e-6);
      expect(unsupported).toBeUndefined();
      expect(notes.length).toBeGreaterThan(0);
      const document = JSON.parse(fs.readFileSync(path.join(out, 'model.json'), 'utf8'));
      const kernels = document.weightsManifest
        .flatMap(({ weights }: { weights: { name: string; quantization?: { dtype: string } }[] }) => weights)
        .filter(({ name: weight }: { name: string }) => /kernel$/.test(weight));
      expect(
        kernels.map(({ quantization }: { quantization?: { dtype: string } }) => quantization?.dtype),
      ).toEqual(kernels.map(() => 'uint8'));
      const { inputs, outputs } = expectedOf(name);
      // 8 bits leave about 40 dB of a small network; a wrong weight nothing.
      expect(relativeError(await outputsInTfjs(out, inputs), outputs)).toBeLessThan(0.05);
    },
  );
});

it('a folder of tensorflowjs_converter under Keras 3 is mended', async () => {
  const name = 'formats/tfjs-keras3/sequential';
  const out = newName();
  const { code, stdout } = await crosslayer('convert', FIXTURES + name, '-o', out);
  expect({ code, stdout }).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/tensorflowjs_converter wrote this model under Keras 3/),
  });
  const { inputs, outputs } = expectedOf(name);
  expect(relativeError(await outputsInTfjs(out, inputs), outputs)).toBeLessThan(2e-6);
});
