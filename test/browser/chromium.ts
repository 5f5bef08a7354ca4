/**
 * Debian's Chromium, started for a test.
 *
 * @module
 */

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium } from 'playwright-core';
import { HANGING_MS } from '../support/hanging.ts';

/** What Chromium does by itself and a test does not need: hardware it may not have, and calls to its maker. */
const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** A browser with a profile of its own, which goes when it is closed. */
export interface Browser {
  readonly context: BrowserContext;
  close(): Promise<void>;
}

/**
 * Starts Chromium: the one that the variable `CHROMIUM` names, or the system's.
 *
 * @param options.serviceWorkers `block` where nothing may be kept from one visit to the next.
 */
export async function startChromium(
  options: { readonly serviceWorkers?: 'allow' | 'block' } = {},
): Promise<Browser> {
  const executablePath = findChromium();
  const profile = mkdtempSync(join(tmpdir(), 'crosslayer-chromium-'));
  const discard = (): void => rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  try {
    const context = await chromium.launchPersistentContext(profile, {
      executablePath,
      args: ARGUMENTS,
      chromiumSandbox: false,
      timeout: HANGING_MS,
      ...options,
    });
    context.setDefaultTimeout(HANGING_MS);
    return {
      context,
      async close() {
        await context.close();
        discard();
      },
    };
  } catch (error) {
    discard();
    throw error;
  }
}

function findChromium(): string {
  const named = process.env['CHROMIUM'];
  const found = named === undefined ? PATHS.find((path) => existsSync(path)) : named;
  if (found !== undefined && existsSync(found)) return found;
  const missing = named === undefined ? PATHS.join(' or ') : `${named}, which CHROMIUM names`;
  throw new Error(
    `the browser tests need Chromium, and there is no ${missing}; install it (apt-get install chromium) or set CHROMIUM to ` +
      'the path of one',
  );
}
