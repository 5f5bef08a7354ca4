/**
 * Opens what `crosslayer` writes with the Keras of three generations, and with TF.js, and compares outputs with the originals';
 * converts the example to integers with TensorFlow Lite; runs what `quantize` writes with LiteRT, and compiles it for Ethos-U.
 *
 *     node test/interop/run.mjs [WORD]           only inputs with WORD in their name
 *     node test/interop/run.mjs --selection      one input of every kind, as in CI
 *     node test/interop/run.mjs --install        makes the environments and checks nothing; with --selection those of CI
 *
 * @module
 */

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CLI, withCommands } from './commands.mjs';
import { ENVIRONMENTS, pythonOf } from './environments.mjs';
import { allInputs, REFUSED, TOLERANCE } from './inputs.mjs';
import { checkQuantized, QUANTIZED } from './quantized-check.mjs';
import { kindsLacking, selected } from './selection.mjs';
import { targetInputs } from './targets.mjs';
import { checkTflite, TFLITE } from './tflite-check.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '..', '..');
const CACHE = join(ROOT, '.cache', 'interop');
const WORK = join(CACHE, 'work');

const KEEPING_FUNCTION = ['--steps', 'fold,scale'];

/** Exit code of the command for input or output that it does not support. */
const UNSUPPORTED = 3;

const totals = { passed: 0, failed: 0 };

function log(line) {
  process.stdout.write(`${line}\n`);
}

function pass(line) {
  totals.passed += 1;
  log(`ok            ${line}`);
}

function fail(line) {
  totals.failed += 1;
  log(`FAIL          ${line}`);
}

/** Pythons by the name of their environment; one that cannot be installed has none. */
async function installEnvironments() {
  const pythons = new Map();
  const install = async (environment) => {
    const { name, what, required } = environment;
    try {
      pythons.set(name, await pythonOf(environment, join(CACHE, 'environments')));
      log(`${name} (${what}): ready`);
    } catch (error) {
      const report = required ? fail : log;
      report(`${name} (${what}): not installed: ${error.message}`);
    }
  };
  const wanted = ENVIRONMENTS.filter(({ isOfSelection }) => !options.selection || isOfSelection !== false);
  await Promise.all(wanted.map(install));
  return pythons;
}

/** Every input in all ways that it is not left out of. */
function plan(inputs) {
  return inputs.flatMap((input) =>
    Object.entries(input.ways)
      .filter(([, readers]) => typeof readers !== 'string')
      .map(([way, readers]) => {
        const words = way.split(' ');
        const folder = words.slice(0, -1).join('');
        return {
          name: `${input.name} ${way}`,
          args: words.slice(0, -1),
          input,
          output: join(WORK, folder, `${input.name}${words.at(-1)}`),
          readers,
        };
      }),
  );
}

/** Runs a command; resolves to its exit code and what it says to stderr, and what its own proof found wrong. */
async function crosslayer(run, [command, ...options], input, output) {
  mkdirSync(dirname(output), { recursive: true });
  const steps = command === 'equalize' ? KEEPING_FUNCTION : [];
  const { code, stdout, stderr } = await run([command, input, '-o', output, '--json', ...options, ...steps]);
  const disproof = code === 0 && command === 'equalize' ? disproofIn(JSON.parse(stdout)) : undefined;
  return { code, message: stderr.trim().slice(0, 400), disproof };
}

/** A step that the command saw to change the function, which none of {@link KEEPING_FUNCTION} does. */
function disproofIn({ verification }) {
  const wrong = verification.proofs.find(
    ({ verdict, undone }) => verdict === 'different' || undone.length > 0,
  );
  return wrong && `${wrong.pass}: ${wrong.reason ?? JSON.stringify(wrong.undone)}`;
}

