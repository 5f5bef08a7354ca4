/**
 * What `quantize -o model.tflite` writes, run by LiteRT and compiled for Ethos-U by Vela.
 *
 * @module
 */

import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { withCommands } from './commands.mjs';
import { quantizedModels } from './quantized-models.mjs';
import { runForResults } from './tflite-models.mjs';

/** Begins the name of every check. */
export const QUANTIZED = 'quantized';

/** One of each family that the summary of the command speaks of. */
const ACCELERATORS = ['ethos-u55-128', 'ethos-u65-256'];

/** Of the codes of an output those that XNNPACK of this package, in wasm, may have otherwise; none were seen. */
const SHARE_OF_WASM = 0.01;

const run = promisify(execFile);

/** Writes all files and has them checked; `pass` and `fail` get a line for each check, `log` what is not run. */
export async function checkQuantized(pythons, work, { isSelection, isChosen, ...output }) {
  const folder = join(work, QUANTIZED);
  mkdirSync(folder, { recursive: true });
  const chosen = ({ name }) => isChosen({ name: `${QUANTIZED}/${name}` });
  const { models, leftOut } = quantizedModels(folder, { isSelection, isChosen: chosen });
  for (const name of leftOut) output.log(`left out: ${QUANTIZED}/${name}: no such file`);
  const opened = models
    .filter(({ keras }) => pythons.has(keras))
    .map((model) => ({ ...model, reference: join(folder, `${fileName(model.name)}.npz`) }));
  const files = await withCommands(async (command) => {
    const crosslayer = async (...args) => {
      const { code, stdout, stderr } = await command(args);
      if (code !== 0) throw new Error(`crosslayer ${args.join(' ')} ended with ${code}: ${stderr}`);
      return stdout;
    };
    for (const keras of new Set(opened.map((model) => model.keras))) {
      const job = [];
      for (const { path, reference, isMade, inputs } of opened.filter((model) => model.keras === keras)) {
        job.push({ model: await original(crosslayer, path, folder), reference, made: isMade, inputs });
      }
      await runForResults(pythons.get(keras), 'quantized_originals.py', { job });
    }
    const written = [];
    for (const model of opened) {
      for (const [weights, io] of model.files)
        written.push(await write(crosslayer, model, { weights, io, folder }));
    }
    return written;
  });
  await checkRuns(pythons.get('litert'), files, output);
  // They have been the same so far.
  const accelerators = isSelection ? ACCELERATORS.slice(0, 1) : ACCELERATORS;
  await checkCompiled(pythons.get('vela'), files, { accelerators, ...output });
}

function fileName(name) {
  return name.replaceAll('/', '-');
}

/** The file that Keras opens: no Keras opens a TF.js model, and what `convert` makes of it stands for it. */
async function original(crosslayer, path, folder) {
  if (/\.\w+$/.test(path)) return path;
  const made = join(folder, `${basename(path)}.h5`);
  await crosslayer('convert', path, '-o', made);
  return made;
}

/** The file of a model, as the command writes it, with the command's report. */
async function write(crosslayer, { files: _, ...model }, { weights, io, folder }) {
  const path = join(folder, `${fileName(model.name)}-${weights}-${io}.tflite`);
  const inputs = Array.from({ length: model.ports }, (_unused, index) => `${model.reference}.${index}.npy`);
  const how = model.measured ? ['--inputs', ...inputs] : ['--no-verify'];
  const args = ['quantize', model.path, '-o', path, '--weights', weights, '--io', io, '--json', ...how];
  const stdout = await crosslayer(...args);
  const name = `${QUANTIZED}/${model.name} ${weights} ${io}`;
  return { ...model, name, io, path, others: `${path}.`, report: JSON.parse(stdout) };
}

