import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Browser, startChromium } from './chromium.ts';
import type { Outcome } from './page/scenario.ts';
import { type StaticServer, serveFolders } from './static-server.ts';

/** Six layers in float32, a step of 6e-8 each; a wrong fold is off by parts in ten. */
const SAME_FUNCTION = 1e-5;

const root = join(import.meta.dirname, '../..');
const tfjs = (name: string): string => join(root, 'node_modules/@tensorflow', name, 'dist');
const started: { close(): Promise<void> }[] = [];
let browser: Browser;
let server: StaticServer;

beforeAll(async () => {
  browser = await startChromium();
  started.push(browser);
  const folder = await buildPages();
  server = await serveFolders({
    '/': folder,
    '/wasm/': tfjs('tfjs-backend-wasm'),
    '/tfjs-core/': tfjs('tfjs-core'),
    '/tfjs-layers/': tfjs('tfjs-layers'),
    '/tfjs-backend-cpu/': tfjs('tfjs-backend-cpu'),
  });
  started.push(server);
}, 60_000);

afterAll(async () => {
  for (const one of started.reverse()) await one.close();
});

/** Bundles the two pages as a user's bundler does. */
async function buildPages(): Promise<string> {
  const outDir = mkdtempSync(join(tmpdir(), 'crosslayer-page-'));
  started.push({ close: async () => rmSync(outDir, { recursive: true }) });
  const page = join(import.meta.dirname, 'page');
  await build({
    configFile: false,
    root: page,
    logLevel: 'error',
    resolve: {
      alias: [
        { find: /^crosslayer$/, replacement: join(root, 'src/index.ts') },
        { find: /^crosslayer\/tfjs$/, replacement: join(root, 'src/tfjs.ts') },
      ],
    },
    build: {
      outDir,
      minify: false,
      rollupOptions: { input: [join(page, 'modules.html'), join(page, 'script-tags.html')] },
    },
  });
  return outDir;
}

/** Opens a page and runs the scenario in it; notes all that it asks for and complains about. */
async function visit(
  name: string,
  backend: string,
): Promise<{ outcome: Outcome; requests: string[]; complaints: string[] }> {
  const page = await browser.context.newPage();
  const requests: string[] = [];
  const complaints: string[] = [];
  page.on('request', (request) => requests.push(request.url()));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('response', (response) => {
    if (!response.ok()) complaints.push(`${response.status()} ${response.url()}`);
  });
  try {
    await page.goto(`${server.origin}/${name}`, { waitUntil: 'load' });
    const outcome = await page.evaluate((asked) => globalThis.runScenario(asked), backend);
    return { outcome, requests, complaints };
  } finally {
    await page.close();
  }
}

describe.each(['modules.html', 'script-tags.html'])('%s', (name) => {
  it.each(['cpu', 'wasm'])('equalizes a live model on %s', async (backend) => {
    const { outcome, requests, complaints } = await visit(name, backend);
    expect(complaints).toEqual([]);
    expect(outcome.backend).toBe(backend);
    expect(outcome.foldedBatchNorms).toBe(3);
    expect(outcome.scaledSets).toBe(1);
    expect(outcome.layersAfter).toEqual([
      'Conv2D',
      'ReLU',
      'DepthwiseConv2D',
      'ReLU',
      'Conv2D',
      'ReLU',
      'GlobalAveragePooling2D',
      'Dense',
    ]);

    const scale = Math.max(...outcome.before.map(Math.abs));
    const worst = Math.max(...outcome.before.map((value, index) => Math.abs(value - outcome.after[index]!)));
    expect(outcome.before).toHaveLength(10);
    expect(scale).toBeGreaterThan(0.1);
    expect(worst / scale).toBeLessThan(SAME_FUNCTION);

    const { start, live, read, both, refused, end } = outcome.tensors;
    expect(read).toBe(live);
    expect(both).toBe(read + outcome.weightsAfter);
    expect(outcome.refusal).toMatch(/^CannotRunError: .*TF\.js has no class Dense/);
    expect(refused).toBe(both);
    expect(end).toBe(start);

    expect(
      requests.filter((url) => !url.startsWith(`${server.origin}/`) && !url.startsWith('data:')),
    ).toEqual([]);
    expect(requests.some((url) => url.endsWith('.wasm'))).toBe(backend === 'wasm');
  });
});

it('brings no second copy of TF.js into a page that has one', async () => {
  const { requests } = await visit('script-tags.html', 'cpu');
  const names = requests.map((url) => new URL(url).pathname).sort();
  expect(names).toEqual([
    expect.stringMatching(/^\/assets\/.*\.js$/),
    expect.stringMatching(/^\/assets\/.*\.js$/),
    '/script-tags.html',
    '/tfjs-backend-cpu/tf-backend-cpu.min.js',
    '/tfjs-core/tf-core.min.js',
    '/tfjs-layers/tf-layers.min.js',
    '/wasm/tf-backend-wasm.min.js',
  ]);
});
