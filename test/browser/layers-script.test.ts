import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { relativeError } from '../formats/tfjs-runtime.ts';
import { crosslayer } from '../support/command.ts';
import { openPages, type Pages } from './pages.ts';

const NAME = new URL('../fixtures/convert/spotting.keras', import.meta.url).pathname;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-script-'));

let pages: Pages;
beforeAll(async () => {
  const { code } = await crosslayer('convert', NAME, '-o', path.join(folder, 'web'), '--layers-script');
  expect(code).toBe(0);
  pages = await openPages(['layers-script.html'], {
    folders: { '/made/': path.join(folder, 'web') },
  });
});
afterAll(async () => {
  await pages.close();
  fs.rmSync(folder, { recursive: true });
});

it('crosslayer-layers.js behind tf.js lets a page open what TF.js lacks classes for', async () => {
  const { inputs, outputs } = JSON.parse(fs.readFileSync(`${NAME}.expected.json`, 'utf8'));
  const { outcome, foreign, complaints } = await pages.visit('layers-script.html', inputs[0], (asked) =>
    globalThis.runLoaded(asked),
  );
  expect(complaints).toEqual([]);
  expect(foreign).toEqual([]);
  // float32 sums in another order.
  expect(relativeError([outcome], outputs)).toBeLessThan(2e-6);
});
