/** The page by hand, in Chromium: open, see, equalize, verify, take home, open again. */

import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { complaintsOf } from './axe.ts';
import {
  type BuiltPage,
  compressedBytes,
  filesIn,
  idle,
  keptForLater,
  openBuiltPage,
  openExample,
  openFiles,
  SCREENSHOTS,
  textOf,
  type Visit,
} from './built-page.ts';

const FORMATS = new URL('../fixtures/formats/', import.meta.url).pathname;
const SHARDED = ['model.json', ...[1, 2, 3].map((shard) => `group1-shard${shard}of3.bin`)].map(
  (name) => `${FORMATS}tfjs/functional_shards/${name}`,
);
const KERAS = `${FORMATS}keras-3.15.1/functional.keras`;

let built: BuiltPage;
let folder = '';
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'crosslayer-page-'));
  built = await openBuiltPage();
});
afterAll(async () => {
  await built?.close();
  rmSync(folder, { recursive: true });
});

/** Does something in a tab, and then nothing may have gone wrong and nothing may have been asked of others. */
async function inPage(work: (visit: Visit) => Promise<void>): Promise<void> {
  const visit = await built.visit();
  try {
    await work(visit);
    expectQuiet(visit);
  } finally {
    await visit.close();
  }
}

function expectQuiet(visit: Visit): void {
  expect(visit.complaints).toEqual([]);
  expect(visit.foreign()).toEqual([]);
}

async function equalize({ page }: Visit): Promise<string> {
  await page.getByRole('button', { name: 'Equalize', exact: true }).click();
  await page.locator('#equalized:not([hidden])').waitFor();
  await idle(page);
  return textOf(page, '#equalized-content');
}

/** Takes a form and returns where it was saved. */
async function take({ page }: Visit, form: string): Promise<string> {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.locator(`[data-form="${form}"]`).click(),
  ]);
  const name = join(folder, `${form}-${download.suggestedFilename()}`);
  await download.saveAs(name);
  await idle(page);
  return name;
}

/** Where the page is looked at. */
const VIEWS = [
  { name: 'a-phone', width: 390, height: 844, colorScheme: 'light' },
  { name: 'a-desk', width: 1280, height: 900, colorScheme: 'dark' },
] as const;

/** On a phone and at a desk axe finds nothing, and nothing overflows; nor does it on a wide screen. */
async function look({ page }: Visit, state: string): Promise<void> {
  const overflow = (): Promise<number> =>
    page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  // Also what is not in sight, which is not laid out otherwise.
  await page.evaluate(() => {
    for (const section of document.querySelectorAll<HTMLElement>('#opened > section')) {
      section.style.contentVisibility = 'visible';
    }
  });
  for (const { name, width, height, colorScheme } of VIEWS) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.screenshot({ path: join(SCREENSHOTS, `${name}-${state}.png`), fullPage: true });
    expect(await complaintsOf(page), `${name} ${state}`).toEqual([]);
    expect(await overflow(), `${name} ${state}`).toBeLessThanOrEqual(0);
  }
  await page.setViewportSize({ width: 2560, height: 1440 });
  expect(await overflow(), `wide ${state}`).toBeLessThanOrEqual(0);
}

const facts = ({ page }: Visit): Promise<string> => textOf(page, '#facts');

