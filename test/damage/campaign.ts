/**
 * Damaged models put through the whole job, with bounds on time and memory.
 *
 * @module
 */

import { Worker } from 'node:worker_threads';
import { expect } from 'vitest';
import { CrosslayerError } from '../../src/errors.ts';
import { releaseModel } from '../../src/formats/release.ts';
import { writeModelToMemory } from '../../src/formats/write.ts';
import type { Model } from '../../src/model/model.ts';
import { runSteps, STEPS } from '../../src/primitives/run-steps.ts';
import { type Random, seededRandom } from '../support/random.ts';
import { configurationOf, type Files, fixtureFiles, mainName, readFiles } from './model-files.ts';
import { flipped, flippedEntry, reconfigured, truncations, type Variant } from './variants.ts';

/**
 * Multiplies the variants, for campaigns by hand: `DAMAGE_TIMES=20 DAMAGE_SEED=7 npx vitest run test/damage/fuzz`.
 */
const TIMES = Number(process.env['DAMAGE_TIMES'] ?? 1);
const SEED = Number(process.env['DAMAGE_SEED'] ?? 1);

/** For all variants of one fixture. */
export const TIMEOUT_MS: number = 60_000 * TIMES;

/** Damage that is found at once takes a millisecond, a whole job some 20; the rest is for busy machines. */
const SLOWEST_MS = 5_000;
/** Past this a variant hangs: the process is ended, because nothing else ends a loop in the HDF5 library. */
const HANGING_MS = 30_000;
/**
 * What the resident memory may grow by over a campaign. Models of 60 kB need next to nothing; the HDF5 library keeps
 * the largest piece it ever read, and the collector of garbage its own pace.
 */
const MOST_MEMORY = 400 * 2 ** 20;

/** How a variant ended. */
type Outcome = 'refused' | 'done';

/** Puts a damaged model through the whole job. Anything but a {@link CrosslayerError} escapes. */
export async function wholeJob(files: Files): Promise<Outcome> {
  let written: Files;
  try {
    written = await equalized(files);
  } catch (error) {
    if (error instanceof CrosslayerError) return 'refused';
    throw error;
  }
  // What was written reads again, without exception.
  const again = await readFiles(written);
  readWeights(again);
  releaseModel(again);
  return 'done';
}

async function equalized(files: Files): Promise<Files> {
  const model = await readFiles(files);
  try {
    runSteps(model, STEPS);
    readWeights(model);
    return (await writeModelToMemory(model, { name: mainName(files) })).files;
  } finally {
    releaseModel(model);
  }
}

function readWeights(model: Model): void {
  for (const { layer } of model.allLayers()) for (const tensor of layer.weights.values()) tensor.values();
}

/**
 * Puts a fixture with all kinds of damage through the whole job: each file cut off at every 64th of it, `flips` with
 * bytes changed, `configurations` with values of the configuration changed.
 *
 * @returns how many variants there were.
 */
export async function damage(fixture: string, flips: number, configurations: number): Promise<number> {
  const files = fixtureFiles(fixture);
  const random = seededRandom(SEED);
  expect(await wholeJob(files), `${fixture} undamaged`).toBe('done');
  return withWatchdog(async (watch) => {
    let count = 0;
    const before = process.memoryUsage.rss();
    for await (const variant of variantsOf(files, random, flips * TIMES, configurations * TIMES)) {
      count++;
      await runVariant(`${fixture}: ${variant.label}`, variant, watch);
    }
    const growth = process.memoryUsage.rss() - before;
    expect(growth, `${fixture}: growth of memory over ${count} variants`).toBeLessThan(MOST_MEMORY);
    // The library is as good as new after all of it.
    expect(await wholeJob(files), `${fixture} undamaged, after all others`).toBe('done');
    return count;
  });
}

async function runVariant(label: string, { files }: Variant, watch: Watch): Promise<void> {
  watch(label);
  const start = performance.now();
  try {
    await wholeJob(files);
  } catch (error) {
    throw new Error(`${label}: an error that is not ours escaped`, { cause: error });
  }
  expect(performance.now() - start, `${label}: milliseconds`).toBeLessThan(SLOWEST_MS);
}

async function* variantsOf(
  files: Files,
  random: Random,
  flips: number,
  configurations: number,
): AsyncGenerator<Variant> {
  yield* truncations(files);
  const isZip = mainName(files).endsWith('.keras');
  for (let index = 0; index < flips; index++) {
    yield isZip && index % 3 > 0 ? flippedEntry(files, random) : flipped(files, random);
  }
  const configuration = await configurationOf(files);
  for (let index = 0; index < configurations; index++) yield await reconfigured(configuration, random);
}

type Watch = (label: string) => void;

/** Ends this process where `run` does not say within {@link HANGING_MS} what it is at, and says what it was at. */
async function withWatchdog<Result>(run: (watch: Watch) => Promise<Result>): Promise<Result> {
  const watchdog = new Worker(WATCHDOG, { eval: true, workerData: HANGING_MS });
  try {
    return await run((label) => watchdog.postMessage(label));
  } finally {
    await watchdog.terminate();
  }
}

const WATCHDOG = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { writeSync } = require('node:fs');
  let label = 'nothing yet';
  let since = Date.now();
  parentPort.on('message', (next) => { label = next; since = Date.now(); });
  setInterval(() => {
    if (Date.now() - since < workerData) return;
    writeSync(2, 'hangs: ' + label + '\\n');
    process.kill(process.pid, 'SIGKILL');
  }, 500);
`;
