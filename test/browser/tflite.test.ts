import { afterAll, beforeAll, expect, it } from 'vitest';
import { openPages, type Pages } from './pages.ts';

let pages: Pages;
beforeAll(async () => {
  pages = await openPages(['tflite.html']);
});
afterAll(async () => {
  await pages.close();
});

it('a Keras file becomes a .tflite file in the page, which LiteRT runs by our bindings and by its own API', async () => {
  const path = '/fixtures/golden/act_relu6_string/input.h5';
  const { outcome, foreign, complaints } = await pages.visit('tflite.html', path, (asked) =>
    globalThis.runTflitePage(asked),
  );
  expect(foreign).toEqual([]);
  expect(complaints.filter((line) => /\bERROR\b/.test(line))).toEqual([]);
  expect(outcome.bytes).toBeGreaterThan(1000);
  expect(outcome.scale).toBeGreaterThan(0.1);
  // Its own notes are that there is no GPU and no NPU. A few codes of 256.
  expect(outcome.byBindings).toBeLessThanOrEqual((2 / 256) * outcome.scale);
  expect(outcome.byItsApi).toBeLessThanOrEqual((2 / 256) * outcome.scale);
});
