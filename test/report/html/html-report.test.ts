import { createHash } from 'node:crypto';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Model } from '../../../src/model/model.ts';
import { foldAllBatchNorms } from '../../../src/primitives/batch-norm-fold.ts';
import { htmlReport } from '../../../src/report/html/html-report.ts';
import { inspectContent } from '../../../src/report/html/inspect-content.ts';
import { PAGE_SCRIPT } from '../../../src/report/html/page-script.ts';
import { PAGE_STYLE } from '../../../src/report/html/page-style.ts';
import type { ReportContent } from '../../../src/report/html/report-content.ts';
import { reportSubject } from '../../../src/report/html/report-subject.ts';
import { inspectModel } from '../../../src/report/inspect-report.ts';
import { type Browser, startChromium } from '../../browser/chromium.ts';
import { buildModel, input, layer } from '../../support/model-builder.ts';

const EVIL = 'a"><script>alert(1)</script>';

function model(name = 'conv', kernel: readonly number[] = [1, -2, 3, -4]): Model {
  return buildModel([
    input('x', [4, 4, 2]),
    layer('Conv2D', name, { filters: 2, kernel_size: 1 }, { weights: { kernel } }),
    layer('BatchNormalization', 'bn'),
    layer('ReLU', 'relu'),
    layer('SeparableConv2D', 'separable', { filters: 3, kernel_size: 3 }),
  ]);
}

function contentOf(subject: Model): ReportContent {
  return inspectContent(
    inspectModel(subject),
    reportSubject(subject, { before: subject, after: subject, quantizer: 'int8-per-tensor' }),
  );
}

let browser: Browser;
let page: Page;
const complaints: string[] = [];

beforeAll(async () => {
  browser = await startChromium();
  page = await browser.context.newPage();
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('dialog', (dialog) => complaints.push(dialog.message()));
});
afterAll(async () => {
  await browser?.close();
  expect(complaints).toEqual([]);
});

/** Opens a report as a browser reads it. */
async function open(content: ReportContent): Promise<void> {
  // What a script declares stays until a page is left.
  await page.goto('about:blank');
  await page.setContent(htmlReport(content));
}
const texts = (selector: string): Promise<string[]> => page.locator(selector).allTextContents();
const attributes = (selector: string, name: string): Promise<(string | null)[]> =>
  page
    .locator(selector)
    .evaluateAll((elements, wanted) => elements.map((one) => one.getAttribute(wanted)), name);

test('tensors have strips of their own, where activations have 8 bits', async () => {
  const subject = buildModel([
    input('x', [4, 4, 2]),
    layer('Conv2D', 'conv', { filters: 2, kernel_size: 1 }),
    layer('BatchNormalization', 'bn'),
    layer('ReLU', 'relu'),
    layer('Conv2D', 'last', { filters: 2, kernel_size: 1 }),
  ]);
  const folded = subject.clone();
  foldAllBatchNorms(folded);
  const options = { before: folded, after: folded, quantizer: 'int8-per-tensor' } as const;
  const report = inspectModel(subject);
  await open(inspectContent(report, reportSubject(subject, { ...options, hasTensors: true })));
  expect(await attributes('figure', 'id')).toEqual(['strip-1', 'strip-2', 'tensor-1', 'tensor-2']);
  expect(await texts('#tensor-1 figcaption')).toEqual(['relu ReLU, output']);
  expect(await texts('#tensor-1 .numbers li')).toEqual([
    expect.stringMatching(/^before: max\/median 1; no channel within 16 steps; a step is /),
    expect.stringMatching(/^after: /),
  ]);
  await open(inspectContent(report, reportSubject(subject, options)));
  expect(await attributes('figure', 'id')).toEqual(['strip-1', 'strip-2']);
});

