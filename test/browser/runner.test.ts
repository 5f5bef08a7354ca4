import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VerificationOutcome } from './page/runner.ts';
import { openPages, type Pages, type Visit } from './pages.ts';

/** Keras and TF.js add up in different orders, in float32. */
const SAME_OUTPUTS = 1e-5;

let pages: Pages;
beforeAll(async () => {
  pages = await openPages(['runner.html']);
});
afterAll(async () => {
  await pages.close();
});

const visit = (path: string, wasmPaths: string): Promise<Visit<VerificationOutcome>> =>
  pages.visit('runner.html', { path: `/fixtures/formats/${path}`, wasmPaths }, (asked) =>
    globalThis.runVerification(asked),
  );

/** What the model of a file computed, what the verdicts were, and that nothing else in the page has changed. */
function expectProof(path: string, outcome: VerificationOutcome): void {
  const file = join(import.meta.dirname, `../fixtures/formats/${path}.expected.json`);
  const expected: { outputs: { data: number[] }[] } = JSON.parse(readFileSync(file, 'utf8'));
  expect(outcome.outputs).toHaveLength(expected.outputs.length);
  for (const [index, { data }] of expected.outputs.entries()) {
    const scale = Math.max(...data.map(Math.abs));
    const differences = data.map((value, at) => Math.abs(value - outcome.outputs[index]![at]!));
    expect(Math.max(...differences) / scale).toBeLessThan(SAME_OUTPUTS);
  }
  expect(outcome.foldedBatchNorms).toBeGreaterThan(0);
  expect(outcome.scaledSets).toBeGreaterThan(0);
  expect(outcome.verdict).toBe('same');
  expect(outcome.wrongVerdict).toBe('different');
  expect(outcome.leakedTensors).toBe(0);
  const [before, after] = outcome.own;
  expect(before).toMatchObject({ backend: 'cpu', rectified: [0] });
  expect(before.classes).toContain('ReLU');
  expect(after).toEqual(before);
}

describe.each(['keras-3.15.1/nested.keras', 'tfkeras-2.15/frozen.h5'])('%s', (path) => {
  it('is run and compared on wasm', async () => {
    const { outcome, paths, foreign, complaints } = await visit(path, '/wasm/');
    expect(complaints).toEqual([]);
    expect(foreign).toEqual([]);
    expect(outcome.backend).toBe('wasm');
    expect(paths.filter((one) => one.endsWith('.wasm'))).toEqual(['/wasm/tfjs-backend-wasm-simd.wasm']);
    expectProof(path, outcome);
  });

  it('is run and compared on the CPU where the .wasm files are not found', async () => {
    const { outcome, foreign, complaints } = await visit(path, '/nowhere/');
    // The browser and TF.js say that, and nothing else is said.
    expect(complaints).toContain('404 /nowhere/tfjs-backend-wasm-simd.wasm');
    expect(complaints.filter((complaint) => !/404|wasm/.test(complaint))).toEqual([
      'falling back to ArrayBuffer instantiation',
    ]);
    expect(foreign).toEqual([]);
    expect(outcome.backend).toBe('cpu');
    expectProof(path, outcome);
  });
});
