/**
 * Networks and recipes for full-integer TFLite models, and what is measured of them.
 *
 * @module
 */

import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '..', '..');
const SHARED = join(ROOT, '..', 'shared');
const CLI = process.env.CROSSLAYER_INTEROP_CLI ?? join(ROOT, 'dist', 'cli', 'main.js');

/** What is done to a network before it is converted: arguments of the command by the name of the recipe. */
export const RECIPES = {
  plain: ['convert'],
  reference: ['equalize', '--recipe', 'reference'],
  'ReLU for ReLU6': ['equalize', '--target', 'int8-per-tensor-symmetric', '--relu6', 'relu'],
  'ReLU6 kept': ['equalize', '--target', 'int8-per-tensor-symmetric', '--relu6', 'keep'],
  'int8-per-tensor': ['equalize'],
  'int8-per-tensor-symmetric': ['equalize', '--target', 'int8-per-tensor-symmetric'],
  'the same, for kernels alone': [
    ...['equalize', '--target', 'int8-per-tensor-symmetric', '--activations', 'float'],
  ],
  'int8-per-tensor-symmetric, cancelling rounding': [
    ...['equalize', '--target', 'int8-per-tensor-symmetric', '--rounding', 'cancelling'],
  ],
  'int8-per-channel': ['equalize', '--target', 'int8-per-channel'],
  'int8-per-channel, cancelling rounding': [
    ...['equalize', '--target', 'int8-per-channel', '--rounding', 'cancelling'],
  ],
};

/** Networks by the names that the table takes; each with the images that it is measured on. */
export const NETWORKS = {
  example: {
    title: 'The example on its 2,000 labelled images',
    path: join(ROOT, 'examples', 'fashion-mobilenetv2.keras'),
    images: { labelled: join(ROOT, 'examples', 'fashion-mobilenetv2.keras.samples.npz') },
  },
  v1: {
    title: 'MobileNetV1 1.0/224, 1001 classes',
    path: join(SHARED, 'models', 'mobilenet_v1_imagenet.h5'),
    images: { photographs: join(SHARED, 'photos') },
  },
  dogs: {
    title: 'MobileNetV2 1.0/160, 19 classes',
    path: join(SHARED, 'models', 'mobilenet_v2_dogs.h5'),
    images: { photographs: join(SHARED, 'photos') },
  },
};

/** Writes what each recipe makes of a network, for Keras 3; a list of `{ name, path }`. */
export async function writeRecipes({ path }, names, folder) {
  mkdirSync(folder, { recursive: true });
  const models = [];
  for (const name of names) {
    const [command, ...options] = RECIPES[name];
    const output = join(folder, `${name.replaceAll(/\W+/g, '-')}.keras`);
    const kind = command === 'convert' ? ['--keras', '3'] : ['--no-verify'];
    await run(process.execPath, [CLI, command, path, '-o', output, '--force', ...kind, ...options]);
    models.push({ name, path: output });
  }
  return models;
}

/** Whether a network and its images are there. */
export function isThere({ path, images }) {
  return [path, ...Object.values(images)].every((file) => existsSync(file));
}

/**
 * Converts and measures; calls `seen` with each result of `tflite_measure.py` as it comes.
 *
 * @throws Error with the end of what the script says where it fails.
 */
export function measure(interpreter, job, seen) {
  return runForResults(interpreter, 'tflite_measure.py', { job, seen });
}

/**
 * Runs a script of this folder with `job` as JSON on its stdin; calls `seen` with each line of JSON that it prints.
 *
 * @throws Error with the end of what the script says where it fails.
 */
export function runForResults(interpreter, script, { job, seen = () => {} }) {
  return runForLines(interpreter, script, { job, seen: (line) => seen(JSON.parse(line)) });
}

/** The same for a script that prints lines of text. */
export function runForLines(interpreter, script, { job, seen }) {
  return new Promise((resolve, reject) => {
    const child = spawn(interpreter, [join(HERE, script)]);
    let stderr = '';
    createInterface({ input: child.stdout }).on('line', seen);
    child.stderr.on('data', (data) => {
      stderr = (stderr + data).slice(-2000);
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${script} ended with ${code}: ${stderr}`));
    });
    child.stdin.on('error', () => {}); // The script is gone; its exit code is reported.
    child.stdin.end(JSON.stringify(job));
  });
}
