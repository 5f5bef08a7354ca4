/**
 * Every command on one model of the fair.
 *
 * @module
 */

import { join } from 'node:path';

/** The target whose file goes on to other formats: it keeps the function. */
const KEEPING = 'float';
const TARGETS = ['int8-per-tensor', 'int8-per-tensor-symmetric', 'int8-per-channel', 'tfjs-uint8', KEEPING];

/** Done, a check failed, or not supported; any other is a crash. */
const EXIT_CODES = [0, 1, 3];

/** By the Keras that makes the models: how they are saved, and what the equalized file is converted to, with what opens that. */
export const WRITERS = {
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

/**
 * Runs every command on a model that was made; what they say goes into `result`.
 *
 * @param run runs one command, as of `withCommands`
 */
export async function throughCommands(run, model, result) {
  const started = performance.now();
  const call = async (command, from, ...args) => {
    const { code, stdout, stderr } = await run([command, from, '--json', ...args]);
    if (!EXIT_CODES.includes(code))
      result.faults.push(`${command}: exit code ${code}: ${stderr.slice(-300)}`);
    const report = stdout && JSON.parse(stdout);
    return { code, report, refusal: stderr.trim().split('\n').at(-1).replaceAll(`${model.folder}/`, '') };
  };
  const write = (command, from, to, ...args) =>
    call(command, from, '-o', join(model.folder, to), '--force', ...args);

  const inspected = await call('inspect', model.model);
  if (inspected.code !== 0) result.faults.push(`inspect: ${inspected.refusal}`);
  result.targets = await forTargets(write, model);
  for (const [target, { refusal }] of Object.entries(result.targets)) {
    if (refusal) result.faults.push(`equalize --target ${target}: ${refusal}`);
  }
  result.files = result.targets[KEEPING].refusal ? [] : await inFormats(write, model);
  result.tflite = await asTflite(write, model);
  result.seconds = (performance.now() - started) / 1000;
}

/** What each target did, or why it was refused. */
async function forTargets(write, { model, keras, largest }) {
  const done = {};
  for (const target of TARGETS) {
    const how = ['--target', target, '--normalize', largest === 255 ? 'raw' : 'tf', '--no-trials'];
    const { code, report, refusal } = await write('equalize', model, target + WRITERS[keras].ending, ...how);
    done[target] = code === 0 ? doneBy(report) : { refusal };
  }
  return done;
}

/** The equalized file, and those that it is converted to: each with what opens it, or the reason why it is refused. */
async function inFormats(write, { folder, reference, keras }) {
  const { own, others, ending } = WRITERS[keras];
  const equalized = join(folder, `${KEEPING}${ending}`);
  const [format, reader] = own;
  const files = [{ format, reader, path: equalized, reference }];
  for (const [format, args, end, reader] of others) {
    const { code, refusal } = await write('convert', equalized, `other${end}`, ...args);
    const path = join(folder, `other${end}`);
    files.push({ format, reader, path, reference, ...(code === 0 ? {} : { refusal }) });
  }
  const { code, report, refusal } = await write('convert', equalized, 'web');
  const web = { format: 'TF.js', reader: 'tfjs', path: join(folder, 'web', 'model.json'), reference };
  if (code !== 1) return [...files, { ...web, ...(code === 0 ? {} : { refusal }) }];
  const { unsupported } = report;
  const scripted = await write('convert', equalized, 'web', '--layers-script');
  if (scripted.code !== 0) return [...files, { ...web, refusal: unsupported[0].warning }];
  const needed = unsupported.map(({ className, activation }) => activation ?? className);
  return [...files, { ...web, script: join(folder, 'web', 'crosslayer-layers.js'), needed }];
}

/** In whole numbers; where that is refused, the reason, and with the layers that have no kernel for them in float. */
async function asTflite(write, { model, reference, input }) {
  const samples = input.map((_, index) => `${reference}.${index}.npy`);
  const quantized = async (...args) => {
    const how = ['--inputs', ...samples, ...args];
    const { code, report, refusal } = await write('quantize', model, 'model.tflite', ...how);
    return code === 0 ? writtenAs(report) : { refusal };
  };
  const whole = await quantized();
  return whole.refusal ? { ...whole, partly: await quantized('--allow-float') } : whole;
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
