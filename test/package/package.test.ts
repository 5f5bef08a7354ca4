/** The package as it would be published, in an empty folder: what somebody has who installs it and nothing else. */

import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NODE } from '../support/command.ts';
import { goldenPath } from '../support/golden.ts';

const run = promisify(execFile);
const ROOT = new URL('../..', import.meta.url).pathname;
const MODEL = goldenPath('conv_bn_relu_chain', 'input.h5');

let folder = '';

/** Writes a file of the folder. */
function put(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'crosslayer-package-'));
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
  const [{ filename }] = JSON.parse((await run('npm', pack, { cwd: ROOT })).stdout);
  put('package.json', '{ "private": true, "type": "module" }');
  const install = ['install', filename, '--prefer-offline', '--no-audit', '--no-fund'];
  await run('npm', install, { cwd: folder });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('it brings what reads and writes models, and nothing that runs them', () => {
  const installed = readdirSync(join(folder, 'node_modules'), { recursive: true, encoding: 'utf8' });
  const packages = installed.filter((name) => /^(@[^/]+\/)?[^/@.][^/]*$/.test(name));
  expect(packages.sort()).toEqual(['@zip.js/zip.js', 'commander', 'crosslayer', 'flatbuffers', 'h5wasm']);
});

test('the library equalizes a file', async () => {
  const script = put(
    'library.js',
    `import { equalize } from 'crosslayer';
     import { foldAllBatchNorms } from 'crosslayer/aimet';
     import { loadModel, saveModel } from 'crosslayer/node';
     const model = await loadModel(${JSON.stringify(MODEL)});
     const { model: equalized } = await equalize(model, { target: 'int8-per-tensor' });
     await saveModel(equalized, 'library.h5');
     console.log(foldAllBatchNorms(await loadModel('library.h5'))[0].length, 'batch norms left');`,
  );
  expect((await run(NODE, [script], { cwd: folder })).stdout).toBe('0 batch norms left\n');
});

test('the command equalizes a file, and names what it takes to prove it', async () => {
  const args = [join(folder, 'node_modules/.bin/crosslayer'), 'equalize', MODEL, '-o', 'command.h5'];
  const { stdout } = await run(NODE, args, { cwd: folder });
  expect(stdout).toMatch(/^command\.h5 written, for int8-per-tensor\n/);
  expect(stdout).toMatch(
    /not verified: .*TF\.js, which is not installed; to have it: npm install @tensorflow\/tfjs-core /,
  );
  expect(existsSync(join(folder, 'command.h5'))).toBe(true);
});

test('a .tflite file asks for both at once', async () => {
  const command = join(folder, 'node_modules/.bin/crosslayer');
  const args = [command, 'quantize', MODEL, '--float', '-o', 'command.tflite'];
  const { stdout } = await run(NODE, args, { cwd: folder });
  expect(stdout).toMatch(
    /not verified: .* TF\.js and LiteRT, which are not installed; to have them: npm install @tensorflow\/\S+ .* @litertjs\/core$/m,
  );
});

test('its types are found by every entry', async () => {
  put(
    'types.ts',
    `import { equalize, type Model, readModel } from 'crosslayer';
     import { CrossLayerScaling } from 'crosslayer/aimet';
     import { loadModel } from 'crosslayer/node';
     import { fakeQuantize } from 'crosslayer/quantization';
     import { evaluateModel } from 'crosslayer/report';
     import { sqnrJudge } from 'crosslayer/verification';
     export const model: Model = await loadModel('model.h5');
     export const bytes: Promise<Model> = readModel(new Uint8Array(), 'model.h5');
     export const done: Promise<{ readonly model: Model }> = equalize(model, { target: 'float' });
     export const all = [CrossLayerScaling.scaleModel, fakeQuantize, evaluateModel, sqnrJudge];
     // @ts-expect-error: there is no such target
     equalize(model, { target: 'int3' });`,
  );
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2022',
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
  };
  put('tsconfig.json', JSON.stringify({ compilerOptions, files: ['types.ts'] }));
  const tsc = [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder];
  await expect(run(NODE, tsc)).resolves.toMatchObject({ stdout: '' });
});

test('it goes into a bundle for browsers, which runs', async () => {
  put(
    'page.js',
    `import { equalize, readModel, writeModelToMemory } from 'crosslayer';
     export async function equalized(bytes) {
       const { model } = await equalize(await readModel(bytes, 'model.h5'));
       return writeModelToMemory(model, { format: 'keras-v3', name: 'model.keras' });
     }`,
  );
  const { build } = await import('vite');
  await build({
    root: folder,
    logLevel: 'error',
    configFile: false,
    build: {
      lib: { entry: 'page.js', formats: ['es'], fileName: () => 'bundle.js' },
      target: 'es2022',
      // As docs/library.md says: what runs models is not installed.
      rolldownOptions: { external: /^@tensorflow\// },
    },
  });
  const scripts = readdirSync(join(folder, 'dist')).filter((name) => name.endsWith('.js'));
  const texts = scripts.map((name) => readFileSync(join(folder, 'dist', name), 'utf8'));
  expect(texts.filter((text) => /from\s*["'](node:|crosslayer)/.test(text))).toEqual([]);
  const script = put(
    'browser.js',
    `import { readFileSync } from 'node:fs';
     import { equalized } from './dist/bundle.js';
     const { files } = await equalized(readFileSync(${JSON.stringify(MODEL)}));
     console.log(...files.keys());`,
  );
  expect((await run(NODE, [script], { cwd: folder })).stdout).toBe('model.keras\n');
});