async function checkRuns(interpreter, files, { pass, fail, log }) {
  if (!interpreter) return log(`litert is not installed: ${files.length} files not run`);
  const jobs = files.map(({ name, path, reference, others }) => ({ name, model: path, reference, others }));
  await runForResults(process.execPath, 'quantized-wasm.mjs', { job: jobs });
  const byName = new Map(files.map((file) => [file.name, file]));
  const seen = ({ name, error, ...result }) => {
    const report = (isRight, line) => (isRight ? pass : fail)(`litert ${name}: ${line}`);
    if (error !== undefined) return report(false, error);
    const { least, steps } = byName.get(name);
    const { xnnpack, outputs, builtinOutputs, accuracy } = result;
    const right = accuracy === null ? '' : `, accuracy ${percent(accuracy)}`;
    const isRight = (accuracy ?? 1) >= (least.accuracy ?? 0);
    report(xnnpack && isRight && isGood(outputs, least), `XNNPACK beside Keras ${goodness(outputs)}${right}`);
    report(isGood(builtinOutputs, least), `built-in kernels beside Keras ${goodness(builtinOutputs)}`);
    const builtin = farthest(result.builtin);
    report(steps === undefined || builtin.most <= steps, `built-in kernels beside XNNPACK ${apart(builtin)}`);
    const wasm = farthest(result.wasm);
    report(wasm.share <= SHARE_OF_WASM, `wasm beside XNNPACK ${apart(wasm)}`);
  };
  await runForResults(interpreter, 'litert_run.py', { job: jobs, seen });
}

async function checkCompiled(interpreter, files, { accelerators, pass, fail, log }) {
  if (!interpreter) return log(`vela is not installed: ${files.length} files not compiled`);
  for (const { name, io, path, notOnNpu, report } of files) {
    for (const accelerator of accelerators) {
      const { left, count } = await compiled(interpreter, path, accelerator);
      const stated = [...notOnNpu, ...(io === 'float32' ? FLOAT_ENDS : [])];
      const isStated = ([op, layer, reason]) =>
        stated.some(
          (one) => one[0] === op && (one[1] === undefined || one[1] === layer) && reason.startsWith(one[2]),
        );
      const ours = report.notTaken
        .filter(({ hardware }) => hardware === 'Ethos-U')
        .flatMap(({ op, layers }) => layers.map((layer) => `${op} ${layer}`));
      const theirs = left.map(([op, layer]) => `${op} ${layer}`);
      const isSame = ours.sort().join() === theirs.sort().join();
      const isRight =
        isSame && count === left.length && left.every(isStated) && left.length >= notOnNpu.length;
      const operators = report.operators.reduce((sum, one) => sum + one.count, 0);
      const told = left.length === 0 ? '' : `; not ${left.map((one) => one.join(' ')).join('; ')}`;
      const differs = isSame ? '' : `; our summary has ${ours.join(', ') || 'none'}`;
      const line = `${accelerator} ${name}: ${operators - left.length} of ${operators} operators on the NPU${told}${differs}`;
      (isRight ? pass : fail)(`vela ${line}`);
    }
  }
}

/** With floats at the ends. */
const FLOAT_ENDS = [
  ['QUANTIZE', undefined, 'Operation has tensor with unsupported DataType Float32'],
  ['DEQUANTIZE', undefined, 'Unsupported opType'],
];

/** What Vela leaves to the CPU, each operator with its layer and the reason, and how many operators it counts there. */
async function compiled(interpreter, path, accelerator) {
  const args = ['-m', 'ethosu.vela', path, '--accelerator-config', accelerator];
  const { stdout } = await run(interpreter, [...args, '--output-dir', `${path}.${accelerator}`]);
  const left = Array.from(stdout.matchAll(/operator: (\w+), ofm: '(.+)'\nReason: (.+)/g), (found) => {
    const [, op, tensor, reason] = found;
    return [op, tensor.replace(/^the input /, '').replace(/;[^;]*$/, ''), reason];
  });
  return { left, count: Number(/CPU operators = (\d+)/.exec(stdout)?.[1] ?? Number.NaN) };
}

function isGood(outputs, { sqnr, top1 = 0 }) {
  return outputs.every((output) => output.sqnr >= sqnr && (output.sameTop1 ?? 1) >= top1);
}

/** Of the worst of several outputs. */
function goodness(outputs) {
  const classes = outputs.flatMap(({ sameTop1 }) => sameTop1 ?? []);
  const top1 = classes.length === 0 ? '' : `, same top-1 ${percent(Math.min(...classes))}`;
  return `SQNR ${Math.min(...outputs.map(({ sqnr }) => sqnr)).toFixed(1)} dB${top1}`;
}

function farthest(outputs) {
  return {
    most: Math.max(...outputs.map(({ most }) => most)),
    share: Math.max(...outputs.map(({ share }) => share)),
  };
}

function apart({ most, share }) {
  return `up to ${percent(share)} of the codes of an output differ, by up to ${most}`;
}

function percent(share) {
  return `${(100 * share).toFixed(2)} %`;
}
