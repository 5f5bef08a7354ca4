/**
 * The engine's page in Chromium.
 *
 * @module
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { build } from 'vite';
import { startChromium } from '../browser/chromium.ts';
import { serveFolders } from '../browser/static-server.ts';

const root = join(import.meta.dirname, '../..');

/** A page that is open, with what it asked for and complained about so far. */
export interface EnginePage {
  readonly page: Page;
  /** Addresses elsewhere than on the test's server. */
  readonly foreign: string[];
  /** Paths on it. */
  readonly paths: string[];
  readonly complaints: string[];
  close(): Promise<void>;
}

/** Bundles the page as `web/vite.config.ts` does, serves it with the fixtures and what lies beside a page, and opens it. */
export async function openEnginePage(more: Readonly<Record<string, string>> = {}): Promise<EnginePage> {
  const folder = mkdtempSync(join(tmpdir(), 'crosslayer-engine-'));
  await bundle(folder);
  const server = await serveFolders({
    '/': folder,
    '/fixtures/': join(root, 'test/fixtures'),
    '/example/': join(root, 'examples'),
    '/wasm/': join(root, 'node_modules/@tensorflow/tfjs-backend-wasm/dist'),
    ...more,
  });
  const browser = await startChromium();
  const page = await browser.context.newPage();
  const foreign: string[] = [];
  const paths: string[] = [];
  const complaints: string[] = [];
  page.on('request', (request) => {
    const url = request.url();
    if (url.startsWith(`${server.origin}/`)) paths.push(new URL(url).pathname);
    else if (!/^(data|blob):/.test(url)) foreign.push(url);
  });
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(`${server.origin}/engine.html`, { waitUntil: 'load' });
  return {
    page,
    foreign,
    paths,
    complaints,
    async close() {
      await browser.close();
      await server.close();
      rmSync(folder, { recursive: true });
    },
  };
}

async function bundle(outDir: string): Promise<void> {
  const page = join(import.meta.dirname, 'page');
  await build({
    configFile: false,
    root: page,
    base: './',
    logLevel: 'error',
    resolve: { tsconfigPaths: true },
    worker: { format: 'es' },
    build: {
      outDir,
      minify: false,
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      rollupOptions: { input: join(page, 'engine.html') },
    },
  });
}
