import { afterAll, beforeAll, expect, it } from 'vitest';
import { openPages, type Pages } from './pages.ts';

let pages: Pages;
beforeAll(async () => {
  pages = await openPages(['quantize.html']);
});
afterAll(async () => {
  await pages.close();
});

it('a Keras file becomes a TF.js model of 8 bits in the page, which TF.js loads and runs', async () => {
  const path = '/fixtures/formats/keras-3.15.1/functional.keras';
  const { outcome, foreign, complaints } = await pages.visit('quantize.html', path, (asked) =>
    globalThis.runQuantize(asked),
  );
  expect(complaints).toEqual([]);
  expect(foreign).toEqual([]);
  expect(outcome.kernels).toBeGreaterThan(2);
  expect(outcome.bytes).toBeGreaterThan(0);
  // 8 bits leave about 40 dB of a small network; a wrong byte nothing.
  expect(outcome.sqnrDb).toBeGreaterThan(25);
  // Outputs are at most 1; CPU and wasm add up in different orders, in float32.
  expect(outcome.difference).toBeLessThan(1e-5);
});
