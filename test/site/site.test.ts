/** The site of guides, as it is built, below a folder of a server. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { parseHTML } from 'linkedom';
import { build } from 'vite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { renderGuide } from '../../site/guide.ts';
import { relativeAddress } from '../../site/pages.ts';
import { plotOf } from '../../site/plots.ts';
import { type Browser, startChromium } from '../browser/chromium.ts';
import { type StaticServer, serveFolders } from '../browser/static-server.ts';
import { complaintsOf } from '../web/axe.ts';
import { keptForLater, SCREENSHOTS, textOf, type Visit, visit } from '../web/built-page.ts';

const folder = mkdtempSync(join(tmpdir(), 'crosslayer-site-'));
let server: StaticServer;
let browser: Browser;

beforeAll(async () => {
  const configFile = join(import.meta.dirname, '../../site/vite.config.ts');
  // Without the API reference, which takes longer than all else.
  await build({ configFile, mode: 'test', logLevel: 'error', build: { outDir: folder, emptyOutDir: true } });
  server = await serveFolders({ '/some/folder/': folder });
  browser = await startChromium();
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
  rmSync(folder, { recursive: true });
});

const pages = (): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.html'));

const documentOf = (page: string): Document =>
  parseHTML(readFileSync(join(folder, page), 'utf8')).document as unknown as Document;

it('has links that hold, and none that asks another host for something', () => {
  const broken: string[] = [];
  for (const page of pages()) {
    const found = documentOf(page);
    expect(
      [...found.querySelectorAll('script[src], link, img')]
        .map((one) => one.getAttribute('src') ?? one.getAttribute('href') ?? '')
        .filter((address) => /^(https?:)?\/\//.test(address)),
    ).toEqual([]);
    for (const element of found.querySelectorAll('a[href], [src], form[action]')) {
      const address =
        element.getAttribute('href') ?? element.getAttribute('src') ?? element.getAttribute('action') ?? '';
      // The reference and the page are built apart from the guides.
      if (/^(https?|data|mailto):/.test(address) || /(^|\/)(api|page)\/index\.html$/.test(address)) continue;
      const [path = '', anchor] = address.split('#');
      const target = path === '' ? page : posix.join(posix.dirname(page), decodeURIComponent(path));
      const exists = statSync(join(folder, target), { throwIfNoEntry: false })?.isFile() === true;
      const holds =
        exists &&
        (anchor === undefined || documentOf(target).getElementById(decodeURIComponent(anchor)) !== null);
      if (!holds) broken.push(`${page}: ${address}`);
    }
  }
  expect(broken).toEqual([]);
});

it('draws what was measured: bits, networks and every kernel of the example', () => {
  const accuracy = documentOf('docs/accuracy.html');
  const labels = [...accuracy.querySelectorAll('.plotted svg')].map((one) => one.getAttribute('aria-label'));
  expect(labels.length).toBeGreaterThan(10);
  expect(labels.at(-1)).toBe('Every kernel of the example: SQNR in dB, of each row of the table');
  const legends = [...accuracy.querySelectorAll('.legend')].map((one) => one.textContent);
  expect(legends).toContain('8 bits6 bits4 bits');
  // Six networks, with kernels of 8, 6 and 4 bits.
  const bits = accuracy.querySelector('#fewer-bits-of-all-networks ~ .plotted');
  expect(bits?.querySelectorAll('circle')).toHaveLength(18);
  // A dot for each of 53 kernels, before and after.
  const last = [...accuracy.querySelectorAll('.plotted')].at(-1);
  expect(last?.querySelectorAll('circle')).toHaveLength(106);
  expect(accuracy.querySelector('[style], style')).toBeNull();
});

it('draws numbers of one unit, and no model in float', () => {
  const table = {
    title: 'Recipes',
    head: ['recipe', 'SQNR', 'SQNR in float'],
    rows: [
      ['a', '1.5 dB', '110 dB'],
      ['b', '-2.0 dB', ''],
      ['a', '', ''],
    ],
  };
  const drawn = parseHTML(`<html><body>${plotOf(table)}</body></html>`).document;
  expect([...drawn.querySelectorAll('circle title')].map((one) => one.textContent)).toEqual(['1.5', '-2']);
  expect([...drawn.querySelectorAll('.legend li')].map((one) => one.textContent)).toEqual(['SQNR']);
  expect(plotOf({ ...table, head: ['file', 'SQNR', ''] })).toBeUndefined();
  expect(plotOf({ ...table, rows: table.rows.map(([name]) => [name ?? '', 'text', '']) })).toBeUndefined();
});

it('renders guides with the addresses of the site', () => {
  const text =
    '# A `b`: c\n\n[d](../README.md#what-it-is) [e](../examples) [f](x.mjs)\n\n## Next\n\nSome words.';
  const { html, sections, files } = renderGuide('docs/a.md', text, { plots: false });
  expect(html).toContain('<a href="../index.html#what-it-is">d</a> <a href="../examples/README.html">e</a>');
  expect(files).toEqual(['README.md', 'examples/README.md', 'docs/x.mjs']);
  expect(sections).toEqual([
    { title: 'A b: c', page: 'A b: c', address: 'docs/a.html#a-b-c', text: 'd e f', weight: 0.5 },
    { title: 'Next', page: 'A b: c', address: 'docs/a.html#next', text: 'Some words.', weight: 0.5 },
  ]);
  expect(relativeAddress('a/b/c.html', 'a/d.html')).toBe('../d.html');
});

/** Where the site is looked at. */
const VIEWS = [
  { width: 390, height: 844, colorScheme: 'light' },
  { width: 1280, height: 900, colorScheme: 'dark' },
] as const;

