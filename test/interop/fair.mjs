/**
 * A fair of architectures: each is made by Keras 3 and Keras 2, goes through every command, and what was written is opened by
 * Keras, TF.js and LiteRT.
 *
 *     node test/interop/fair.mjs [--all] [--write] [WORD]
 *
 * `--all` takes every model of keras.applications and not the smallest of each family, WORD those with it in their name. Results
 * are in .cache/fair/results.json; `--write` puts the tables into docs/models.md, with all models only.
 *
 * @module
 */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CLI, withCommands } from './commands.mjs';
import { ENVIRONMENTS, pythonOf } from './environments.mjs';
import { modelTables } from './fair-table.mjs';
import { TOLERANCE } from './inputs.mjs';
import { runForLines, runForResults } from './tflite-models.mjs';

const HERE = new URL('./', import.meta.url).pathname;
const ROOT = join(HERE, '..', '..');
const CACHE = join(ROOT, '.cache', 'fair');
const WORK = join(CACHE, 'work');
const PAGE = join(ROOT, 'docs', 'models.md');
const [START, END] = ['<!-- fair -->', '<!-- end of fair -->'];

/** So many are made, written and opened before their files are deleted. */
const BATCH = 8;

/** The target whose file goes on to other formats: it keeps the function. */
const KEEPING = 'float';
const TARGETS = ['int8-per-tensor', 'int8-per-tensor-symmetric', 'int8-per-channel', 'tfjs-uint8', KEEPING];

/** By the Keras that makes the models: how they are saved, and what the equalized file is converted to, with what opens that. */
const WRITERS = {
  keras3: {
    ending: '.keras',
    own: ['.keras', 'keras3'],
    others: [
      ['Keras 3 .h5', ['--keras', '3'], '-3.h5', 'keras3'],
      ['Keras 2 .h5', ['--keras', '2'], '-2.h5', 'keras2'],
    ],
  },
  keras2: {
    ending: '.h5',
    own: ['Keras 2 .h5', 'keras2'],
    others: [
      ['.keras', ['--keras', '3'], '.keras', 'keras3'],
      ['Keras 3 .h5', ['--keras', '3'], '-3.h5', 'keras3'],
    ],
  },
};

const { values: options, positionals } = parseArgs({
  options: { all: { type: 'boolean' }, write: { type: 'boolean' } },
  allowPositionals: true,
});
const [word = ''] = positionals;
if (options.write && word) throw new RangeError('--write needs all models');
if (!existsSync(CLI)) throw new Error(`${CLI} is missing: npm run build`);
const pythons = new Map();
for (const environment of ENVIRONMENTS.filter(({ name }) => name in WRITERS)) {
  pythons.set(environment.name, await pythonOf(environment, join(ROOT, '.cache', 'interop', 'environments')));
}
rmSync(WORK, { recursive: true, force: true });
mkdirSync(WORK, { recursive: true });
const results = [];
for (const keras of Object.keys(WRITERS)) {
  const names = networksOf(keras);
  for (let at = 0; at < names.length; at += BATCH) {
    results.push(...(await resultsOf(keras, names.slice(at, at + BATCH))));
    writeFileSync(join(CACHE, 'results.json'), JSON.stringify(results, undefined, 1));
  }
}
const text = modelTables(results);
console.log(text);
if (options.write) writePage(text);
const wrong = results.flatMap(({ name, faults }) => faults.map((fault) => `${name}: ${fault}`));
for (const line of wrong) console.log(`FAIL  ${line}`);
console.log(`${results.length} models, ${wrong.length} faults`);
process.exitCode = wrong.length === 0 ? 0 : 1;

function networksOf(keras) {
  const args = [join(HERE, 'fair_models.py'), '--names', ...(options.all ? ['--all'] : [])];
  const printed = execFileSync(pythons.get(keras), args, { stdio: ['ignore', 'pipe', 'ignore'] });
  return JSON.parse(printed).filter((name) => `${keras}/${name}`.includes(word));
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
    else await withCommands((run) => work(run, { ...model, ...facts }, result));
    found.push(result);
    console.error(`${model.name}: ${result.faults.join('; ') || 'worked on'}`);
  }
  await openFiles(found);
  rmSync(join(WORK, keras), { recursive: true, force: true });
  return found;
}

