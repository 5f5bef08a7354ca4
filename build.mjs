#!/usr/bin/env node
/**
 * Makes `dist/`: what tsc makes of `src/`, the command in few files, and `dist/crosslayer-layers.js` in one piece.
 *
 * A fresh build stays: `npm ci`, `npm pack` and most scripts ask for one, and the first makes it. Another is made beside the old one and
 * put in its place, so that what runs from that meanwhile keeps its files.
 *
 *     node build.mjs           builds unless dist/ is fresh
 *     node build.mjs --force   builds in any case
 *
 * @module
 */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

const ROOT = import.meta.dirname;
const DIST = path.join(ROOT, 'dist');
/** In dist: of what it was made. */
const STAMP = '.made-of';
/** What a build depends on, besides the sources. */
const SETTINGS = [
  'build.mjs',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'command.config.ts',
  'layers-script.config.ts',
];

/** What a build is made with: packages, and the script in each. */
const TOOLS = { typescript: 'bin/tsc', vite: 'bin/vite.js' };

const wanted = fingerprint();
const found = madeOf();
if (process.argv.includes('--force') || found !== wanted) build();

/** SHA-256 of the names and the contents of all that a build depends on. */
function fingerprint() {
  const sources = fs
    .readdirSync(path.join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .map((name) => path.join('src', name))
    .filter((name) => name.endsWith('.ts'))
    .sort();
  const hash = createHash('sha256');
  for (const name of [...SETTINGS, ...sources]) {
    hash.update(`${name}\0`).update(
      createHash('sha256')
        .update(fs.readFileSync(path.join(ROOT, name)))
        .digest(),
    );
  }
  return hash.digest('hex');
}

/** What dist was made of; undefined where it was not made to the end. */
function madeOf() {
  try {
    return fs.readFileSync(path.join(DIST, STAMP), 'utf8');
  } catch {
    return undefined;
  }
}

function build() {
  const missing = Object.keys(TOOLS).filter((tool) => !fs.existsSync(fileOf(tool)));
  if (missing.length > 0) {
    console.error(`dist/ cannot be built without ${missing.join(' and ')}: npm ci installs what it takes`);
    process.exitCode = 1;
    return;
  }
  if (found !== undefined && found !== wanted) console.error('The sources have changed: dist/ is built anew');
  const made = fs.mkdtempSync(path.join(ROOT, 'dist.new-'));
  try {
    run('typescript', '-p', 'tsconfig.build.json', '--outDir', made);
    // Nothing imports the command; what tsc makes of it gives way to its bundle.
    fs.rmSync(path.join(made, 'cli'), { recursive: true });
    for (const config of ['command.config.ts', 'layers-script.config.ts'])
      run('vite', 'build', '--config', config, '--outDir', made);
    fs.chmodSync(path.join(made, 'cli', 'main.js'), 0o755);
    // The folder that mkdtemp makes is its owner's alone.
    fs.chmodSync(made, 0o755);
    fs.writeFileSync(path.join(made, STAMP), wanted);
    replace(made);
  } catch (error) {
    // What tsc or vite had to say it has said.
    if (error.status === undefined) throw error;
    process.exitCode = 1;
  } finally {
    fs.rmSync(made, { recursive: true, force: true });
  }
}

function run(tool, ...args) {
  execFileSync(process.execPath, [fileOf(tool), ...args], { cwd: ROOT, stdio: 'inherit' });
}

function fileOf(tool) {
  return path.join(ROOT, 'node_modules', tool, TOOLS[tool]);
}

/** Puts a folder in the place of dist; the old one is gone for two renames and no longer. */
function replace(made) {
  const old = `${made}.old`;
  if (fs.existsSync(DIST)) fs.renameSync(DIST, old);
  try {
    fs.renameSync(made, DIST);
  } catch (error) {
    if (fs.existsSync(old)) fs.renameSync(old, DIST);
    throw error;
  }
  fs.rmSync(old, { recursive: true, force: true });
}
