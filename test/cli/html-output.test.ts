import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { equalizeCommand } from '../../src/cli/commands/equalize.ts';
import { inspectCommand } from '../../src/cli/commands/inspect.ts';
import { checkHtmlOutput } from '../../src/cli/html-output.ts';
import { OutputError } from '../../src/errors.ts';
import { reportJson } from '../../src/report/report-json.ts';

const MODEL = new URL('../fixtures/golden/dw_pw_relu/input.h5', import.meta.url).pathname;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-report-'));
const at = (name: string): string => path.join(folder, name);

afterAll(() => fs.rmSync(folder, { recursive: true }));

test('equalize --report writes a page beside the model', async () => {
  const [output, report] = [at('model.h5'), at('model.html')];
  const result = await equalizeCommand(MODEL, { output, report, verify: false, json: true });
  const html = fs.readFileSync(report, 'utf8');
  expect(html).toMatch(/^<!doctype html>/);
  expect(html).toContain('folded only');
  // The same report, that the side-car was written included.
  const embedded = /id="report">(.*?)<\/script>/.exec(html)?.[1] ?? '';
  expect({ ...JSON.parse(embedded), output }).toEqual(JSON.parse(reportJson(result.report ?? {})));
});

test('the steps of the reference have a page too, in a new folder of a TF.js model if wanted', async () => {
  const report = at('web/report.html');
  await equalizeCommand(MODEL, { output: at('web'), report, verify: false, steps: 'fold,scale' });
  expect(fs.readFileSync(report, 'utf8')).toContain('fold, scale');
  expect(fs.existsSync(at('web/model.json'))).toBe(true);
});

test('what is in the way stays as it is, and no model is written', async () => {
  const report = at('kept.html');
  fs.writeFileSync(report, 'kept');
  const output = at('none.h5');
  await expect(equalizeCommand(MODEL, { output, report, verify: false })).rejects.toThrow(
    /kept\.html: exists already/,
  );
  await expect(inspectCommand(MODEL, { report })).rejects.toThrow(OutputError);
  expect(fs.readFileSync(report, 'utf8')).toBe('kept');
  expect(fs.existsSync(output)).toBe(false);
  await inspectCommand(MODEL, { report, force: true });
  expect(fs.readFileSync(report, 'utf8')).toContain('Which layers hurt');
});

test.each([
  ['another ending', { report: at('report.json') }, /ends with \.html/],
  ['no such folder', { report: at('nowhere/report.html') }, /its folder does not exist/],
  ['where the model goes', { report: at('x.html'), output: at('x.html') }, /where the model goes/],
])('%s is refused before anything is done', (_, options, message) => {
  expect(() => checkHtmlOutput(options)).toThrow(message);
});

test('a report that fails leaves nothing behind', () => {
  const before = fs.readdirSync(folder).sort();
  const write = checkHtmlOutput({ report: at('failed.html') });
  const failing = (): never => {
    throw new Error('no content');
  };
  expect(() => write?.(failing)).toThrow('no content');
  expect(fs.readdirSync(folder).sort()).toEqual(before);
});

test('no report is asked for, nothing is checked', () => {
  expect(checkHtmlOutput({ output: at('model.h5') })).toBeUndefined();
});
