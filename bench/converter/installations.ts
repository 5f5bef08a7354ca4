/**
 * Installing each tool into an empty folder, with the time that it took and what it weighs.
 *
 * @module
 */

import { execFile } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { CACHE } from '../model-files.ts';

/** Where the tools and what they write are kept. */
export const FOLDER: string = resolve(CACHE, 'converter');

/** What installing a tool took. */
export interface Installation {
  readonly title: string;
  /** When it was measured, as 2026-01-31. */
  readonly day: string;
  readonly seconds: number;
  /** On disk; the interpreter itself, Python or Node, is not counted. */
  readonly bytes: number;
  /** With those that it needs. */
  readonly packages: number;
}

const VENV = join(FOLDER, 'venv');
const NPM = join(FOLDER, 'npm');
/** Of a quantizer that takes files, in an environment of its own: its packages want another NumPy. */
const AI_EDGE = join(FOLDER, 'ai-edge');

/** All that a tool may read of itself. */
export const TOOL_FOLDERS: readonly string[] = [VENV, NPM];

/** The folders that the tools are started from. */
export const TOOLS: { readonly converter: string; readonly aiEdge: string; readonly crosslayer: string } = {
  converter: join(VENV, 'bin'),
  aiEdge: join(AI_EDGE, 'bin'),
  crosslayer: join(NPM, 'node_modules/.bin'),
};

const REQUIREMENTS = 'bench/converter/requirements.txt';
/** The releases in the requirements have wheels for it. */
export const PYTHON = 'python3.11';

const run = promisify(execFile);

/**
 * Installs all tools. Nothing is taken from the caches of pip and npm, so that everything is downloaded.
 *
 * @param again also installs the converter where an earlier run did, whose numbers are used otherwise.
 */
export async function install({ again }: { readonly again: boolean }): Promise<Installation[]> {
  mkdirSync(FOLDER, { recursive: true });
  const recorded = join(VENV, 'installation.json');
  const requirements = readFileSync(REQUIREMENTS, 'utf8');
  const known = existsSync(recorded) ? JSON.parse(readFileSync(recorded, 'utf8')) : undefined;
  let converter: Installation;
  if (known?.requirements === requirements && !again) {
    converter = known.installation;
  } else {
    converter = await installConverter();
    writeFileSync(recorded, JSON.stringify({ requirements, installation: converter }));
  }
  if (!existsSync(join(AI_EDGE, 'bin/pip')))
    await environment(AI_EDGE, 'bench/converter/requirements-ai-edge.txt');
  const tarball = await pack();
  return [
    converter,
    await installCrosslayer(' and what runs models', tarball, NPM, peers()),
    await installCrosslayer('', tarball, join(FOLDER, 'npm-least'), []),
  ];
}

async function installConverter(): Promise<Installation> {
  rmSync(VENV, { recursive: true, force: true });
  const start = performance.now();
  await environment(VENV, REQUIREMENTS);
  const seconds = (performance.now() - start) / 1000;
  const { stdout } = await run(join(VENV, 'bin/pip'), ['list', '--format=json']);
  const packages: { name: string; version: string }[] = JSON.parse(stdout);
  const version = packages.find(({ name }) => name === 'tensorflowjs')?.version;
  return {
    title: `tensorflowjs ${version}`,
    day: today(),
    seconds,
    bytes: bytesIn(VENV),
    packages: packages.length,
  };
}

async function environment(folder: string, requirements: string): Promise<void> {
  await run(PYTHON, ['-m', 'venv', folder]);
  await run(join(folder, 'bin/pip'), ['install', '--quiet', '--no-cache-dir', '-r', requirements]);
}

/** The package as it would be published, from what is built. */
async function pack(): Promise<string> {
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', FOLDER];
  const [packed] = JSON.parse((await run('npm', args)).stdout);
  return join(FOLDER, packed.filename);
}

/** The optional peers of the package, as npm takes them. */
function peers(): string[] {
  const { peerDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
  return Object.entries(peerDependencies).map(([name, range]) => `${name}@${range}`);
}

async function installCrosslayer(
  variant: string,
  tarball: string,
  folder: string,
  others: readonly string[],
): Promise<Installation> {
  const cache = join(FOLDER, 'npm-cache');
  for (const old of [folder, cache]) rmSync(old, { recursive: true, force: true });
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  const start = performance.now();
  await run(
    'npm',
    ['install', tarball, ...others, '--omit=dev', '--no-audit', '--no-fund', '--cache', cache],
    {
      cwd: folder,
    },
  );
  const seconds = (performance.now() - start) / 1000;
  const modules = join(folder, 'node_modules');
  const lock = JSON.parse(readFileSync(join(modules, '.package-lock.json'), 'utf8'));
  rmSync(cache, { recursive: true, force: true });
  const { version } = lock.packages['node_modules/crosslayer'];
  return {
    title: `crosslayer ${version}${variant}`,
    day: today(),
    seconds,
    bytes: bytesIn(modules),
    packages: Object.keys(lock.packages).length,
  };
}

/** In UTC, as 2026-01-31. */
export function today(): string {
  return new Date().toISOString().slice(0, 10);
}

/** What a folder takes on disk. */
function bytesIn(folder: string): number {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(folder, entry.name);
    return sum + (entry.isDirectory() ? bytesIn(path) : lstatSync(path).blocks * BLOCK);
  }, 0);
}

const BLOCK = 512;
