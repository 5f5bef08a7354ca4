/**
 * The Python environments that open what was written.
 *
 * @module
 */

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Wheels without CUDA; they exist for x86 alone. */
const TENSORFLOW = process.arch === 'x64' && process.platform !== 'darwin' ? 'tensorflow-cpu' : 'tensorflow';

/**
 * `variable` names an environment variable with the folder of a ready virtual environment, which is then used instead.
 */
export const ENVIRONMENTS = [
  {
    name: 'keras3',
    what: 'Keras 3.15',
    packages: ['keras==3.15.1', `${TENSORFLOW}==2.21.*`],
    required: true,
    variable: 'CROSSLAYER_INTEROP_KERAS3',
  },
  {
    name: 'keras2',
    what: 'Keras 2.15',
    packages: [`${TENSORFLOW}==2.15.*`],
    required: true,
    variable: 'CROSSLAYER_INTEROP_KERAS2',
  },
  {
    name: 'tf212',
    what: 'Keras 2.12',
    packages: [`${TENSORFLOW}==2.12.*`],
    required: false,
    // A third TensorFlow takes half a minute to install.
    isOfSelection: false,
    variable: 'CROSSLAYER_INTEROP_TF212',
  },
  {
    name: 'litert',
    what: 'LiteRT 2.3, without TensorFlow',
    packages: ['ai-edge-litert==2.3.0', 'numpy'],
    required: false,
    variable: 'CROSSLAYER_INTEROP_LITERT',
  },
  {
    name: 'vela',
    what: 'Vela 5.2',
    packages: ['ethos-u-vela==5.2.0'],
    required: false,
    variable: 'CROSSLAYER_INTEROP_VELA',
  },
];

/** It installs in a third of pip's time, and compiles nothing: of TensorFlow's thousands of modules most are never imported. */
const UV = 'uv==0.13.9';

/** The path of uv, once it is there: all environments are made by one. */
let installing;

/** These releases have wheels for Python 3.11 in common. */
const PYTHONS = ['python3.11', 'python3'];

/**
 * The Python of an environment, installed under `folder` where it is not there yet.
 *
 * @throws Error with the reason where it cannot be installed.
 */
export async function pythonOf({ name, packages, variable }, folder) {
  const ready = process.env[variable];
  if (ready) return interpreter(ready);
  const venv = join(folder, name);
  const marker = join(venv, 'complete.json');
  const wanted = JSON.stringify(packages);
  if (existsSync(marker) && readFileSync(marker, 'utf8') === wanted) return interpreter(venv);
  rmSync(venv, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  try {
    installing ??= installUv(join(folder, UV));
    const uv = await installing;
    await run(await systemPython(), ['-m', 'venv', '--without-pip', venv]);
    // Certificates are those of the system, which has also that of a proxy.
    const options = ['--quiet', '--system-certs', '--python', interpreter(venv)];
    await run(uv, ['pip', 'install', ...options, ...packages]);
  } catch (error) {
    throw new Error(lastLine(error.stderr) || error.message);
  }
  writeFileSync(marker, wanted);
  return interpreter(venv);
}

async function installUv(venv) {
  const uv = join(dirname(interpreter(venv)), 'uv');
  if (existsSync(uv)) return uv;
  await run(await systemPython(), ['-m', 'venv', '--clear', venv]);
  await run(interpreter(venv), ['-m', 'pip', 'install', '--quiet', UV]);
  return uv;
}

async function systemPython() {
  for (const python of PYTHONS) {
    const found = await run(python, ['-c', 'import sys; print(sys.version_info[:2] == (3, 11))']).catch(
      () => undefined,
    );
    if (found?.stdout.trim() === 'True') return python;
  }
  throw new Error('Python 3.11 is needed: the one that all of these releases support');
}

function interpreter(venv) {
  return process.platform === 'win32' ? join(venv, 'Scripts', 'python.exe') : join(venv, 'bin', 'python');
}

function lastLine(text) {
  return text?.trim().split('\n').at(-1);
}
