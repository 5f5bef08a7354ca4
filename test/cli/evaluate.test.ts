import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CommandResult } from '../support/command.ts';
import { crosslayer } from '../support/shared-command.ts';

const EXAMPLE = 'examples/fashion-mobilenetv2.keras';
const IMAGES = 'examples/fashion-mobilenetv2.keras.samples.npz';

const evaluate = (...args: string[]): Promise<CommandResult> => crosslayer('evaluate', ...args);

describe('evaluate', () => {
  it('prints accuracy and agreement of the example, whose labels lie with its images', async () => {
    const args = ['--inputs', IMAGES, '--samples', '100', '--quantizer', 'int8-per-tensor,tfjs-uint8'];
    const { code, stdout, stderr } = await evaluate(EXAMPLE, ...args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(
      /^100 samples of .*fashion-mobilenetv2\.keras\.samples\.npz images: pixels as x\/127\.5 - 1 \(guessed/,
    );
    // 92 of the first 100 images, as Keras 3.15 has it too.
    expect(stdout).toMatch(/original, float +92\.00 %/);
    expect(stdout).toMatch(/int8-per-tensor +\d+\.\d dB +\d+\.\d\d % +\d+\.\d\d %/);
    expect(stdout).toMatch(/tfjs-uint8 /);
    expect(stdout).not.toMatch(/per-channel/);
    expect(stdout).not.toMatch(/tfjs-uint8-kernels/);
  });

  it('runs int8 quantizers with activations of 8 bits too, with ranges from statistics or inputs', async () => {
    const args = [
      '--inputs',
      IMAGES,
      '--samples',
      '50',
      '--quantizer',
      'int8-per-channel,tfjs-uint8-kernels',
    ];
    const { code, stdout } = await evaluate(EXAMPLE, ...args);
    expect(code).toBe(0);
    const decibelsOf = (text: string): number =>
      Number(/^int8-per-channel, int8 activations +([\d.]+) dB +\d+\.\d\d % +\d+\.\d\d %$/m.exec(text)?.[1]);
    expect(stdout.match(/int8 activations/g)).toHaveLength(1);
    const measured = await evaluate(EXAMPLE, ...args, '--ranges', 'measured');
    // Folded, with one range a tensor: statistics give 22 dB of all 2,000 images, calibrating 29.
    expect(decibelsOf(stdout)).toBeGreaterThan(18);
    expect(decibelsOf(measured.stdout)).toBeGreaterThan(decibelsOf(stdout) + 3);
    const float = await evaluate(EXAMPLE, ...args, '--activations', 'float', '--json');
    expect(JSON.parse(float.stdout).models.map((one: { integers: unknown }) => one.integers)).toEqual([
      null,
      null,
      null,
    ]);
  });

  it('takes the statistics of a folded model from its side-car, unless it is told not to', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'evaluate-'));
    try {
      const output = join(folder, 'folded.keras');
      const options = ['--target', 'int8-per-channel', '--no-verify'];
      expect((await crosslayer('equalize', EXAMPLE, '-o', output, ...options)).code).toBe(0);
      const args = ['--samples', '2', '--quantizer', 'int8-per-channel', '--json'];
      const notesOf = async (...more: string[]): Promise<string> =>
        JSON.parse((await evaluate(output, ...args, ...more)).stdout).notes.join('\n');
      const notes = await notesOf();
      expect(notes).toMatch(/^side-car: statistics of 52 layers from /);
      expect(notes).not.toMatch(/from these inputs/);
      expect(await notesOf('--no-sidecar')).toMatch(
        /^\d+ tensors have their ranges from these inputs, because no statistics tell them: /,
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('evaluates a quantizer that is named twice once', async () => {
    const args = ['--samples', '1', '--quantizer', 'tfjs-uint8-kernels,tfjs-uint8-kernels'];
    const { code, stdout } = await evaluate(EXAMPLE, ...args);
    expect(code).toBe(0);
    expect(stdout.match(/^tfjs-uint8-kernels/gm)).toHaveLength(1);
  });

  it('makes samples up where none are given, says so, and lists layers', async () => {
    const { code, stdout } = await evaluate(
      EXAMPLE,
      '--samples',
      '2',
      '--quantizer',
      'tfjs-uint8-kernels',
      '--layers',
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^2 seeded samples.*; real samples, given by --inputs, tell more$/m);
    expect(stdout).toMatch(
      /tfjs-uint8-kernels: what is left of the weights, the worst first\nlayer +weight +SQNR\n/,
    );
    const ratios = [...stdout.matchAll(/(?:kernel|depthwiseKernel) +([\d.]+) dB$/gm)].map(([, ratio]) =>
      Number(ratio),
    );
    // 52 convolutions and the Dense.
    expect(ratios).toHaveLength(53);
    expect(ratios).toEqual(ratios.toSorted((one, other) => one - other));
  });

  it('--json prints one object', async () => {
    const args = ['--against', EXAMPLE, '--samples', '2', '--quantizer', 'tfjs-uint16', '--json'];
    const { code, stdout } = await evaluate(EXAMPLE, ...args);
    expect(code).toBe(0);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ schemaVersion: 1, samples: 2, labelled: false, layers: [] });
    expect(report.models.map((one: { model: string }) => one.model)).toEqual([
      'original',
      'float',
      'quantized',
    ]);
    expect(report.models[1].outputs).toEqual([
      { name: 'predictions', scores: 'logits', sqnrDb: 'Infinity', top1Agreement: 1 },
    ]);
  });

  it('still measures the weights of a model that cannot be run', async () => {
    const model = 'test/fixtures/formats/keras-3.15.1/custom.keras';
    const refused = await evaluate(model);
    expect(refused).toMatchObject({ code: 3, stdout: '' });
    expect(refused.stderr).toMatch(/^crosslayer: scale_shift: /);
    const { code, stdout } = await evaluate(model, '--layers', '--quantizer', 'tfjs-uint8-kernels');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^tfjs-uint8-kernels: .*\n.*\nconv1 +kernel +\d+\.\d dB$/m);
    expect(stdout).toMatch(/^note: not run: scale_shift: /m);
  });

  it.each([
    [['--quantizer', 'int9'], 2, /--quantizer: there is no 'int9'; choose from int8-per-tensor,/],
    [['--activations', 'int4'], 2, /Allowed choices are int8, float/],
    [['--labels', IMAGES], 2, /--labels: only inputs from --inputs have labels/],
    [['--normalize', 'tf2'], 2, /Allowed choices are tf, torch, caffe, 0\.\.1, raw/],
    [['--samples', '0'], 2, /whole number from 1/],
    [['--inputs', IMAGES, '--labels', 'examples'], 3, /examples: a folder; labels are classes/],
    [['--inputs', 'examples/README.md'], 3, /neither a \.npy or \.npz file nor a PNG, JPEG or WebP/],
    [
      ['--inputs', IMAGES, '--normalize', 'torch'],
      2,
      /--normalize torch: the normalization torch is for RGB, but the input has 1 channels/,
    ],
  ])('%j ends with exit code %i', async (args, expected, message) => {
    const { code, stdout, stderr } = await evaluate(EXAMPLE, ...args);
    expect({ code, stdout }).toEqual({ code: expected, stdout: '' });
    expect(stderr).toMatch(message);
  });
});
