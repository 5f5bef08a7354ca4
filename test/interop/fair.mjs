/**
 * A fair of architectures: each is made by Keras 3 and Keras 2, goes through every command, and what was written is opened by
 * Keras, TF.js and LiteRT.
 *
 *     node test/interop/fair.mjs [--all] [--write] [WORD…]
 *
 * `--all` takes every model of keras.applications and not the smallest of each family, WORD those with one of the words in their
 * name, such as keras2/ or unet. Results are in .cache/fair/results.json, where WORD leaves those of other models; `--write` puts the tables of all
 * of them into docs/models.md.
 *
 * @module
 */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CLI, withCommands } from './commands.mjs';
import { ENVIRONMENTS, pythonOf } from './environments.mjs';
import { throughCommands, WRITERS } from './fair-commands.mjs';
import { openFiles } from './fair-files.mjs';
import { modelTables } from './fair-table.mjs';
import { runForResults } from './tflite-models.mjs';

const HERE = new URL('./', import.meta.url).pathname;
const ROOT = join(HERE, '..', '..');
const CACHE = join(ROOT, '.cache', 'fair');
const WORK = join(CACHE, 'work');
const RESULTS = join(CACHE, 'results.json');
const PAGE = join(ROOT, 'docs', 'models.md');
const [START, END] = ['<!-- fair -->', '<!-- end of fair -->'];

/** So many are made, written and opened before their files are deleted. */
const BATCH = 8;

const { values: options, positionals: words } = parseArgs({
  options: { all: { type: 'boolean' }, write: { type: 'boolean' } },
  allowPositionals: true,
});
if (!existsSync(CLI)) throw new Error(`${CLI} is missing: npm run build`);
const pythons = new Map();
for (const environment of ENVIRONMENTS.filter(({ name }) => name in WRITERS)) {
  pythons.set(environment.name, await pythonOf(environment, join(ROOT, '.cache', 'interop', 'environments')));
}
rmSync(WORK, { recursive: true, force: true });
mkdirSync(WORK, { recursive: true });
const results = new Map(words.length > 0 ? earlierResults() : []);
const taken = [];
for (const keras of Object.keys(WRITERS)) {
  const names = networksOf(keras);
  for (let at = 0; at < names.length; at += BATCH) {
    for (const result of await resultsOf(keras, names.slice(at, at + BATCH))) {
      results.set(result.name, result);
      taken.push(result);
    }
    writeFileSync(RESULTS, JSON.stringify([...results.values()], undefined, 1));
  }
}
console.log(modelTables(taken));
if (options.write) writePage(modelTables([...results.values()]));
const wrong = taken.flatMap(({ name, faults }) => faults.map((fault) => `${name}: ${fault}`));
for (const line of wrong) console.log(`FAIL  ${line}`);
console.log(`${taken.length} models, ${wrong.length} faults`);
process.exitCode = wrong.length === 0 ? 0 : 1;

/** Of the last runs, in their order, by the names of models. */
function earlierResults() {
  if (!existsSync(RESULTS)) return [];
  return JSON.parse(readFileSync(RESULTS, 'utf8')).map((result) => [result.name, result]);
}

function networksOf(keras) {
  const args = [join(HERE, 'fair_models.py'), '--names', ...(options.all ? ['--all'] : [])];
  const printed = execFileSync(pythons.get(keras), args, { stdio: 'pipe' });
  const isChosen = (name) => words.length === 0 || words.some((word) => `${keras}/${name}`.includes(word));
  return JSON.parse(printed).filter(isChosen);
}

/** Makes the networks, works on each, and has what was written opened. */
async function resultsOf(keras, networks) {
  const models = networks.map((network) => {
    const [name, folder] = [`${keras}/${network}`, join(WORK, keras, network)];
    const model = join(folder, `model${WRITERS[keras].ending}`);
    return { name, network, keras, folder, model, reference: join(folder, 'reference.npz') };
  });
  const made = new Map();
  await runForResults(pythons.get(keras), 'fair_models.py', {
    job: models,
    seen: (result) => made.set(result.name, result),
  });
  const found = [];
  for (const model of models) {
    const { error, ...facts } = made.get(model.name);
    const result = { name: model.name, network: model.network, keras, ...facts, faults: [], files: [] };
    if (error) result.faults.push(`not made: ${error}`);
    else await withCommands((run) => throughCommands(run, { ...model, ...facts }, result));
    found.push(result);
    console.error(`${model.name}: ${result.faults.join('; ') || 'worked on'}`);
  }
  await openFiles(found, pythons);
  rmSync(join(WORK, keras), { recursive: true, force: true });
  return found;
}

function writePage(text) {
  const page = readFileSync(PAGE, 'utf8');
  const [start, end] = [page.indexOf(START), page.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`${PAGE}: ${START} … ${END} is missing`);
  writeFileSync(PAGE, `${page.slice(0, start + START.length)}\n\n${text}\n\n${page.slice(end)}`);
}
