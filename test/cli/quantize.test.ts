import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { allIn } from '../../src/primitives/pass.ts';
import type { QuantizeReport } from '../../src/report/quantize-report.ts';
import type { CommandResult } from '../support/command.ts';
import { crosslayer } from '../support/shared-command.ts';

const EXAMPLE = new URL('../../examples/fashion-mobilenetv2.keras', import.meta.url).pathname;
/** A few convolutions with batch norms and ReLU6. */
const SMALL = new URL('../fixtures/golden/act_relu6_string/input.h5', import.meta.url).pathname;
/** Models that `tensorflowjs_converter` quantized. */
const TFJS = new URL('../fixtures/formats/tfjs/', import.meta.url).pathname;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-quantize-'));

afterAll(() => fs.rmSync(folder, { recursive: true }));

let runs = 0;
const newName = (): string => path.join(folder, `web-${runs++}`);

async function quantize(
  model: string,
  ...options: string[]
): Promise<CommandResult & { readonly out: string }> {
  const out = newName();
  return { ...(await crosslayer('quantize', model, '-o', out, ...options)), out };
}

async function reported(model: string, ...options: string[]): Promise<QuantizeReport & { out: string }> {
  const { code, stdout, stderr, out } = await quantize(model, '--json', ...options);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return { ...JSON.parse(stdout), out };
}

const sizeOf = (out: string): number =>
  fs.readdirSync(out).reduce((sum, name) => sum + fs.statSync(path.join(out, name)).size, 0);

