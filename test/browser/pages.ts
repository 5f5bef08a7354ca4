/**
 * Pages bundled as a user's bundler does it, and visits to them.
 *
 * @module
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'vite';
import { type Browser, startChromium } from './chromium.ts';
import { serveFolders } from './static-server.ts';

const root = join(import.meta.dirname, '../..');
const tfjs = (name: string): string => join(root, 'node_modules/@tensorflow', name, 'dist');

/** What came of a visit. */
export interface Visit<Outcome> {
  readonly outcome: Outcome;
  /** The paths of what the page asked this server for. */
  readonly paths: readonly string[];
  /** The addresses of what it asked others for. */
  readonly foreign: readonly string[];
  /** Errors and warnings in the console, uncaught errors, and answers that are none. */
  readonly complaints: readonly string[];
}

/** Pages in a browser. */
export interface Pages {
  /** Opens the page `name`, does `work` in it, and notes all that it asks for and complains about. */
  visit<Asked, Outcome>(
    name: string,
    asked: Asked,
    work: (asked: Asked) => Promise<Outcome>,
  ): Promise<Visit<Outcome>>;
  close(): Promise<void>;
}

/**
 * Bundles the pages of those names in `page/` and starts a browser; beside them, TF.js, the test files and `folders` are served.
 *
 * @param options.browser one that runs already, which stays.
 */
export async function openPages(
  names: readonly string[],
  {
    folders = {},
    browser: running,
  }: { readonly folders?: Readonly<Record<string, string>>; readonly browser?: Browser } = {},
): Promise<Pages> {
  const started: { close(): Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    for (const one of started.reverse()) await one.close();
  };
  try {
    const browser = running ?? (await startChromium());
    if (!running) started.push(browser);
    const folder = mkdtempSync(join(tmpdir(), 'crosslayer-page-'));
    started.push({ close: async () => rmSync(folder, { recursive: true }) });
    await bundle(names, folder);
    const server = await serveFolders({
      ...folders,
      '/': folder,
      '/fixtures/': join(root, 'test/fixtures'),
      '/wasm/': tfjs('tfjs-backend-wasm'),
      '/litert/': join(root, 'node_modules/@litertjs/core/wasm'),
      '/tfjs-core/': tfjs('tfjs-core'),
      '/tfjs-layers/': tfjs('tfjs-layers'),
      '/tfjs-backend-cpu/': tfjs('tfjs-backend-cpu'),
    });
    started.push(server);
    return { visit: (name, asked, work) => visit(browser, `${server.origin}/`, name, asked, work), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function visit<Asked, Outcome>(
  browser: Browser,
  address: string,
  name: string,
  asked: Asked,
  work: (asked: Asked) => Promise<Outcome>,
): Promise<Visit<Outcome>> {
  const page = await browser.context.newPage();
  const requests: string[] = [];
  const complaints: string[] = [];
  page.on('request', (request) => requests.push(request.url()));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('response', (response) => {
    if (!response.ok()) complaints.push(`${response.status()} ${new URL(response.url()).pathname}`);
  });
  try {
    await page.goto(`${address}${name}`, { waitUntil: 'load' });
    const outcome = await page.evaluate<Outcome, unknown>(
      work as (asked: unknown) => Promise<Outcome>,
      asked,
    );
    const paths = requests.filter((url) => url.startsWith(address)).map((url) => new URL(url).pathname);
    const foreign = requests.filter((url) => !url.startsWith(address) && !url.startsWith('data:'));
    return { outcome, paths, foreign, complaints };
  } finally {
    await page.close();
  }
}

async function bundle(names: readonly string[], outDir: string): Promise<void> {
  const page = join(import.meta.dirname, 'page');
  await build({
    configFile: false,
    root: page,
    logLevel: 'error',
    resolve: { tsconfigPaths: true },
    build: {
      outDir,
      minify: false,
      rollupOptions: { input: names.map((name) => join(page, name)) },
    },
  });
}
