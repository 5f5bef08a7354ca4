import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { crosslayerIn } from '../support/shared-command.ts';

const FIXTURES = new URL('../fixtures/', import.meta.url).pathname;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-default-'));
fs.copyFileSync(path.join(FIXTURES, 'golden/conv_bn_relu_chain/input.h5'), path.join(folder, 'net.v2.h5'));

afterAll(() => fs.rmSync(folder, { recursive: true }));

const quickly = ['--no-verify', '--no-sidecar'];

test('without -o the equalized model comes beside the input in its format, and nothing is replaced', async () => {
  const first = await crosslayerIn(folder, 'equalize', 'net.v2.h5', ...quickly);
  expect(first).toMatchObject({ code: 0, stderr: '' });
  expect(first.stdout).toMatch(/^net\.v2\.equalized\.h5 written, for int8-per-tensor\n/);
  const written = path.join(folder, 'net.v2.equalized.h5');
  expect(fs.readFileSync(written).subarray(1, 4).toString()).toBe('HDF');

  const again = await crosslayerIn(folder, 'equalize', 'net.v2.h5', ...quickly);
  expect(again.code).toBe(3);
  expect(again.stderr).toMatch(/^crosslayer: net\.v2\.equalized\.h5: .*--force/);
  expect((await crosslayerIn(folder, 'equalize', 'net.v2.h5', '--force', ...quickly)).code).toBe(0);
});

test('a TF.js model becomes a folder beside its own, however it is named', async () => {
  expect((await crosslayerIn(folder, 'convert', 'net.v2.h5', '-o', 'web')).code).toBe(0);
  for (const name of ['web', 'web/', 'web/model.json', './web/../web']) {
    const { code, stdout } = await crosslayerIn(folder, 'equalize', name, '--force', ...quickly);
    expect({ code, written: stdout.split(' ', 1)[0] }).toEqual({ code: 0, written: 'web.equalized/' });
  }
  expect(fs.existsSync(path.join(folder, 'web.equalized/model.json'))).toBe(true);
  for (const name of ['.', 'model.json']) {
    fs.rmSync(path.join(folder, 'web.equalized'), { recursive: true, force: true });
    const { code } = await crosslayerIn(path.join(folder, 'web'), 'equalize', name, ...quickly);
    expect(code).toBe(0);
    expect(fs.existsSync(path.join(folder, 'web.equalized/model.json'))).toBe(true);
  }
});

test('a model of Keras in pieces becomes one file beside its folder', async () => {
  const [pieces, written] = [path.join(folder, 'pieces.keras'), path.join(folder, 'pieces.equalized.keras')];
  fs.cpSync(path.join(FIXTURES, 'formats/keras-3.15.1/unpacked'), pieces, { recursive: true });
  const { code, stdout } = await crosslayerIn(folder, 'equalize', 'pieces.keras', ...quickly);
  expect({ code, written: stdout.split(' ', 1)[0] }).toEqual({ code: 0, written: 'pieces.equalized.keras' });
  expect(fs.readFileSync(written).subarray(0, 2).toString()).toBe('PK');
});

test('a name that says no format needs -o, and so do convert and quantize, whose format is the question', async () => {
  fs.copyFileSync(path.join(folder, 'net.v2.h5'), path.join(folder, 'weights.bin'));
  expect(await crosslayerIn(folder, 'equalize', 'weights.bin', ...quickly)).toEqual({
    code: 2,
    stdout: '',
    stderr:
      'crosslayer: -o: the name weights.bin has no ending that says a format; give -o, such as -o equalized.keras\n' +
      '(crosslayer equalize --help says more)\n',
  });
  for (const command of ['convert', 'quantize']) {
    const { code, stderr } = await crosslayerIn(folder, command, 'net.v2.h5');
    expect(code).toBe(2);
    expect(stderr).toMatch(/-o: the result needs a name; give one, such as /);
  }
});