describe('quantize', () => {
  it('writes a folder that TF.js loads, and says what it does, with the samples beside the model', async () => {
    const { code, stdout, stderr, out } = await quantize(EXAMPLE, '--samples', '100');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(fs.readdirSync(out)).toEqual(['group1-shard1of1.bin', 'model.json']);
    expect(stdout).toMatch(/^ {2}carry {4}52 layers with all channels of one range/m);
    expect(stdout).toMatch(/^ {2}pack {5}53 kernels as uint8; all else stays as it is$/m);
    expect(stdout).toMatch(/^ {2}size {5}weights 1\.30 MB -> 40\d kB, all files 1\.88 MB -> [45]\d\d kB$/m);
    expect(stdout).toMatch(/beside the original:\n {4}on 100 samples of .*keras\.samples\.npz images/);
    expect(stdout).toMatch(/^ {4}SQNR [34]\d\.\d dB, same top-1 (100|9\d(\.\d+)?) %$/m);
    expect(stdout).toMatch(/^ {4}accuracy 9\d\.\d\d % -> 9\d\.\d\d %$/m);
    expect(stdout).toMatch(/tf\.loadLayersModel opens them and computes the same \(\S+\)$/m);
    expect(stdout).toMatch(/^ {2}carry: same function/m);
    expect(stdout).toMatch(/the download shrinks; speed and memory stay, because/m);
  });

  it('--json has all of it as data', async () => {
    const report = await reported(EXAMPLE, '--samples', '20', '--no-trials');
    const { bytes, check, passes, out } = report;
    expect(report).toMatchObject({ schemaVersion: 2, trials: [] });
    expect(passes.map(({ pass }) => pass)).toEqual(['carry', 'correct', 'pack']);
    expect(allIn(passes, 'packed')).toHaveLength(53);
    expect(bytes.filesAfter).toBe(sizeOf(out));
    expect(bytes.after).toBe(fs.statSync(path.join(out, 'group1-shard1of1.bin')).size);
    expect(check).toMatchObject({ samples: 20, outputs: [{ scores: 'logits' }] });
    if (!check || !('maxRelative' in check.tfjs)) throw new Error('not run by TF.js');
    // Softmax of the same float32 operations in another order.
    expect(check.tfjs.maxRelative).toBeLessThan(1e-5);
    expect(check.accuracy?.before).toBeGreaterThan(0.8);
  });

  it('without samples it makes up some and tells no accuracy', async () => {
    const { check, passes } = await reported(SMALL);
    expect(check?.inputs).toMatch(/^4 seeded samples/);
    expect(check?.accuracy).toBeNull();
    expect(passes.map(({ pass }) => pass)).toEqual(['carry', 'correct', 'pack']);
  });

  it('--dtype, --include, --exclude, --no-prepare, --no-verify', async () => {
    const half = await reported(SMALL, '--dtype', 'float16', '--no-verify');
    expect(half.passes.map(({ pass }) => pass)).toEqual(['pack']);
    expect([half.check, half.verification]).toEqual([null, null]);
    expect(new Set(allIn(half.passes, 'packed').map(({ dtype }) => dtype))).toEqual(new Set(['float16']));
    const name = allIn(half.passes, 'packed')[0]?.layer ?? '';
    const one = await reported(SMALL, '--include', name, '--no-prepare', '--no-verify');
    const packed = allIn(one.passes, 'packed').filter(({ dtype }) => dtype === 'uint8');
    expect(packed.map(({ layer }) => layer)).toEqual([name]);
    const others = await reported(SMALL, '--exclude', name, '--no-prepare', '--no-verify');
    expect(
      allIn(others.passes, 'packed')
        .filter(({ dtype }) => dtype === 'float32')
        .map(({ layer }) => layer),
    ).toEqual([name]);
  });

  it('--shard-size divides the weights', async () => {
    const { out, bytes } = await reported(SMALL, '--shard-size', '1kB', '--no-verify');
    const sizes = fs.readdirSync(out).filter((name) => name.endsWith('.bin')).length;
    expect(sizes).toBe(Math.ceil(bytes.after / 1000));
  });

  it('what is quantized already keeps its bytes, and what that lost is said', async () => {
    const { out } = await quantize(EXAMPLE, '--no-verify');
    const again = await quantize(path.join(out, 'model.json'), '--samples', '2');
    expect(again.stdout).toMatch(/53 kernels kept in uint8 as they came/);
    expect(again.stdout).toMatch(
      /the kernels of 53 layers lie on a grid of 8 bits; they stay on it; --prepare/,
    );
    expect(again.stdout).toMatch(/the same to the bit/);
    for (const name of fs.readdirSync(out)) {
      expect(fs.readFileSync(path.join(again.out, name))).toEqual(fs.readFileSync(path.join(out, name)));
    }
  });

  it.each<[string, boolean, RegExp]>([
    [
      'functional_uint8',
      true,
      /batch-norm variances were stored in uint8 \(bn1, bn2, bn3\); what they lost cannot/,
    ],
    ['functional_mixed', true, /batch-norm variances were stored in float16/],
    ['functional_float16', false, /batch-norm variances were stored in float16/],
  ])('%s, of which all is quantized: bytes stay (%j), and it is said', async (name, stays, sentence) => {
    const model = path.join(TFJS, name);
    const { code, stdout, out } = await quantize(model);
    expect(code).toBe(0);
    expect(stdout).toMatch(sentence);
    expect(stdout).not.toMatch(/quantize the model again/);
    const shard = (of: string): Buffer => fs.readFileSync(path.join(of, 'group1-shard1of1.bin'));
    expect(shard(out).equals(shard(model))).toBe(stays);
  });

  it.each<[string[], RegExp]>([
    [['--dtype', 'int4'], /'int4' is invalid\. Allowed choices are uint8, uint16, float16/],
    [['--include', 'nothing'], /the pattern 'nothing' matches no layer with a kernel; they are /],
    [['--shard-size', '4 pounds'], /It must be a size such as 4MiB/],
    [['--shard-size', '0'], /It must be a size such as 4MiB/],
    [['--no-verify', '--strict'], /--no-verify: without a run there is nothing for --strict/],
    [['--labels', 'y.npy'], /--labels: only inputs from --inputs have labels/],
    [['--no-prepare', '--rounding', 'nearest'], /--rounding: with --no-prepare/],
    [['--inputs', 'nothing.npz'], /nothing\.npz/],
  ])('%j ends with a sentence and writes nothing', async (options, message) => {
    const { code, stdout, stderr, out } = await quantize(SMALL, ...options);
    expect({ code: code > 0, stdout }).toEqual({ code: true, stdout: '' });
    expect(stderr).toMatch(message);
    expect(fs.existsSync(out)).toBe(false);
  });

  it('samples beside the model that do not fit are named as what they are', async () => {
    const model = path.join(folder, 'beside.h5');
    fs.copyFileSync(SMALL, model);
    fs.writeFileSync(`${model}.samples.npz`, 'no archive');
    const { code, stderr, out } = await quantize(model);
    expect(code).toBe(3);
    expect(stderr).toMatch(
      /beside\.h5\.samples\.npz: neither .*; it lies beside the model, .* name other inputs/,
    );
    expect(fs.existsSync(out)).toBe(false);
  });

  it('labels that are no classes of the model are refused before anything is written', async () => {
    const labels = path.join(folder, 'labels.npy');
    const header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2000,), }".padEnd(117).concat('\n');
    const magic = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0]);
    fs.writeFileSync(labels, Buffer.concat([magic, Buffer.from(header), Buffer.alloc(2000, 99)]));
    const options = ['--samples', '2', '--no-trials', '--labels', labels];
    const { code, stderr, out } = await quantize(EXAMPLE, ...options, '--inputs', `${EXAMPLE}.samples.npz`);
    expect(code).toBe(3);
    expect(stderr).toMatch(/the label of sample 0 is 99, but .* has the classes 0 to 9/);
    expect(fs.existsSync(out)).toBe(false);
  });

  it('another format than TF.js and an output that is there are refused before any work', async () => {
    const file = await crosslayer('quantize', SMALL, '-o', path.join(folder, 'ready.h5'));
    expect(file.code).toBe(2);
    expect(file.stderr).toMatch(
      /only TF\.js models have packed weights; name a folder, a \.json or a \.tflite/,
    );
    const onnx = await crosslayer('quantize', SMALL, '-o', path.join(folder, 'ready.onnx'));
    expect(onnx.code).toBe(2);
    const { out } = await quantize(SMALL, '--no-verify');
    const twice = await crosslayer('quantize', SMALL, '-o', out, '--no-verify');
    expect(twice.code).toBeGreaterThan(0);
    expect(twice.stderr).toMatch(/--force/);
    expect((await crosslayer('quantize', SMALL, '-o', out, '--no-verify', '--force')).code).toBe(0);
  });
});