/** Runs a script with `input` as JSON on its stdin and shows its lines; resolves to them. */
function runScript(interpreter, script, args, input) {
  return new Promise((resolve) => {
    // TensorFlow is compiled when it is imported first, and that is kept.
    const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '' };
    const child = spawn(interpreter, [join(HERE, script), ...args], { cwd: WORK, env });
    const lines = [];
    let stderr = '';
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      log(line);
    });
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    child.on('error', (error) => fail(`${script}: ${error.message}`));
    child.on('close', (code) => {
      if (code !== 0) fail(`${script} ended with ${code}: ${stderr.slice(-2000)}`);
      resolve(lines);
    });
    child.stdin.on('error', () => {}); // The script is gone; its exit code is reported.
    child.stdin.end(JSON.stringify(input));
  });
}

/** Makes the networks and the references that are not there yet. */
async function makeOriginals(inputs, pythons) {
  const converted = new Map(
    inputs.filter(({ convert }) => convert).map((input) => [input.path, input.original]),
  );
  await withCommands(async (run) => {
    for (const [path, original] of converted) {
      const { code, message } = await crosslayer(run, ['convert'], path, original);
      if (code !== 0) fail(`${path} cannot be converted: ${message}`);
    }
  });
  await Promise.all(['keras2', 'keras3'].map((name) => record(name, pythons.get(name), inputs)));
}

/** Those that the environment `name` makes. */
async function record(name, interpreter, inputs) {
  const theirs = inputs.filter((input) => input.record === name);
  if (!interpreter || theirs.length === 0) return;
  const folder = join(WORK, name);
  mkdirSync(folder, { recursive: true });
  const networks = new Set(theirs.flatMap(({ network }) => network ?? []));
  // The two files of a network have one reference.
  const models = new Map(theirs.map((input) => [input.reference, input]));
  const jobs = Array.from(models, ([reference, { path, original, range, withoutRelu6 }]) => {
    return { model: original ?? path, reference, range, withoutRelu6 };
  });
  const lines = await runScript(interpreter, 'make_originals.py', [folder, ...networks], jobs);
  totals.failed += lines.filter((line) => line.startsWith('FAIL')).length;
}

