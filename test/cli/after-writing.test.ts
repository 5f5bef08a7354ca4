import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { loadModel } from '../../src/node.ts';
import type { CommandResult } from '../support/command.ts';

const COMMAND = new URL('../../dist/cli/main.js', import.meta.url).pathname;
const FAILING = new URL('injected/failing-open.mjs', import.meta.url).pathname;
const MODEL = new URL('../fixtures/golden/dw_pw_relu/input.h5', import.meta.url).pathname;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-after-'));
const at = (name: string): string => path.join(folder, name);

afterAll(() => fs.rmSync(folder, { recursive: true }));

/** Runs the command on a machine that from the nth time on does not open files with that in their names. */
function failing(name: string, from: number, ...args: readonly string[]): Promise<CommandResult> {
  const env = { ...process.env, FAILING_END: name, FAILING_FROM: String(from) };
  return new Promise((resolve) => {
    execFile(process.execPath, ['--import', FAILING, COMMAND, ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
}

test.each([
  ['equalize', at('one.h5')],
  ['quantize', at('one')],
])('%s tells what it wrote where the report fails', async (command, output) => {
  const args = [command, MODEL, '-o', output, '--report', at('report.html')];
  const { code, stdout, stderr } = await failing('report.html', 2, ...args);
  expect({ code, stderr }).toEqual({
    code: 3,
    stderr: `crosslayer: ${at('report.html')}: the disk is full; nothing was written: free some space, or write to another disk\n`,
  });
  expect(stdout).toMatch(`${output} written`);
  expect((await loadModel(output)).layers.length).toBeGreaterThan(3);
  const json = await failing('report.html', 2, ...args, '--force', '--json');
  expect(json.code).toBe(3);
  const printed = JSON.parse(json.stdout);
  expect(printed).toMatchObject({ schemaVersion: 2, output, error: { code: 'output', layer: null } });
  expect(fs.existsSync(at('report.html'))).toBe(false);
});

test.each([
  ['at all', 1, /all files \S+ kB -> NaN/],
  ['a second time', 2, /all files \S+ kB -> \d/],
])('quantize tells what it wrote where it cannot be read again %s', async (_, from, size) => {
  const output = at(`quantized${from}`);
  const name = path.join(output, 'model.json');
  const { code, stdout, stderr } = await failing(name, from, 'quantize', MODEL, '-o', output);
  expect({ code, stderr }).toEqual({
    code: 3,
    stderr: `crosslayer: ${name}: cannot be read: ENOSPC: no space left on device\n`,
  });
  expect(stdout).toMatch(`${output} written`);
  expect(stdout).toMatch(size);
  expect(stdout).not.toMatch(/read again and run/);
  expect(fs.existsSync(name)).toBe(true);
});

test('nothing is written where the side-car fails, and it is named', async () => {
  const output = at('none.h5');
  const { code, stdout, stderr } = await failing('none.h5.crosslayer', 1, 'equalize', MODEL, '-o', output);
  expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
  expect(stderr).toMatch(/none\.h5\.crosslayer\.json: the disk is full; nothing was written/);
  expect(fs.readdirSync(folder).filter((entry) => entry.includes('none'))).toEqual([]);
});
