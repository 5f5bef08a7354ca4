import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { allIn } from '../../src/primitives/pass.ts';
import type { TargetReport } from '../../src/report/equalize-for-target.ts';
import type { CommandResult } from '../support/command.ts';
import { crosslayer } from '../support/shared-command.ts';

const EXAMPLES = new URL('../../examples/', import.meta.url).pathname;
const EXAMPLE = path.join(EXAMPLES, 'fashion-mobilenetv2.keras');
const IMAGES = path.join(EXAMPLES, 'fashion-mobilenetv2.keras.samples.npz');
/** A few convolutions with batch norms and ReLU6. */
const SMALL = new URL('../fixtures/golden/act_relu6_string/input.h5', import.meta.url).pathname;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-trials-'));

afterAll(() => fs.rmSync(folder, { recursive: true }));

let runs = 0;

/** Equalizes a model into a file of its own: the example where images are given, else a small one. */
async function equalize(...options: string[]): Promise<CommandResult & { readonly out: string }> {
  const model = options.includes(IMAGES) ? EXAMPLE : SMALL;
  const out = path.join(folder, `${runs++}${path.extname(model)}`);
  return { ...(await crosslayer('equalize', model, '-o', out, '--no-sidecar', ...options)), out };
}

async function reported(...options: string[]): Promise<TargetReport> {
  const { code, stdout, stderr } = await equalize(...options, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

const TABLE =
  /^ {2}tried, with kernels and activations quantized for (\S+), against the float model; the first was taken:$/m;

describe('equalize --objective', () => {
  it('is least-noise where it is left out, and equal-ranges for the target float', async () => {
    const usual = await reported('--no-verify');
    const equal = await reported('--no-verify', '--objective', 'equal-ranges');
    expect([usual.objective, equal.objective]).toEqual(['least-noise', 'equal-ranges']);
    // The same regions, with other factors.
    const sinks = ({ passes }: TargetReport): unknown =>
      allIn(passes, 'regions').map((region) => region.sinks);
    expect(sinks(usual)).toEqual(sinks(equal));
    expect(allIn(usual.passes, 'regions')).not.toEqual(allIn(equal.passes, 'regions'));
    const float = await reported('--no-verify', '--target', 'float');
    expect(float.objective).toBe('equal-ranges');
    const asked = await reported('--no-verify', '--target', 'float', '--objective', 'least-noise');
    expect(asked.objective).toBe('least-noise');
  });
});

describe('equalize --trials', () => {
  it('prints what was tried on made-up inputs, with what was taken first', async () => {
    const { code, stdout, stderr } = await equalize('--trials', '--samples', '2');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.match(TABLE)?.[1]).toBe('int8-per-tensor');
    const [, table = ''] = stdout.split(TABLE).slice(1);
    const [heading, ...rows] = table.trimStart().split('\n');
    expect(heading).toMatch(/^objective +relu6 +correction +SQNR +top-1$/);
    const number = '-?[\\d.]+ dB +[\\d.]+ %';
    for (const row of rows.slice(0, 4)) {
      expect(row).toMatch(
        new RegExp(`^ {4}(least-noise|equal-ranges) +(exact|keep) +(analytic|none) +${number}$`),
      );
    }
    expect(rows[4]).not.toMatch(/dB +[\d.]+ %$/);
  });

  it('--json has them, and what was taken is what was done', async () => {
    const report = await reported('--inputs', IMAGES, '--samples', '8');
    const { trials, objective, relu6, rounding, biasCorrection } = report;
    // Biases are measured where there are inputs.
    expect(trials).toHaveLength(3);
    expect(trials[0]).toMatchObject({ objective, relu6, rounding, biasCorrection: 'measured' });
    expect(biasCorrection).toBe('measured');
    for (const { sqnrDb, top1Agreement } of trials) {
      expect(sqnrDb).toBeGreaterThan(0);
      expect(top1Agreement).toBeGreaterThanOrEqual(0);
      expect(top1Agreement).toBeLessThanOrEqual(1);
      // Half a decibel is the margin of given inputs: none is better by more.
      expect(sqnrDb).toBeLessThanOrEqual((trials[0]?.sqnrDb ?? 0) + 0.5);
    }
    expect(new Set(trials.map((trial) => `${trial.objective} ${trial.relu6}`)).size).toBe(3);
  });

  it('does not try what an option says', async () => {
    const options = ['--trials', '--samples', '2', '--objective', 'equal-ranges', '--no-correction'];
    const { trials } = await reported(...options);
    expect(trials.map(({ relu6 }) => relu6).sort()).toEqual(['exact', 'keep']);
    for (const { objective, biasCorrection } of trials) {
      expect([objective, biasCorrection]).toEqual(['equal-ranges', 'none']);
    }
    const one = await equalize(...options, '--relu6', 'keep');
    expect(one.code).toBe(0);
    // One trial is no choice.
    expect(one.stdout).not.toMatch(TABLE);
  });

  it('tries roundings for tfjs-uint8', async () => {
    const { trials } = await reported('--trials', '--samples', '2', '--target', 'tfjs-uint8');
    expect(trials.map(({ rounding }) => rounding).sort()).toEqual(['cancelling', 'cancelling', 'nearest']);
  });

  it.each([
    { why: 'without inputs', options: ['--samples', '2'] },
    { why: 'with --no-trials', options: ['--inputs', IMAGES, '--samples', '4', '--no-trials'] },
    { why: 'for the target float', options: ['--trials', '--samples', '2', '--target', 'float'] },
  ])('tries nothing $why', async ({ options }) => {
    expect((await reported(...options)).trials).toEqual([]);
  });

  it('does the same every time', async () => {
    const options = ['--trials', '--samples', '2'];
    const [one, other] = [await equalize(...options), await equalize(...options)];
    expect(one.code).toBe(0);
    expect(other.stdout.replaceAll(other.out, one.out)).toBe(one.stdout);
    expect(fs.readFileSync(other.out).equals(fs.readFileSync(one.out))).toBe(true);
  });
});

it.each([
  [['--objective', 'least-effort'], /Allowed choices are equal-ranges, least-noise/],
  [
    ['--objective', 'equal-ranges', '--target', 'tfjs-uint8'],
    /--objective: the target tfjs-uint8 scales no regions; leave it out/,
  ],
  [
    ['--objective', 'equal-ranges', '--target', 'int8-per-channel'],
    /--objective: the target int8-per-channel scales no regions; leave it out/,
  ],
  [['--trials', '--no-verify'], /--no-verify: without a run nothing can be tried; leave out --trials/],
  [
    ['--objective', 'least-noise', '--recipe', 'reference'],
    /--objective: the steps of the reference have no such option/,
  ],
  [['--trials', '--steps', 'fold'], /--trials: the steps of the reference have no such option/],
  [['--no-trials', '--steps', 'fold'], /--no-trials: the steps of the reference have no such option/],
])('%j is wrong usage', async (options, message) => {
  const { code, stdout, stderr, out } = await equalize(...options);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr.replace(/\s+/g, ' ')).toMatch(message);
  expect(fs.existsSync(out)).toBe(false);
});
