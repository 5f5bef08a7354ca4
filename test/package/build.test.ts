/** `build.mjs` in a folder of its own, with a compiler and a bundler that only write down that they were called. */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NODE } from '../support/command.ts';

const ROOT = new URL('../..', import.meta.url).pathname;
let folder: string;
const at = (name: string): string => path.join(folder, name);

const ARGUMENTS = `
  const fs = require('node:fs');
  const source = fs.readFileSync('src/index.ts', 'utf8');
  const out = process.argv[process.argv.indexOf('--outDir') + 1];`;

/** Writes a module of the command into the folder of --outDir; where a source says so it fails before. */
const COMPILER = `${ARGUMENTS}
  fs.appendFileSync('calls', 'compiled while ' + (fs.existsSync('dist/cli/main.js') ? 'the old one was there' : 'there was none') + '\\n');
  if (source.includes('wrong')) process.exit(2);
  fs.mkdirSync(out + '/cli');
  fs.writeFileSync(out + '/cli/module.js', '');`;

/** Writes the program. */
const BUNDLER = `${ARGUMENTS}
  fs.mkdirSync(out + '/cli', { recursive: true });
  fs.writeFileSync(out + '/cli/main.js', source);`;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-build-'));
  const settings = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
  for (const name of [...settings, 'command.config.ts', 'layers-script.config.ts', 'build.mjs']) {
    fs.copyFileSync(path.join(ROOT, name), at(name));
  }
  const tools: Record<string, string> = { 'typescript/bin/tsc': COMPILER, 'vite/bin/vite.js': BUNDLER };
  for (const [name, text] of Object.entries(tools)) {
    const file = at(`node_modules/${name}`);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(path.join(path.dirname(file), 'package.json'), '{ "type": "commonjs" }');
    fs.writeFileSync(file, text);
  }
  fs.mkdirSync(at('src'));
  fs.writeFileSync(at('src/index.ts'), 'first');
});

afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Builds, and tells what was compiled meanwhile. */
function build(...args: string[]): { readonly code: number | null; readonly calls: string } {
  fs.rmSync(at('calls'), { force: true });
  const { status } = spawnSync(NODE, [at('build.mjs'), ...args], { cwd: os.tmpdir(), encoding: 'utf8' });
  expect(fs.readdirSync(folder).filter((name) => name.startsWith('dist.'))).toEqual([]);
  return { code: status, calls: fs.existsSync(at('calls')) ? fs.readFileSync(at('calls'), 'utf8') : '' };
}

const built = (): string => fs.readFileSync(at('dist/cli/main.js'), 'utf8');

test('a fresh build stays, and a stale one is replaced once the new one is there', () => {
  expect(build()).toEqual({ code: 0, calls: 'compiled while there was none\n' });
  expect(fs.readdirSync(at('dist/cli'))).toEqual(['main.js']);
  expect(fs.statSync(at('dist/cli/main.js')).mode & 0o111).toBe(0o111);
  fs.utimesSync(at('src/index.ts'), 2e9, 2e9);
  expect(build()).toEqual({ code: 0, calls: '' });
  expect(build('--force').calls).not.toBe('');

  fs.writeFileSync(at('src/index.ts'), 'second');
  expect(build()).toEqual({ code: 0, calls: 'compiled while the old one was there\n' });
  expect(built()).toBe('second');
  fs.writeFileSync(at('src/more.ts'), '');
  expect(build().calls).not.toBe('');
  fs.appendFileSync(at('tsconfig.json'), '\n');
  expect(build().calls).not.toBe('');
  expect(build().calls).toBe('');
});

test('a build that fails leaves the old one as it was, and is tried again', () => {
  build();
  fs.writeFileSync(at('src/index.ts'), 'wrong');
  for (let time = 0; time < 2; time++) {
    expect(build()).toEqual({ code: 1, calls: 'compiled while the old one was there\n' });
    expect(built()).toBe('first');
  }
});

test('without what it takes to build it says how to get it', () => {
  fs.rmSync(at('node_modules/vite'), { recursive: true });
  const { status, stderr } = spawnSync(NODE, [at('build.mjs')], { encoding: 'utf8' });
  expect([status, stderr]).toEqual([
    1,
    'dist/ cannot be built without vite: npm ci installs what it takes\n',
  ]);
});

test('the command of a clone, called by a link as npx does, is built before it runs where its sources have changed', () => {
  build();
  fs.cpSync(path.join(ROOT, 'dist/cli'), at('dist/cli'), { recursive: true });
  fs.symlinkSync(path.join(ROOT, 'node_modules/commander'), at('node_modules/commander'));
  fs.symlinkSync(at('dist/cli/main.js'), at('crosslayer'));
  const call = (name: string): unknown[] => {
    const { status, stdout, stderr } = spawnSync(NODE, [at(name), '--version'], { encoding: 'utf8' });
    return [status, stdout, stderr];
  };
  expect(call('crosslayer')).toEqual([0, '0.1.0\n', '']);

  fs.writeFileSync(at('src/index.ts'), 'wrong');
  const [status, stdout, stderr] = call('crosslayer');
  expect([status, stdout]).toEqual([3, '']);
  expect(stderr).toMatch(/its sources have changed, and it cannot be built; see above\n$/);

  fs.writeFileSync(at('src/index.ts'), "console.log('new', process.argv[2]); process.exitCode = 5;");
  expect(call('dist/cli/main.js')).toEqual([0, '0.1.0\n', '']);
  const told = 'The sources have changed: dist/ is built anew\n';
  expect(call('crosslayer')).toEqual([5, 'new --version\n', told]);
});
