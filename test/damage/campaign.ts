/**
 * Damaged models put through the whole job, with bounds on what is read, computed and kept in memory.
 *
 * @module
 */

import { Worker } from 'node:worker_threads';
import { expect } from 'vitest';
import { CrosslayerError } from '../../src/errors.ts';
import { releaseModel } from '../../src/formats/release.ts';
import { writeModelToMemory } from '../../src/formats/write.ts';
import type { Model } from '../../src/model/model.ts';
import { referencePasses } from '../../src/primitives/equalize-model.ts';
import { runPasses } from '../../src/primitives/pass.ts';
import { HANGING_MS } from '../support/hanging.ts';
import { type Random, seededRandom } from '../support/random.ts';
import { HOSTILE_KINDS, hostile } from './hostile.ts';
import { configurationOf, type Files, fixtureFiles, mainName, readFiles } from './model-files.ts';
import { flipped, flippedEntry, reconfigured, truncations, type Variant } from './variants.ts';

/**
 * Multiplies the variants, for campaigns by hand, which find more than the few of each run:
 * `DAMAGE_TIMES=20 DAMAGE_SEED=7 DAMAGE_SIZE=200000 npx vitest run --testTimeout 0 test/damage/fuzz`.
 */
const TIMES = Number(process.env['DAMAGE_TIMES'] ?? 1);
const SEED = Number(process.env['DAMAGE_SEED'] ?? 1);
/** Of one variant, in milliseconds. */
const HANGS_AFTER = Number(process.env['DAMAGE_HANGS'] ?? HANGING_MS);
/** Of what hostile variants have much of: characters, items, levels. */
const SIZE = Number(process.env['DAMAGE_SIZE'] ?? 3000);

/** How much more a job on damaged files may read, to their size, than a job on sound ones. The most is 2.2 times. */
const MOST_READ = 10;
/**
 * How often it may take the time of the processor that a job on sound files does: some 20 ms. The most is 10 times, when
 * garbage is collected; a loop over a damaged number takes thousands.
 */
const MOST_COMPUTED = 250;
/** Jobs on sound files that are measured, after the first. */
const MEASURED = 5;
/**
 * What the resident memory may grow by over a campaign. Models of 60 kB need next to nothing; the HDF5 library keeps
 * the largest piece it ever read, and the collector of garbage its own pace.
 */
const MOST_MEMORY = 400 * 2 ** 20;

/** How a variant ended. */
type Outcome = 'refused' | 'done';

/**
 * Puts a damaged model through the whole job. Anything but a {@link CrosslayerError} escapes.
 *
 * @param onRead is told how many bytes of the files are read.
 */
export async function wholeJob(files: Files, onRead?: (bytes: number) => void): Promise<Outcome> {
  let written: Files;
  try {
    written = await equalized(files, onRead);
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

async function equalized(files: Files, onRead?: (bytes: number) => void): Promise<Files> {
  const model = await readFiles(files, onRead);
  try {
    await runPasses(model, referencePasses());
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
  return campaign(fixture, (files, random) =>
    variantsOf(files, random, flips * TIMES, configurations * TIMES),
  );
}

/**
 * Puts hostile variants of a fixture through the whole job: as many of each kind.
 *
 * @returns how many variants there were.
 */
export async function attack(fixture: string, ofEachKind: number): Promise<number> {
  return campaign(fixture, async function* (files, random) {
    for (const kind of HOSTILE_KINDS) {
      for (let index = 0; index < ofEachKind * TIMES; index++) yield await hostile(files, kind, random, SIZE);
    }
  });
}

async function campaign(
  fixture: string,
  variants: (files: Files, random: Random) => AsyncIterable<Variant>,
): Promise<number> {
  const files = fixtureFiles(fixture);
  expect(await wholeJob(files), `${fixture} undamaged`).toBe('done');
  return withWatchdog(async (watch) => {
    watch(`${fixture} undamaged`);
    const sound = await workOnSound(files);
    let count = 0;
    const escaped: string[] = [];
    const before = process.memoryUsage.rss();
    for await (const variant of variants(files, seededRandom(SEED))) {
      count++;
      const fault = await faultOf(`${fixture}: ${variant.label}`, variant, sound, watch);
      if (fault !== undefined) escaped.push(fault);
    }
    expect(escaped, `${fixture}: of ${count} variants`).toEqual([]);
    const growth = process.memoryUsage.rss() - before;
    expect(growth, `${fixture}: growth of memory over ${count} variants`).toBeLessThan(MOST_MEMORY);
    // The library is as good as new after all of it.
    expect(await wholeJob(files), `${fixture} undamaged, after all others`).toBe('done');
    return count;
  });
}

/** What a job does. */
interface Work {
  /** Of the files, all together. */
  readonly size: number;
  /** Read of them. */
  readonly bytes: number;
  /** Of the processor: what else runs on the machine does not count. */
  readonly microseconds: number;
}

async function workOf(files: Files): Promise<Work> {
  const size = [...files.values()].reduce((sum, { length }) => sum + length, 0);
  let bytes = 0;
  const before = process.cpuUsage();
  await wholeJob(files, (read) => {
    bytes += read;
  });
  const { user, system } = process.cpuUsage(before);
  return { size, bytes, microseconds: user + system };
}

/** Some jobs on sound files; the time is the mean of theirs. */
async function workOnSound(files: Files): Promise<Work> {
  const works: Work[] = [];
  for (let count = 0; count < MEASURED; count++) works.push(await workOf(files));
  const microseconds = works.reduce((sum, work) => sum + work.microseconds, 0) / MEASURED;
  return { ...(works[0] as Work), microseconds };
}

/** What is wrong with how a variant ended; undefined where nothing is. */
async function faultOf(
  label: string,
  { files }: Variant,
  sound: Work,
  watch: Watch,
): Promise<string | undefined> {
  watch(label);
  let work: Work;
  try {
    work = await workOf(files);
  } catch (error) {
    return `${label}: an error that is not ours escaped: ${(error as Error).stack ?? error}`;
  }
  // Variants of compressed entries are not compressed.
  const growth = Math.max(1, work.size / sound.size);
  const [mostBytes, mostTime] = [
    MOST_READ * sound.bytes * growth,
    MOST_COMPUTED * sound.microseconds * growth,
  ];
  if (work.bytes > mostBytes) return `${label}: ${work.bytes} bytes read, of at most ${mostBytes}`;
  if (work.microseconds > mostTime)
    return `${label}: ${work.microseconds} µs computed, of at most ${mostTime}`;
  return undefined;
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

/**
 * Ends this process where `run` does not say within {@link HANGING_MS} what it is at, and says what it was at: nothing else
 * ends a loop in the HDF5 library.
 */
async function withWatchdog<Result>(run: (watch: Watch) => Promise<Result>): Promise<Result> {
  const watchdog = new Worker(WATCHDOG, { eval: true, workerData: HANGS_AFTER });
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