describe.each([
  ['.keras', [KERAS], /\.keras/],
  ['.h5', [`${FORMATS}tfkeras-2.15/functional.h5`], /h5/i],
  ['a TF.js model', SHARDED, /TensorFlow\.js|TF\.js/],
] as const)('%s', (name, files, format) => {
  it('is opened, seen, equalized, verified, taken in each form, and opened again', async () => {
    await inPage(async (visit) => {
      // One format is enough to look at.
      const seen = (state: string): Promise<void> | undefined =>
        name === '.keras' ? look(visit, state) : undefined;
      await seen('empty');
      await openFiles(visit, files);
      expect(await facts(visit)).toMatch(format);
      const rows = await visit.page.locator('#map [role=option]').count();
      expect(rows).toBeGreaterThan(5);
      await seen('opened');
      expect(await equalize(visit)).toMatch(/the same/i);
      await visit.page.selectOption('#dialect', 'keras2');
      await visit.page.locator('#other-files').setInputFiles([...files]);
      await visit.page.locator('#verified-title').waitFor();
      expect(await textOf(visit.page, '#verify-result .verdict')).toMatch(/^The same function: /);
      const taken = new Map<string, string>();
      for (const form of ['as-it-came', 'keras-v3', 'keras-h5', 'tfjs-float', 'tfjs-packed']) {
        taken.set(form, await take(visit, form));
      }
      const report = readFileSync(await take(visit, 'report'), 'utf8');
      expect(report).toMatch(/^<!doctype html>/i);
      expect(report).not.toMatch(/(src|href)="https?:/);
      await seen('equalized');
      for (const [form, name] of taken) {
        await openFiles(visit, [name]);
        expect(await textOf(visit.page, '#alert'), form).toBe('');
        expect(await facts(visit), form).toMatch(form === 'keras-h5' ? /HDF5 of Keras 2/ : /parameters/i);
      }
    });
  });
});

describe('by keyboard', () => {
  it('a layer is found, chosen and told about, and settings are chosen', async () => {
    await inPage(async (visit) => {
      await openFiles(visit, [KERAS]);
      const { page } = visit;
      await page.locator('#filter').focus();
      await page.keyboard.type('conv');
      await page.keyboard.press('Tab');
      for (let step = 0; step < 12; step++) {
        const inMap = await page.evaluate(() => document.activeElement?.closest('#map') !== null);
        if (inMap) break;
        await page.keyboard.press('Tab');
      }
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      expect(await textOf(page, '#layer-title')).toMatch(/^Layer /);
      expect(await textOf(page, '#layer')).toMatch(/Conv2D/);
      expect(await textOf(page, '#layer')).toMatch(/channel/i);
      // What will run it, and what few choose.
      await page.locator('input[name=hardware]').first().focus();
      await page.keyboard.press('Space');
      await page.keyboard.press('ArrowDown');
      expect(await page.inputValue('input[name=hardware]:checked')).toBe('microcontroller');
      await page.locator('#more-settings summary').focus();
      await page.keyboard.press('Enter');
      await page.keyboard.press('Tab');
      expect(await page.evaluate(() => document.activeElement?.id)).toBe('target');
      await page.keyboard.press('f');
      expect(await page.locator('input[name=hardware]:checked').count()).toBe(0);
      await page.locator('#reset').focus();
      await page.keyboard.press('Enter');
      expect(await page.inputValue('#target')).toBe('int8-per-tensor');
    });
  });
});

describe('the example', () => {
  it('tells which layer hurts for the ReLU6 policy that is chosen, is equalized once that was cancelled, and shows float, plain 8 bits and equalized 8 bits side by side on its labelled images', async () => {
    await inPage(async (visit) => {
      await openExample(visit);
      const { page } = visit;
      await cancelEqualizing(visit);
      const improvement = async (): Promise<string> => {
        await page.locator('#damage table').waitFor();
        return textOf(page, '#damage-content > p:first-child');
      };
      const exact = await improvement();
      expect(await textOf(page, '#damage')).toMatch(/expanded_conv_depthwise/);
      await page.check('input[name=relu6][value=keep]');
      const keep = await improvement();
      await page.selectOption('#ranked-by', 'sqnr-before');
      expect(await textOf(page, '#damage tbody tr:first-child')).toMatch(/^block_2_depthwise.* dB.* dB$/);
      await page.selectOption('#ranked-by', 'damage-before');
      expect(keep).not.toBe(exact);
      expect(await equalize(visit)).toMatch(/the same/i);
      expect(await improvement()).toBe(keep);
      await page.check('input[name=hardware][value=tfjs]');
      // What choices bring is looked at also where it was not known yet when the model was equalized.
      await page.locator('#expected .gain').waitFor();
      expect(await textOf(page, '#expected')).toMatch(/^Expected gain: \d.* batch norms stay/);
      await page.check('input[name=hardware][value=npu]');
      expect(await improvement()).toBe(keep);
      await page
        .locator('#compare')
        .getByRole('button', { name: /example|images|labelled/i })
        .first()
        .click();
      await page.locator('#compare table').first().waitFor();
      await idle(page);
      const text = await textOf(page, '#compare');
      expect(text).toMatch(/\d+(\.\d+)? %/);
      await expectAskedBeforeLost(visit);
    });
  });
});

async function cancelEqualizing({ page }: Visit): Promise<void> {
  // In the page: from here a click may come after the end.
  await page.evaluate(() => {
    const text = document.querySelector('#progress-text') as HTMLElement;
    new MutationObserver((_, observer) => {
      if (text.textContent === 'Equalizing') return;
      observer.disconnect();
      document.querySelector<HTMLElement>('#cancel')?.click();
    }).observe(text, { childList: true });
  });
  await page.getByRole('button', { name: 'Equalize', exact: true }).click();
  await page.getByText('Cancelled. Everything is as it was before.').waitFor({ state: 'attached' });
  await idle(page);
  expect(await page.locator('#equalized').isHidden()).toBe(true);
}

/** The equalized model is nowhere but on the page, which says so before it is lost. */
async function expectAskedBeforeLost({ page }: Visit): Promise<void> {
  const asked: string[] = [];
  page.on('dialog', (dialog) => {
    asked.push(`${dialog.type()} ${dialog.message()}`);
    void dialog.dismiss();
  });
  await page.getByRole('button', { name: 'Open the example' }).click();
  void page.close({ runBeforeUnload: true });
  await expect.poll(() => asked.length).toBe(2);
  expect(asked[0]).toMatch(/^confirm The equalized model was not taken home yet/);
  expect(asked[1]).toMatch(/^beforeunload/);
  expect(await page.locator('#equalized').isHidden()).toBe(false);
}

describe('what cannot be opened ends with a sentence, and the page goes on', () => {
  const cases: [string, () => string[], RegExp][] = [
    ['a text', () => [file('notes.txt', 'hello')], /./],
    ['half a .keras', () => [half(KERAS, 'half.keras')], /half\.keras/],
    ['half an .h5', () => [half(`${FORMATS}tfkeras-2.15/functional.h5`, 'half.h5')], /half\.h5/],
    ['a TF.js model without a shard', () => SHARDED.slice(0, 3), /group1-shard3of3\.bin/],
    ['two models', () => [KERAS, `${FORMATS}tfkeras-2.15/functional.h5`], /one/i],
    ['an empty file', () => [file('empty.h5', '')], /empty\.h5/],
    ['4 GB of nothing', () => [sparse('huge.h5', 4 * 2 ** 30)], /huge\.h5/],
  ];
  /** One for all of them, since it goes on. */
  let visit: Visit;
  beforeAll(async () => {
    visit = await built.visit();
  });
  afterAll(async () => {
    await visit.close();
  });
  it.each(cases)('%s', async (name, files, message) => {
    const { page } = visit;
    await page.locator('#files').setInputFiles(files());
    await page.waitForFunction(() => (document.querySelector('#alert')?.textContent ?? '') !== '');
    expect(await textOf(page, '#alert')).toMatch(message);
    if (name === 'a text') await look(visit, 'refused');
    await openFiles(visit, [KERAS]);
    expect(await textOf(page, '#alert')).toBe('');
    expectQuiet(visit);
  });
});

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

function half(name: string, as: string): string {
  const bytes = readFileSync(name);
  writeFileSync(join(folder, as), bytes.subarray(0, bytes.length / 2));
  return join(folder, as);
}

/** A file with a hole, which takes no space. */
function sparse(name: string, size: number): string {
  writeFileSync(join(folder, name), '');
  truncateSync(join(folder, name), size);
  return join(folder, name);
}

it('names no other place in its page and forbids all of them', () => {
  const html = readFileSync(join(built.folder, 'index.html'), 'utf8');
  expect(html).toMatch(/Content-Security-Policy" content="default-src 'none';/);
  expect(html).not.toMatch(/(src|href)="(https?:)?\/\//);
  expect(filesIn(built.folder)).toContain('example/fashion-mobilenetv2.keras');
});

it('loads at most 1.5 MB before a model is chosen, and works without a connection after the first visit', async () => {
  const first = await built.visit();
  await keptForLater(first);
  expectQuiet(first);
  const names = first.requests
    .filter((url) => url.startsWith('http'))
    .map((url) => new URL(url).pathname.replace('/crosslayer/page/', ''));
  expect(names).toContain('index.html');
  expect(compressedBytes(built.folder, names)).toBeLessThan(1.5e6);
  await first.close();
  await built.disconnect();
  await inPage(async (visit) => {
    await openFiles(visit, [KERAS]);
    expect(await equalize(visit)).toMatch(/run in this browser \(wasm\)/);
    await visit.page.locator('[data-form=report]').click();
    await visit.page.getByRole('link', { name: 'functional-report.html' }).waitFor();
  });
});
