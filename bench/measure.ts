/**
 * The measurements of the bench, each in processes of its own.
 *
 * @module
 */

import { rmSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { GrowthTimes } from './children/growth.ts';
import type { InMemoryTimes } from './children/in-memory.ts';
import type { Relu6Cost } from './children/relu6-caps.ts';
import type { VerificationTime } from './children/verification.ts';
import { type ProcessRun, runMeasured } from './measured-process.ts';
import { median } from './median.ts';
import { CACHE } from './model-files.ts';
import type { GrowthSize } from './networks/residual-blocks.ts';

/** A whole process next to one that only reads and writes the same file. */
export interface WholeProcess {
  readonly fileBytes: number;
  /** Reading and writing alone. */
  readonly baseline: Cost;
  /** `crosslayer equalize --no-verify --no-sidecar`. */
  readonly equalize: Cost;
}

/** Medians over the rounds for time, the largest for memory. */
export interface Cost {
  readonly seconds: number;
  readonly peakBytes: number;
}

const COMMAND = 'dist/cli/main.js';

/** A way to read a file and write it again. */
export type Baseline = 'crosslayer convert' | 'h5wasm copy';

/** Time of equalizing a network of {@link NETWORKS} in memory. */
export async function measureInMemory(network: string): Promise<InMemoryTimes> {
  const { stdout } = await runMeasured(script('in-memory'), [network]);
  return JSON.parse(stdout);
}

/** What exact maxima of ReLU6 cost when a network of {@link NETWORKS} is run. */
export async function measureRelu6(network: string, rounds: number): Promise<Relu6Cost> {
  const { stdout } = await runMeasured(script('relu6-caps'), [network, String(rounds)]);
  return JSON.parse(stdout);
}

/** Time of each step on residual blocks of these sizes. */
export async function measureGrowth(sizes: readonly GrowthSize[], rounds: number): Promise<GrowthTimes[]> {
  const { stdout } = await runMeasured(script('growth'), [JSON.stringify(sizes), String(rounds)]);
  return JSON.parse(stdout);
}

/** What verifying costs. */
export interface Verification {
  readonly fileBytes: number;
  /** `verify` in memory on each backend. */
  readonly wasm: VerificationTime;
  readonly cpu: VerificationTime;
  /** `crosslayer equalize --no-verify --no-sidecar`. */
  readonly without: Cost;
  /** `crosslayer equalize --no-sidecar`. */
  readonly with: Cost;
}

/** What verifying a network on four seeded inputs costs: on both backends, and as a part of `crosslayer equalize`. */
export async function measureVerification(
  network: string,
  input: string,
  rounds: number,
): Promise<Verification> {
  const time = async (backend: 'wasm' | 'cpu', times: number): Promise<VerificationTime> => {
    const { stdout } = await runMeasured(script('verification'), [network, backend, String(times)]);
    return JSON.parse(stdout);
  };
  const output = `${CACHE}/output.${input.split('.').at(-1)}`;
  const runs: Record<'equalize' | 'equalize with proof', ProcessRun[]> = {
    equalize: [],
    'equalize with proof': [],
  };
  for (let round = 0; round < rounds; round++) {
    for (const kind of ['equalize', 'equalize with proof'] as const) {
      runs[kind].push(await runMeasured(...commandLine(kind, input, output)));
      rmSync(output);
    }
  }
  return {
    fileBytes: statSync(input).size,
    wasm: await time('wasm', rounds),
    cpu: await time('cpu', 1),
    without: costOf(runs.equalize),
    with: costOf(runs['equalize with proof']),
  };
}

/**
 * Runs `crosslayer equalize` and the baseline in turns, so that what else the machine does meets both.
 *
 * @param input the model's file; output goes beside it and is removed
 */
export async function measureWholeProcess(
  input: string,
  baseline: Baseline,
  rounds: number,
): Promise<WholeProcess> {
  const output = `${CACHE}/output.${input.split('.').at(-1)}`;
  const run = async (kind: Baseline | 'equalize'): Promise<ProcessRun> => {
    const result = await runMeasured(...commandLine(kind, input, output));
    rmSync(output);
    return result;
  };
  const baselineRuns: ProcessRun[] = [];
  const equalizeRuns: ProcessRun[] = [];
  for (let round = 0; round < rounds; round++) {
    baselineRuns.push(await run(baseline));
    equalizeRuns.push(await run('equalize'));
  }
  return {
    fileBytes: statSync(input).size,
    baseline: costOf(baselineRuns),
    equalize: costOf(equalizeRuns),
  };
}

function commandLine(
  kind: Baseline | 'equalize' | 'equalize with proof',
  input: string,
  output: string,
): [script: string, args: string[]] {
  switch (kind) {
    case 'crosslayer convert':
      return [COMMAND, ['convert', input, '--output', output]];
    case 'equalize':
      return [
        COMMAND,
        ['equalize', input, '--output', output, '--recipe', 'reference', '--no-verify', '--no-sidecar'],
      ];
    case 'equalize with proof':
      return [COMMAND, ['equalize', input, '--output', output, '--recipe', 'reference', '--no-sidecar']];
    case 'h5wasm copy':
      return [script('copy-hdf5'), [input, output]];
  }
}

function costOf(runs: readonly ProcessRun[]): Cost {
  return {
    seconds: median(runs.map(({ seconds }) => seconds)),
    peakBytes: Math.max(...runs.map(({ peakBytes }) => peakBytes)),
  };
}

function script(name: string): string {
  return fileURLToPath(new URL(`./children/${name}.js`, import.meta.url));
}
