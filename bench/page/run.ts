/**
 * How long the page works on a large model, and whether its main thread is free meanwhile:
 * `tsc -p bench/tsconfig.json && node .cache/bench/js/bench/page/run.js FOLDER …`, each a page that `npm run web:build` built; they
 * take turns.
 *
 * @module
 */

import { parseArgs } from 'node:util';
import type { Page } from 'playwright-core';
import { startChromium } from '../../test/browser/chromium.ts';
import { serveFolders } from '../../test/browser/static-server.ts';
import { median } from '../median.ts';
import { modelFile } from '../model-files.ts';
import { RESNET_310_MB } from '../networks/index.ts';

/** What a visit of the page took. */
interface VisitTimes {
  /** Seconds until the model is open and its previews are there; of equalizing with proof; of making the file. */
  readonly open: number;
  readonly equalize: number;
  readonly take: number;
  /** Milliseconds: the longest task of the main thread, and the longest time between two frames. */
  readonly longestTask: number;
  readonly longestFrame: number;
}

const WATCH = `
  window.longest = { task: 0, frame: 0 };
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longest.task = Math.max(longest.task, duration);
  }).observe({ type: 'longtask', buffered: true });
  let last;
  requestAnimationFrame(function next(now) {
    if (last !== undefined) longest.frame = Math.max(longest.frame, now - last);
    last = now;
    requestAnimationFrame(next);
  });
`;

async function visit(folder: string, file: string): Promise<VisitTimes> {
  const server = await serveFolders({ '/': folder });
  const browser = await startChromium();
  try {
    browser.context.setDefaultTimeout(0);
    const page = await browser.context.newPage();
    await page.goto(`${server.origin}/index.html`, { waitUntil: 'load' });
    await page.evaluate(WATCH);
    const open = await seconds(async () => {
      await page.locator('#files').setInputFiles(file);
      await page.locator('#opened:not([hidden])').waitFor();
      await idle(page);
    });
    const equalize = await seconds(async () => {
      await page.getByRole('button', { name: 'Equalize', exact: true }).click();
      await page.locator('#equalized:not([hidden])').waitFor();
      await idle(page);
    });
    const take = await seconds(async () => {
      const download = page.waitForEvent('download');
      await page.locator('[data-form="as-it-came"]').click();
      await (await download).path();
    });
    const { task, frame } = (await page.evaluate('longest')) as { task: number; frame: number };
    return { open, equalize, take, longestTask: task, longestFrame: frame };
  } finally {
    await browser.close();
    await server.close();
  }
}

/** Until nothing is under way, which the page says. */
async function idle(page: Page): Promise<void> {
  await page.waitForFunction("document.querySelector('#progress')?.hidden === true");
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

const { values: options, positionals: folders } = parseArgs({
  options: { rounds: { type: 'string', default: '3' } },
  allowPositionals: true,
});
const file = await modelFile('resnet-310-mb', RESNET_310_MB, 'keras');
const visits = new Map(folders.map((folder) => [folder, [] as VisitTimes[]]));
for (let round = 0; round < Number(options.rounds); round++) {
  for (const [folder, list] of visits) {
    const times = await visit(folder, file);
    console.log(folder, times);
    list.push(times);
  }
}
for (const [folder, list] of visits) {
  const of = (key: keyof VisitTimes): number => median(list.map((one) => one[key]));
  const worst = Math.max(...list.map(({ longestTask }) => longestTask));
  console.log(
    `${folder}: open ${of('open').toFixed(1)} s, equalize ${of('equalize').toFixed(1)} s, file ${of('take').toFixed(1)} s, ` +
      `longest task ${worst.toFixed(0)} ms, longest frame ${of('longestFrame').toFixed(0)} ms`,
  );
}
