/**
 * `npm run bench`: measures reading, equalizing and writing of full-size networks, and prints tables.
 *
 * `-- --write` puts the tables into docs/benchmarks.md; names of networks measure those alone.
 *
 * @module
 */

import { parseArgs } from 'node:util';
import {
  measureGrowth,
  measureInMemory,
  measureRelu6,
  measureVerification,
  measureWholeProcess,
} from './measure.ts';
import { type Ending, modelFile } from './model-files.ts';
import { NETWORKS, THIRTY_CONVS } from './networks/index.ts';
import { GROWING } from './networks/residual-blocks.ts';
import { type BenchResults, renderTables, writeTables } from './tables.ts';

const LARGE = 'thirty-convs';
const GROWTH = 'growth';
const ENDINGS: readonly Ending[] = ['h5', 'keras'];
/** The CPU backend takes minutes for the others. */
const VERIFIED = new Set(['mobilenet-v2', 'resnet50']);
const WITH_RELU6 = new Set(['mobilenet-v2']);

const { values: options, positionals } = parseArgs({
  options: { write: { type: 'boolean', default: false }, rounds: { type: 'string', default: '5' } },
  allowPositionals: true,
});
const rounds = Number(options.rounds);
if (!Number.isInteger(rounds) || rounds < 1)
  throw new RangeError(`--rounds ${options.rounds}: give 1 or more`);
const names = positionals.length === 0 ? [...Object.keys(NETWORKS), LARGE, GROWTH] : positionals;
if (options.write && positionals.length > 0) throw new RangeError('--write needs all networks');

const results: BenchResults = {
  rounds,
  inMemory: [],
  wholeProcess: [],
  large: [],
  verification: [],
  relu6: [],
  growth: [],
};
for (const name of names) {
  if (name === GROWTH) {
    for (const [title, sizes] of GROWING) {
      progress(`growing: ${title}`);
      results.growth.push({ title, sizes: await measureGrowth(sizes, rounds) });
    }
    continue;
  }
  const network = name === LARGE ? THIRTY_CONVS : NETWORKS[name];
  if (!network)
    throw new RangeError(`${name}: choose from ${[...Object.keys(NETWORKS), LARGE, GROWTH].join(', ')}`);
  const { title, parameters } = network;
  if (name === LARGE) {
    progress(`${title}: whole process`);
    const input = await modelFile(name, network, 'h5');
    results.large.push({ title, ending: 'h5', ...(await measureWholeProcess(input, 'h5wasm copy', rounds)) });
    continue;
  }
  progress(`${title}: in memory`);
  results.inMemory.push({ title, parameters, ...(await measureInMemory(name)) });
  for (const ending of ENDINGS) {
    progress(`${title}: whole process, .${ending}`);
    const input = await modelFile(name, network, ending);
    const measured = await measureWholeProcess(input, 'crosslayer convert', rounds);
    results.wholeProcess.push({ title, ending, ...measured });
  }
  if (VERIFIED.has(name)) {
    progress(`${title}: verification`);
    const input = await modelFile(name, network, 'h5');
    results.verification.push({ title, ...(await measureVerification(name, input, rounds)) });
  }
  if (WITH_RELU6.has(name)) {
    progress(`${title}: ReLU6`);
    results.relu6.push({ title, ...(await measureRelu6(name, rounds)) });
  }
}
const tables = renderTables(results);
console.log(tables);
if (options.write) writeTables(tables);

function progress(what: string): void {
  process.stderr.write(`${what} …\n`);
}
