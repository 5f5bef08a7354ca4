import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { htmlReport } from '../../src/report/html/html-report.ts';
import { inspectContent } from '../../src/report/html/inspect-content.ts';
import { reportSubject } from '../../src/report/html/report-subject.ts';
import { inspectModel } from '../../src/report/inspect-report.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';
import { type Browser, startChromium } from './chromium.ts';

/** 255 steps of 1 for the first kernel, channels of -27..100 and -128..127 of it. */
const KERNEL = [-27, -128, 100, 127];

let browser: Browser;
let page: Page;
const asked: string[] = [];
const complaints: string[] = [];

beforeAll(async () => {
  const model = buildModel([
    input('x', [4, 4, 2]),
    layer('Conv2D', 'even', { filters: 2, kernel_size: 1 }, { weights: { kernel: KERNEL } }),
    layer('ReLU', 'relu'),
    layer('Conv2D', 'spread', { filters: 3, kernel_size: 1 }, { weights: { kernel: [1, 1, 9, 1, 1, 9] } }),
  ]);
  const subject = reportSubject(model, { before: model, after: model, quantizer: 'int8-per-tensor' });
  const html = htmlReport(inspectContent(inspectModel(model), subject));
  browser = await startChromium();
  page = await browser.context.newPage();
  page.on('request', (request) => asked.push(request.url()));
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.setViewportSize({ width: 360, height: 800 });
  await page.setContent(html);
});
afterAll(async () => {
  await browser.close();
});

const order = (): Promise<(string | null)[]> =>
  page.locator('.sortable tbody th').evaluateAll((cells) => cells.map((cell) => cell.textContent));

test('the table sorts by its headers, with the keyboard too, and comes back to its order', async () => {
  const header = page.locator('.sortable thead th', { hasText: 'Spread before' });
  const button = header.getByRole('button');
  expect(await header.getAttribute('aria-sort')).toBe('none');
  await button.click();
  expect(await header.getAttribute('aria-sort')).toBe('descending');
  expect(await order()).toEqual(['spread', 'even', 'x', 'relu']);
  await button.press('Enter');
  expect(await header.getAttribute('aria-sort')).toBe('ascending');
  // Layers without a value stay last.
  expect(await order()).toEqual(['even', 'spread', 'x', 'relu']);
  await button.press(' ');
  expect(await header.getAttribute('aria-sort')).toBe('none');
  expect(await order()).toEqual(['x', 'even', 'relu', 'spread']);
});

test('a strip tells the range of a channel, to the pointer and to the arrow keys', async () => {
  const figure = page.locator('#strip-1');
  const readout = figure.locator('.readout');
  await figure.locator('.chart').press('ArrowRight');
  expect(await readout.textContent()).toBe(
    'channel 0: before about -27 to 100 steps, after about -27 to 100 steps',
  );
  await figure.locator('.chart').press('End');
  expect(await readout.textContent()).toContain('channel 1: before about -128 to 127 steps');
  const box = await figure.locator('.strip').boundingBox();
  await figure.locator('.chart').hover({ position: { x: (box?.width ?? 0) * 0.3, y: 20 } });
  expect(await readout.textContent()).toContain('channel 0:');
});

test('fits a phone, asks for nothing and complains about nothing', async () => {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(overflow).toBeLessThanOrEqual(0);
  expect(asked).toEqual([]);
  expect(complaints).toEqual([]);
});