/** Every command on one model; what they say goes into `result`. */
async function work(run, { model, folder, reference, keras, input, largest }, result) {
  const started = performance.now();
  const { own, others, ending } = WRITERS[keras];
  const call = async (command, from, ...args) => {
    const { code, stdout, stderr } = await run([command, from, '--json', ...args]);
    if (code !== 0 && code !== 1 && code !== 3) result.faults.push(`${command}: exit code ${code}: ${stderr.slice(-300)}`);
    return { code, report: stdout && JSON.parse(stdout), refusal: lastLine(stderr) };
  };
  const write = (command, from, to, ...args) => call(command, from, '-o', join(folder, to), '--force', ...args);

  const inspected = await call('inspect', model);
  if (inspected.code !== 0) result.faults.push(`inspect: ${inspected.refusal}`);
  else result.layers = inspected.report.layers.length;

  const normalize = ['--normalize', largest === 255 ? 'raw' : 'tf'];
  result.targets = {};
  for (const target of TARGETS) {
    const to = `${target}${ending}`;
    const { code, report, refusal } = await write('equalize', model, to, '--target', target, ...normalize, '--no-trials');
    result.targets[target] = code === 0 ? doneBy(report) : { refusal };
    if (code !== 0) result.faults.push(`equalize --target ${target}: ${refusal}`);
  }

  const equalized = join(folder, `${KEEPING}${ending}`);
  const file = (format, reader, path, rest = {}) => result.files.push({ format, reader, path, reference, ...rest });
  if (existsSync(equalized)) {
    file(...own, equalized);
    for (const [format, args, end, reader] of others) {
      const { code, refusal } = await write('convert', equalized, `other${end}`, ...args);
      file(format, reader, join(folder, `other${end}`), code === 0 ? {} : { refusal });
    }
    const { code, report, refusal } = await write('convert', equalized, 'web');
    const needed = code === 1 ? report.unsupported.map(({ className, activation }) => activation ?? className) : [];
    if (code === 1) await write('convert', equalized, 'web', '--layers-script');
    const script = code === 1 ? { script: join(folder, 'web', 'crosslayer-layers.js'), needed } : {};
    file('TF.js', 'tfjs', join(folder, 'web', 'model.json'), code === 3 ? { refusal } : script);
  }

  const samples = input.map((_, index) => `${reference}.${index}.npy`);
  const tflite = (...args) => write('quantize', model, 'model.tflite', '--inputs', ...samples, ...args);
  const whole = await tflite();
  result.tflite = whole.code === 0 ? writtenAs(whole.report) : { refusal: whole.refusal };
  if (whole.code !== 0) {
    const partly = await tflite('--allow-float');
    result.tflite.inFloat = partly.code === 0 ? writtenAs(partly.report) : { refusal: partly.refusal };
  }
  result.seconds = (performance.now() - started) / 1000;
}

/** What a target did, of the report of `equalize`. */
function doneBy({ passes, verification }) {
  const of = (name) => passes.find(({ pass }) => pass === name);
  return {
    folded: of('fold')?.folded.length,
    regions: of('scale')?.regions.length,
    channels: of('scale')?.regions.reduce((sum, { channels }) => sum + channels, 0),
    carried: of('carry')?.carried.length,
    corrected: of('correct')?.corrected.length,
    left: passes.flatMap(({ pass, left }) => left.map((reason) => ({ pass, ...reason }))),
    proofs: verification.proofs.map(({ pass, keepsFunction, verdict, reason, undone, outputs }) => ({
      ...{ pass, keepsFunction, verdict, reason, undone: undone.length },
      off: Math.max(0, ...(outputs ?? []).map(({ maxRelative }) => maxRelative)),
    })),
    notRun: verification.notRun ?? null,
  };
}

function writtenAs({ check, inFloat, notVerified, bytes }) {
  const sqnrDb = check && Math.min(...check.outputs.map((output) => output.sqnrDb));
  return { sqnrDb, floatLayers: inFloat, notVerified, bytes };
}

/** Has each reader open what is for it, and notes how far its outputs are from the original's. */
async function openFiles(found) {
  const files = found.flatMap(({ name, files }) => files.map((file) => ({ ...file, name: `${name} ${file.format}`, file })));
  const readers = [
    ['keras3', pythons.get('keras3'), 'check.py'],
    ['keras2', pythons.get('keras2'), 'check.py'],
    ['tfjs', process.execPath, 'check-tfjs.mjs'],
  ];
  for (const [reader, interpreter, script] of readers) {
    const theirs = files.filter((file) => file.reader === reader && !file.refusal);
    // Classes that a page registers are there for all models behind it.
    theirs.sort((one, other) => (one.script ? 1 : 0) - (other.script ? 1 : 0));
    const job = theirs.map(({ name, path, reference, script: layers }) => {
      return { name, model: path, reference, tolerance: TOLERANCE, script: layers };
    });
    if (job.length === 0) continue;
    const lines = [];
    const ended = await runForLines(interpreter, script, { job, seen: (line) => lines.push(line) }).catch(
      (error) => error.message,
    );
    const answers = new Map(lines.map((line) => readLine(line)));
    for (const { name, file } of theirs) Object.assign(file, answers.get(name) ?? { reason: ended ?? 'no answer' });
  }
  for (const result of found) {
    for (const { format, refusal, isSame, reason } of result.files) {
      if (!refusal && !isSame) result.faults.push(`${format}: ${reason}`);
    }
  }
}

/** The name of a check, and what its line says. */
function readLine(line) {
  const [, verdict, off, name, error] = /^(\S+) +(\S*\d|\w+(?=  ))? +(\S+ [.\w ]+?)(?:: (.*))?$/.exec(line);
  const reason = error ?? `differs by ${off}`;
  return [name, verdict === 'ok' ? { isSame: true, off: Number(off) } : { isSame: false, reason }];
}

function lastLine(text) {
  return text.trim().split('\n').at(-1).replaceAll(WORK, '');
}

function writePage(text) {
  const page = readFileSync(PAGE, 'utf8');
  const [start, end] = [page.indexOf(START), page.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`${PAGE}: ${START} … ${END} is missing`);
  writeFileSync(PAGE, `${page.slice(0, start + START.length)}\n\n${text}\n\n${page.slice(end)}`);
}