/** Runs all commands, as many at a time as there are processors; returns those that wrote a file. */
async function writeAll(tasks) {
  const written = [];
  const queue = [...tasks];
  const worker = async (run) => {
    for (let task = queue.shift(); task; task = queue.shift()) {
      const { code, message, disproof } = await crosslayer(run, task.args, task.input.path, task.output);
      if (disproof) fail(`${task.name}: its own proof: ${disproof}`);
      if (task.readers === REFUSED) {
        if (code === UNSUPPORTED) pass(`${task.name} is refused`);
        else fail(`${task.name}: exit code ${code} instead of a refusal: ${message}`);
      } else if (code === 0) written.push(task);
      else fail(`${task.name}: exit code ${code}: ${message}`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, () => withCommands(worker)));
  return written;
}

/** Equalizes for targets; returns the tasks that wrote a file. */
async function writeTargets(tasks) {
  const jobs = tasks.map(({ name, path, options, output, dialect }) => ({
    name,
    path,
    options,
    output,
    dialect,
  }));
  await runScript(process.execPath, 'write-targets.mjs', [], jobs);
  const written = tasks.filter(({ output }) => existsSync(output));
  totals.failed += tasks.length - written.length;
  return written;
}

/** Opens and compares all that `environment` should read, with a script of that name. */
async function check(environment, interpreter, tasks, script = 'check.py') {
  const jobs = tasks
    .filter(({ readers }) => readers.includes(environment))
    .map(({ name, input, output }) => ({
      name: `${environment} ${name}`,
      model: output,
      reference: input.reference,
      tolerance: input.tolerance ?? TOLERANCE,
    }));
  if (jobs.length === 0) return;
  if (!interpreter) {
    log(`${environment} is not installed: ${jobs.length} checks not run`);
    return;
  }
  const lines = await runScript(interpreter, script, [], jobs);
  const passed = lines.filter((line) => line.startsWith('ok ')).length;
  totals.passed += passed;
  totals.failed += jobs.length - passed;
}

/** Runs every original with the runner of this package. What it cannot run is shown with the reason. */
async function checkRunner(inputs) {
  const jobs = inputs.map(({ name, path, reference, tolerance = TOLERANCE }) => ({
    name: `runner ${name}`,
    model: path,
    reference,
    tolerance,
  }));
  const lines = await runScript(process.execPath, 'check-runner.mjs', [], jobs);
  const passed = lines.filter((line) => line.startsWith('ok ')).length;
  const notRun = lines.filter((line) => line.startsWith('not run ')).length;
  totals.passed += passed;
  totals.failed += jobs.length - passed - notRun;
}

/** Integers alone, of the example. */
async function checkIntegers(interpreter) {
  if (!interpreter) {
    log('keras3 is not installed: tflite not run');
    return;
  }
  await checkTflite(interpreter, WORK, { pass, fail }).catch((error) => fail(`${TFLITE}: ${error.message}`));
}

/** What `quantize` writes. */
function checkWritten(pythons, isChosen) {
  const how = { isSelection: options.selection === true, isChosen, ...{ pass, fail, log } };
  return checkQuantized(pythons, WORK, how).catch((error) => fail(`${QUANTIZED}: ${error.message}`));
}

const { values: options, positionals } = parseArgs({
  options: { selection: { type: 'boolean' }, install: { type: 'boolean' } },
  allowPositionals: true,
});

/** All inputs and targets, those that were asked for, and what is left out of them, which is said. */
function chosenInputs() {
  const { inputs, leftOut } = allInputs(WORK);
  const all = { inputs, targets: targetInputs(inputs, WORK) };
  for (const sentence of [...leftOut, ...all.targets.flatMap((target) => target.leftOut ?? [])]) {
    log(`left out: ${sentence}`);
  }
  if (options.selection) {
    const selection = selected(inputs, all.targets);
    const lacking = kindsLacking(all, selection);
    if (lacking.length === 0) pass('the selection has one of every kind');
    for (const kind of lacking) fail(`the selection has none: ${kind}`);
    return { ...selection, hasTflite: true, isChosen: () => true };
  }
  const [word = ''] = positionals;
  const isChosen = ({ name }) => name.includes(word);
  return {
    inputs: inputs.filter(isChosen),
    targets: all.targets.filter(isChosen),
    hasTflite: isChosen({ name: TFLITE }),
    isChosen,
  };
}

async function checkAll(pythons) {
  const { inputs, targets, hasTflite, isChosen } = chosenInputs();
  await makeOriginals([...inputs, ...targets], pythons);
  const written = await Promise.all([
    writeAll(plan(inputs)),
    writeTargets(targets.flatMap(({ tasks }) => tasks)),
  ]);
  await Promise.all([
    ...ENVIRONMENTS.map(({ name }) => check(name, pythons.get(name), written.flat())),
    check('tfjs', process.execPath, written.flat(), 'check-tfjs.mjs'),
    ...(inputs.length > 0 ? [checkRunner(inputs)] : []),
    ...(hasTflite ? [checkIntegers(pythons.get('keras3'))] : []),
    checkWritten(pythons, isChosen),
  ]);
}

if (!existsSync(CLI) && !options.install) throw new Error(`${CLI} is missing: npm run build`);
rmSync(WORK, { recursive: true, force: true });
mkdirSync(WORK, { recursive: true });
const pythons = await installEnvironments();
if (!options.install) {
  await checkAll(pythons);
  if (totals.failed === 0) rmSync(WORK, { recursive: true, force: true });
  else log(`what was written is in ${relative(process.cwd(), WORK)}`);
  log(`${totals.passed} passed, ${totals.failed} failed`);
}
process.exitCode = totals.failed === 0 ? 0 : 1;
