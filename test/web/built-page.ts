/**
 * The page as it is built, in a browser.
 *
 * @module
 */

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Page, Request } from 'playwright-core';
import { build } from 'vite';
import { type Browser, startChromium } from '../browser/chromium.ts';
import { serveFolders } from '../browser/static-server.ts';
import { copyMadeOnce, type Making } from '../support/made-once.ts';

const root = join(import.meta.dirname, '../..');

/** Where pictures of the page are kept, to be looked at. */
export const SCREENSHOTS: string = join(root, '.cache/screenshots');

/** The built page, served. */
export interface BuiltPage {
  readonly folder: string;
  readonly browser: Browser;
  /** Opens it in a tab of its own. */
  visit(): Promise<Visit>;
  /** Ends the server and all connections, for good. */
  disconnect(): Promise<void>;
  close(): Promise<void>;
}

/** A tab with the page, and what it asked for and complained about. */
export interface Visit {
  readonly page: Page;
  readonly requests: readonly string[];
  /** The requests to other places than the page's own. */
  foreign(): string[];
  /** Errors and warnings in the console, uncaught errors, and answers that are none; a test takes out those that it expects. */
  readonly complaints: string[];
  close(): Promise<void>;
}

/** Where the page lies on its server: in a folder, as in the site. */
const PLACE = '/crosslayer/page/';

/** Starts a browser with the page that is built; the options are those of {@link startChromium}. */
export async function openBuiltPage(options: Parameters<typeof startChromium>[0] = {}): Promise<BuiltPage> {
  const folder = mkdtempSync(join(tmpdir(), 'crosslayer-web-'));
  await copyMadeOnce(BUILDING, folder);
  const server = await serveFolders({ [PLACE]: folder });
  const browser = await startChromium(options);
  mkdirSync(SCREENSHOTS, { recursive: true });
  return {
    folder,
    browser,
    visit: () => visit(browser, `${server.origin}${PLACE}`),
    async disconnect() {
      await server.close();
      await browser.context.setOffline(true);
    },
    async close() {
      await browser.close();
      await server.close();
      rmSync(folder, { recursive: true });
    },
  };
}

const BUILDING: Making = {
  name: 'page',
  of: ['src', 'web', 'examples', 'package-lock.json', 'tsconfig.json'],
  make: (outDir) =>
    build({
      configFile: join(root, 'web/vite.config.ts'),
      logLevel: 'error',
      build: { outDir, emptyOutDir: true },
    }),
};

/** What is said where a test asked for it. */
const BLOCKED = 'Service Worker registration blocked by Playwright';

/** Opens the page of a folder in a tab. */
export async function visit(browser: Browser, address: string): Promise<Visit> {
  const page = await browser.context.newPage();
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  const requests: string[] = [];
  const complaints: string[] = [];
  const listen = (request: Request): void => void requests.push(request.url());
  page.on('request', listen);
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && message.text() !== BLOCKED)
      complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('response', (response) => {
    if (!response.ok()) complaints.push(`${response.status()} ${response.url()}`);
  });
  await page.goto(`${address}index.html`, { waitUntil: 'load' });
  return {
    page,
    requests,
    complaints,
    foreign: () => requests.filter((url) => !url.startsWith(address) && !/^(blob|data):/.test(url)),
    close: () => page.close(),
  };
}

/** Until the service worker has all files and took the page over. */
export async function keptForLater({ page }: Visit): Promise<void> {
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    if (navigator.serviceWorker.controller !== null) return;
    await new Promise((resolve) => navigator.serviceWorker.addEventListener('controllerchange', resolve));
  });
}

/** Opens a model. */
export async function openFiles({ page }: Visit, files: readonly string[]): Promise<void> {
  await page.locator('#files').setInputFiles([...files]);
  await page.locator('#opened:not([hidden])').waitFor();
  await idle(page);
}

/** Opens the example. */
export async function openExample({ page }: Visit): Promise<void> {
  await page.getByRole('button', { name: 'Open the example' }).click();
  await page.locator('#opened:not([hidden])').waitFor();
  await idle(page);
}

/** Until nothing is under way, which the page says. */
export async function idle(page: Visit['page']): Promise<void> {
  await page.waitForFunction(() => document.querySelector<HTMLElement>('#progress')?.hidden === true);
}

/** The text of an element. */
export async function textOf(page: Visit['page'], selector: string): Promise<string> {
  return (await page.locator(selector).textContent()) ?? '';
}

/** Bytes of files as a server that compresses sends them. */
export function compressedBytes(folder: string, names: readonly string[]): number {
  return names.reduce((sum, name) => sum + gzipSync(readFileSync(join(folder, name))).length, 0);
}

/** Names of all files in a folder and those in it. */
export function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => extname(name) !== '');
}
