import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const COMMAND = new URL('../../dist/cli/main.js', import.meta.url).pathname;
const LOADED = new URL('injected/loaded-modules.mjs', import.meta.url).pathname;
const MODEL = new URL('../fixtures/golden/conv_bn_relu_chain/input.h5', import.meta.url).pathname;

/** The folders of the package, and the other packages, of which the command loads modules. */
async function loadedBy(...args: string[]): Promise<string[]> {
  const { stderr } = await promisify(execFile)(process.execPath, ['--import', LOADED, COMMAND, ...args]);
  return [...new Set(stderr.trim().split('\n'))].sort();
}

test('the version loads no command', async () => {
  const loaded = await loadedBy('--version');
  expect(loaded).toEqual(['commander', 'src', 'src/cli', 'src/tensor', 'src/text']);
});

test('a command loads no other, and neither what writes models nor what runs them where it does neither', async () => {
  const loaded = await loadedBy('inspect', MODEL);
  expect(loaded).toContain('src/cli/commands');
  for (const needless of ['src/formats/tflite', 'src/verification/run', 'flatbuffers', '@tensorflow']) {
    expect(loaded.filter((name) => name.startsWith(needless))).toEqual([]);
  }
});