it('is read and searched in a browser, which asks nobody else', async () => {
  const tab: Visit = await visit(browser, `${server.origin}/some/folder/`);
  const { page } = tab;
  const look = async (name: string, views: readonly (typeof VIEWS)[number][] = VIEWS): Promise<void> => {
    for (const { width, height, colorScheme } of views) {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(SCREENSHOTS, `site-${name}-${width}.png`) });
      expect(await complaintsOf(page), `${name} ${width}`).toEqual([]);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(wide, `${name} ${width}`).toBeLessThanOrEqual(0);
    }
  };
  await look('start');
  const empty = await page.evaluate(
    () => [...document.images].filter((image) => image.naturalWidth === 0).length,
  );
  expect(empty).toBe(0);
  await page.getByRole('link', { name: 'Accuracy', exact: true }).click();
  await page.getByRole('heading', { name: 'Accuracy with quantized weights' }).waitFor();
  // It is long: axe takes seconds for it.
  await look('accuracy', VIEWS.slice(1));
  await page.getByRole('searchbox', { name: 'Search' }).fill('side-car');
  await page.keyboard.press('Enter');
  await page.waitForURL(/search\.html\?q=side-car$/);
  await page.locator('#results li').first().waitFor();
  expect(await textOf(page, '#found')).toMatch(/\d+ parts were found/);
  await look('search');
  await page.getByRole('searchbox', { name: 'Search' }).fill('no such word anywhere');
  await expect.poll(() => textOf(page, '#found')).toBe('Nothing was found.');
  await page.getByRole('searchbox', { name: 'Search' }).fill('batchInputShape');
  await page.locator('#results a[href^="docs/messages.html"]').first().click();
  await page.waitForURL(/docs\/messages\.html#/);
  expect(tab.complaints).toEqual([]);
  expect(tab.foreign()).toEqual([]);

  // Without a connection it is there as a whole, from the first visit on.
  await keptForLater(tab);
  await server.close();
  await browser.context.setOffline(true);
  for (const place of pages()) await page.goto(`${server.origin}/some/folder/${place}`);
  await page.goto(`${server.origin}/some/folder/search.html?q=side-car`);
  await page.locator('#results li').first().waitFor();
  await page.goto(`${server.origin}/some/folder/`);
  await page.getByRole('link', { name: 'Accuracy', exact: true }).click();
  await page.getByRole('heading', { name: 'Accuracy with quantized weights' }).waitFor();
  expect(tab.complaints).toEqual([]);
  await tab.close();
});