describe('the page', () => {
  test('has the name, the facts, a row for each layer and a figure for each kernel', async () => {
    await open(contentOf(model()));
    expect(await texts('h1')).toEqual(['model']);
    expect(await texts('dt')).toContain('Parameters');
    expect(await texts('.sortable tbody th')).toEqual(['x', 'conv', 'bn', 'relu', 'separable']);
    expect((await texts('.sortable thead th')).slice(0, 5)).toEqual([
      'Layer',
      'Class',
      'Output',
      'Spread before',
      'Spread after',
    ]);
    expect((await texts('.sortable tbody tr'))[1]).toMatch(/^convConv2D4 x 4 x 211[\d.]+ dB[\d.]+ dB$/);
    expect(await texts('figcaption')).toEqual([
      'conv Conv2D',
      'separable SeparableConv2D, depthwiseKernel',
      'separable SeparableConv2D, pointwiseKernel',
    ]);
    const links = await attributes('.sortable a', 'href');
    expect(links).toEqual(['#strip-1', '#strip-3']);
    for (const link of links) expect(await page.locator(link ?? '').count()).toBe(1);
  });

  test('draws each side of a strip as one path on one scale, with a text alternative', async () => {
    await open(contentOf(model()));
    expect(await attributes('#strip-1 .strip', 'role')).toEqual(['img']);
    // Channels 1, 3 and -2, -4: 7 / 255 a step; the upper one of two is their median.
    expect(await attributes('#strip-1 .strip', 'aria-label')).toEqual([
      'Channel ranges of conv, 2 output channels. ' +
        ['before', 'after']
          .map((side) => `${side}: max/median 1; no channel within 16 steps; a step is 0.027.`)
          .join(' '),
    ]);
    expect(await texts('#strip-1 .side')).toEqual(['before', 'after']);
    // [1, 3] above 0, [-4, -2] below, at 36 steps for 1: from 109 up to 146 down.
    expect(await attributes('#strip-1 .bars', 'd')).toEqual(['M0 -109V-36M1 73V146', 'M0 -109V-36M1 73V146']);
    expect(await attributes('#strip-1 .bars', 'data-low')).toEqual(['36 -146', '36 -146']);
    expect(await attributes('#strip-1 .bars', 'data-high')).toEqual(['109 -73', '109 -73']);
    expect(await attributes('#strip-1 .strip svg', 'viewBox')).toEqual([
      '-0.5 -110 2 256',
      '-0.5 -110 2 256',
    ]);
    expect(await texts('#strip-1 .before .step')).toEqual(['−100', '0', '100']);
    expect(await texts('#strip-1 .channel')).toEqual(['0', '1']);
  });

  test('bars lie in the frame, above their channels and beside their steps', async () => {
    await open(contentOf(model()));
    const panel = page.locator('#strip-1 .before');
    await panel.scrollIntoViewIfNeeded();
    const frame = await panel.locator('.frame').boundingBox();
    const label = await page.locator('#strip-1 .channel').last().boundingBox();
    const zero = await panel.locator('.step', { hasText: /^0$/ }).boundingBox();
    if (!frame || !label || !zero) throw new Error('nothing is drawn');
    const xOf = (channel: number): number => frame.x + ((channel + 0.5) / 2) * frame.width;
    const yOf = (step: number): number => frame.y + ((110 - step) / 256) * frame.height;
    const isBar = ([channel, step]: readonly [number, number]): Promise<boolean> =>
      page.evaluate(
        ([x = 0, y = 0]) => document.elementFromPoint(x, y)?.getAttribute('class') === 'bars',
        [xOf(channel), yOf(step)],
      );
    const inside = [
      [0, 105],
      [0, 40],
      [-0.4, 70],
      [0.4, 70],
      [1, -77],
      [1, -142],
    ] as const;
    expect(await Promise.all(inside.map(isBar))).toEqual(inside.map(() => true));
    const outside = [
      [0, 32],
      [1, -69],
      [1, 70],
      [0, -100],
    ] as const;
    expect(await Promise.all(outside.map(isBar))).toEqual(outside.map(() => false));
    expect(Math.abs(label.x + label.width / 2 - xOf(1))).toBeLessThan(1);
    expect(Math.abs(zero.y + zero.height / 2 - yOf(0))).toBeLessThan(1.5);
  });

  test('escapes what comes from files, in text, attributes and data', async () => {
    const content = contentOf(model(EVIL));
    expect(htmlReport(content)).not.toContain('<script>alert');
    await open(content);
    expect((await texts('figcaption strong'))[0]).toBe(EVIL);
    expect((await attributes('#strip-1 .strip', 'aria-label'))[0]).toContain(EVIL);
    expect(await texts('script')).toHaveLength(2);
    const [json = ''] = await texts('#report');
    expect(JSON.parse(json).layers[1].layer).toBe(EVIL);
  });

  test('shows characters that turn text or end lines as what they are', async () => {
    await open(contentOf(model('a\u202e\u2066b\nc\x1b\x9b\u2028d')));
    const [, name] = await texts('tbody th');
    expect(name).toBe('a\\u202e\\u2066b\\nc\\u001b\\u009b\\u2028d');
    expect(await page.content()).not.toMatch(/(?!\n)[\p{Cc}\p{Zl}\p{Bidi_C}]/u);
  });

  test('asks for nothing, runs its own script alone, and is the same each time', async () => {
    const html = htmlReport(contentOf(model()));
    expect(html).not.toMatch(/https?:|url\(|@import|<link|<img|src=/i);
    await open(contentOf(model()));
    const [policy] = await attributes('meta[http-equiv]', 'content');
    const hash = (text: string): string => `sha256-${createHash('sha256').update(text).digest('base64')}`;
    expect(policy).toBe(
      `default-src 'none'; style-src '${hash(PAGE_STYLE)}'; script-src '${hash(PAGE_SCRIPT)}'`,
    );
    expect(html).not.toMatch(/ style=/);
    expect(await page.locator('.sortable [role=button]').count()).toBeGreaterThan(5);
    expect(htmlReport(contentOf(model()))).toBe(html);
  });

  test('leaves a report out that is too long for it, and says so', async () => {
    await open({ ...contentOf(model()), report: { long: 'x'.repeat(1 << 20) } });
    expect(await page.locator('#report').count()).toBe(0);
    expect(await texts('footer')).toEqual([expect.stringContaining('--json')]);
  });

  test('says in words what cannot be drawn', async () => {
    await open(contentOf(model('conv', [0, 0, 0, 0])));
    expect(await texts('#strip-1')).toEqual([expect.stringContaining('before: all weights are 0')]);
    expect(await page.locator('#strip-1 svg').count()).toBe(0);
    await open(contentOf(model('conv', [NaN, 1, 2, 3])));
    expect(await page.locator('#strip-1 svg').count()).toBe(0);
    expect((await texts('p')).join()).toContain('a weight of the model is not finite');
    expect(await page.locator('#strip-2 .strip').count()).toBe(1);
    await open(contentOf(buildModel([input('x', [2]), layer('ReLU', 'relu')])));
    expect(await texts('h2')).not.toContain('Channel ranges');
  });
});
