/**
 * `npm run bench:converter`: `crosslayer quantize` and TensorFlow's converters to TF.js and to TFLite on the same networks: what
 * the written files still compute, what they weigh, what making them takes, and what installing the tools takes, as tables.
 *
 * `-- --write` puts the tables into docs/accuracy.md; names of networks (or `example`) measure those alone, `--part tfjs` or
 * `--part tflite` one of the two, `--way TEXT` some ways to `.tflite`, `--rounds` says how often each way is timed, and `--install` installs the converters anew.
 *
 * @module
 */

import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Model } from '../../src/model/model.ts';
import { closeModel, loadModel } from '../../src/node.ts';
import { accuracyOf } from '../../src/verification/comparing/accuracy.ts';
import { recordRun } from '../../src/verification/comparing/model-run.ts';
import { TfjsRunner } from '../../src/verification/run/runner.ts';
import { BATCH, labelledImages, unlabelledInputs } from '../accuracy/inputs.ts';
import { EXAMPLE, NETWORKS, SHARED } from '../accuracy/networks.ts';
import { inTurns, measureWays, outputOf } from './costs.ts';
import { install } from './installations.ts';
import {
  type NetworkResults,
  renderTables,
  renderTfliteTables,
  writeTables,
  writeTfliteTables,
} from './tables.ts';
import { measureTfliteNetwork, TFLITE_NETWORKS, type TfliteResults } from './tflite-networks.ts';
import { STARTS, WAYS } from './ways.ts';
import { type Expected, measureWritten } from './written-model.ts';

/** In float before, which the others of the accuracy bench are not. */
const PUBLISHED = ['v1', 'dogs'];

const { values: options, positionals } = parseArgs({
  options: {
    write: { type: 'boolean', default: false },
    install: { type: 'boolean', default: false },
    part: { type: 'string', default: '' },
    way: { type: 'string', default: '' },
    rounds: { type: 'string', default: '3' },
  },
  allowPositionals: true,
});
const rounds = Number(options.rounds);
if (!Number.isInteger(rounds) || rounds < 1)
  throw new RangeError(`--rounds ${options.rounds}: give 1 or more`);
const parts = ['tfjs', 'tflite'].filter((part) => part.includes(options.part));
const [unknown] = positionals.filter((name) => !TFLITE_NETWORKS.includes(name));
if (unknown !== undefined) throw new RangeError(`${unknown}: choose from ${TFLITE_NETWORKS.join(', ')}`);
if (options.write && (positionals.length > 0 || options.way !== ''))
  throw new RangeError('--write needs everything');

progress('installing');
const installations = await install({ again: options.install });
const runner = await TfjsRunner.create();
if (parts.includes('tfjs')) {
  progress('starting the tools');
  const starts = await inTurns(new Map(STARTS.map(({ title, command }) => [title, [command]])), rounds);
  const networks: NetworkResults[] = [];
  for (const name of chosen([...PUBLISHED, 'example'])) {
    const source = sourceOf(name);
    if (existsSync(source)) networks.push(await measureNetwork(name, source));
    else leaveOut(name);
  }
  const tables = renderTables({
    rounds,
    installations,
    starts: [...starts].map(([title, cost]) => ({ title, cost })),
    networks,
  });
  console.log(tables);
  if (options.write) writeTables(tables);
}
if (parts.includes('tflite')) {
  const networks: TfliteResults[] = [];
  for (const name of chosen(TFLITE_NETWORKS)) {
    progress(`${name} to .tflite`);
    const measured = await measureTfliteNetwork(name, { rounds, way: options.way });
    if (measured) networks.push(measured);
    else leaveOut(name);
  }
  const tables = renderTfliteTables(networks, rounds);
  console.log(tables);
  if (options.write) writeTfliteTables(tables);
}

function chosen(names: readonly string[]): string[] {
  return names.filter((name) => positionals.length === 0 || positionals.includes(name));
}

function leaveOut(name: string): void {
  if (options.write) throw new Error(`${name} is missing, and --write needs everything`);
  progress(`${name}: left out, it is missing`);
}

async function measureNetwork(name: string, source: string): Promise<NetworkResults> {
  const title = NETWORKS[name]?.title ?? EXAMPLE.title;
  progress(title);
  const costs = await measureWays(WAYS, { name, path: source, rounds });
  const original = await loadModel(source);
  const expected = await expectedOf(name, original);
  closeModel(original);
  const ways: NetworkResults['ways'][number][] = [];
  for (const way of WAYS) {
    const written = await measureWritten(outputOf(name, way), expected);
    ways.push({ title: way.title, cost: costs.get(way)!, written });
    process.stderr.write(`  ${JSON.stringify(ways.at(-1))}\n`);
  }
  const { run, labels } = expected;
  return { title, ways, accuracy: labels && accuracyOf(run, labels)?.accuracy };
}

function sourceOf(name: string): string {
  const network = NETWORKS[name];
  return network ? `${SHARED}/${network.path}` : EXAMPLE.model;
}

async function expectedOf(name: string, original: Model): Promise<Expected> {
  const bench = await inputsOf(name, original);
  return { ...bench, run: await recordRun(original, bench) };
}

async function inputsOf(name: string, model: Model): Promise<Omit<Expected, 'run'>> {
  const network = NETWORKS[name];
  if (!network) {
    const { images, labels } = await labelledImages(model);
    return { runner, inputs: [images], batchSize: BATCH.small, labels };
  }
  const inputs = await unlabelledInputs(model, network);
  return { runner, inputs, batchSize: BATCH.photographs, labels: undefined };
}

function progress(what: string): void {
  process.stderr.write(`${what} …\n`);
}
