/** The page's full-integer .tflite file, in Chromium: chosen, made, proven, taken home, and run by LiteRT.js as anybody would. */

import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memorySource, Tensor } from 'crosslayer';
import { saveModel } from 'crosslayer/node';
import { labelsOf, openNpz, runTflite } from 'crosslayer/verification';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readTflite } from '../../src/formats/tflite/read.ts';
import { startLitert } from '../../src/node/litert.ts';
import { openPages, type Pages } from '../browser/pages.ts';
import { buildModel, input, type LayerSpec, layer } from '../support/model-builder.ts';
import { complaintsOf } from './axe.ts';
import {
  type BuiltPage,
  idle,
  openBuiltPage,
  openExample,
  openFiles,
  SCREENSHOTS,
  textOf,
  type Visit,
} from './built-page.ts';

const SAMPLES = new URL('../../examples/fashion-mobilenetv2.keras.samples.npz', import.meta.url).pathname;

const TWO_INPUTS = new URL('../fixtures/golden/two_input/input.h5', import.meta.url).pathname;

let built: BuiltPage;
/** One for all tests: LiteRT, once it is there, stays in the worker. */
let visit: Visit;
let images: Tensor;
let labels: Int32Array;
const folder = mkdtempSync(join(tmpdir(), 'crosslayer-page-tflite-'));
beforeAll(async () => {
  const archive = await openNpz(memorySource('samples', new Uint8Array(readFileSync(SAMPLES))));
  images = await archive.read('images');
  labels = labelsOf(await archive.read('labels'), 'labels');
  // LiteRT is taken away in between, and must not be kept.
  built = await openBuiltPage({ serviceWorkers: 'block' });
  visit = await built.visit();
});
// A file that is not there is complained about, which its test takes out.
afterEach(() => {
  expect(visit.foreign()).toEqual([]);
  expect(visit.complaints.splice(0)).toEqual([]);
});
afterAll(async () => {
  await built?.close();
  rmSync(folder, { recursive: true });
});

/** The pixels of the first images, and what the example takes for them. */
function firstImages(count: number): { readonly pixels: Uint8Array; readonly given: Tensor } {
  const pixels = (images.values() as Uint8Array).subarray(0, count * 32 * 32);
  const scaled = Float32Array.from(pixels, (pixel) => pixel / 127.5 - 1);
  return { pixels, given: Tensor.of('float32', [count, 32, 32, 1], scaled) };
}

/** The first images as files, with names that begin with their labels. */
function labelledPictures(
  count: number,
): Promise<readonly { readonly name: string; readonly mimeType: string; readonly buffer: Buffer }[]> {
  const { pixels } = firstImages(count);
  const raw = { width: 32, height: 32, channels: 1 } as const;
  return Promise.all(
    Array.from({ length: count }, async (_, index) => ({
      name: `${labels[index]}_${index}.png`,
      mimeType: 'image/png',
      buffer: await sharp(pixels.subarray(index * 1024, (index + 1) * 1024), { raw })
        .png()
        .toBuffer(),
    })),
  );
}

interface Made {
  readonly bytes: Uint8Array;
  readonly verdict: string;
  readonly text: string;
}

/** Makes the file with what is chosen, and has it downloaded. */
async function make(choice: { weights?: string; io?: string } = {}): Promise<Made> {
  const { page } = visit;
  for (const [name, value] of Object.entries(choice)) await page.check(`input[name=${name}][value=${value}]`);
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Make the .tflite file' }).click(),
  ]);
  const name = join(folder, download.suggestedFilename());
  await download.saveAs(name);
  await idle(page);
  return {
    bytes: new Uint8Array(readFileSync(name)),
    verdict: await textOf(page, '#tflite-result .verdict'),
    text: await textOf(page, '#tflite-result'),
  };
}

const asksForLitert = (): boolean => visit.requests.some((url) => url.includes('/litert/'));

const typesOf = (bytes: Uint8Array): (string | undefined)[] => {
  const { inputs, outputs, tensors } = readTflite('made.tflite', bytes);
  return [...inputs, ...outputs].map(({ tensor }) => tensors[tensor]?.type);
};

it('is made and said not to be verified where LiteRT is not there, and verified once it is', async () => {
  const [at, away] = [join(built.folder, 'litert'), join(built.folder, 'away')];
  await openFiles(visit, [TWO_INPUTS]);
  expect(asksForLitert()).toBe(false);
  renameSync(at, away);
  try {
    const { bytes, verdict } = await make();
    expect(verdict).toMatch(
      /^Not verified: LiteRT, which lies beside the page in the folder litert, could not be loaded: /,
    );
    expect(typesOf(bytes)).toEqual(['int8', 'int8', 'int8']);
    expect(visit.complaints.splice(0).join()).toMatch(/404/);
  } finally {
    renameSync(away, at);
  }
  const { verdict, text } = await make();
  expect(asksForLitert()).toBe(true);
  // Its batch norms never saw an input: ranges from their statistics are off, and 5 dB were seen.
  expect(verdict).toMatch(
    /^LiteRT ran the file .* model: SQNR \d\.\d dB, same top-1 .*\. That is far from the float model/,
  );
  expect(text).toMatch(/Run on 8 made-up samples/);
});

it.each<[string, readonly LayerSpec[], RegExp]>([
  [
    'a recurrent layer',
    [input('in', [5, 3]), layer('GRU', 'gru', { units: 2, reset_after: true })],
    /gru \(GRU\): recurrent layers/,
  ],
  [
    'an open size',
    [input('in', [null, null, 3]), layer('Conv2D', 'conv', { filters: 4, kernel_size: 3 })],
    /fixed sizes.*“Sizes of inputs that the model leaves open”/,
  ],
])('%s is refused with a sentence, and nothing is made', async (name, layers, message) => {
  const file = join(folder, `${name}.h5`);
  await saveModel(buildModel(layers), file);
  await openFiles(visit, [file]);
  await visit.page.getByRole('button', { name: 'Make the .tflite file' }).click();
  await visit.page.waitForFunction(() => (document.querySelector('#alert')?.textContent ?? '') !== '');
  const alert = await textOf(visit.page, '#alert');
  expect(alert).toMatch(/^The file was not made\./);
  expect(alert).toMatch(message);
  expect(await textOf(visit.page, '#tflite-result')).toBe('');
});

it('a layer that TF.js lacks brings its script along', async () => {
  const { page } = visit;
  await page.locator('summary', { hasText: 'Files for TensorFlow.js' }).click();
  await page.check('#layers-script');
  await openFiles(visit, [join(folder, 'a recurrent layer.h5')]);
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.locator('[data-form="tfjs-float"]').click(),
  ]);
  const name = join(folder, download.suggestedFilename());
  await download.saveAs(name);
  expect(readFileSync(name, 'latin1')).toContain('crosslayer-layers.js');
  await idle(page);
  expect(await textOf(page, '.card:has([data-form="tfjs-float"])')).toMatch(
    /crosslayer-layers\.js registers GRU/,
  );
});

it('takes what is chosen: a hardware, and the sizes of inputs', async () => {
  const file = join(folder, 'open.h5');
  const model = buildModel([
    input('in', [null, null, 3]),
    layer('Conv2D', 'conv', { filters: 4, kernel_size: 3 }),
    layer('GlobalAveragePooling2D', 'pool', {}),
    layer('Dense', 'dense', { units: 2 }),
  ]);
  await saveModel(model, file);
  await openFiles(visit, [file]);
  const { page } = visit;
  await page.check('input[name=hardware][value=microcontroller]');
  await page.locator('#tflite-settings summary').click();
  await page.fill('#tflite-shape', '16x16x3');
  const { bytes, text } = await make();
  expect(text).toMatch(/with int8 weights per-channel, of Dense layers per-tensor and int8 inputs/);
  expect(text).not.toMatch(/Not for TFLite Micro/);
  expect(await complaintsOf(page)).toEqual([]);
  await page.screenshot({ path: join(SCREENSHOTS, 'tflite.png'), fullPage: true });
  expect(readTflite('made.tflite', bytes).tensors[0]?.shape).toEqual([1, 16, 16, 3]);
  await page.check('#tflite-float');
  const { bytes: floats, text: said } = await make();
  expect(said).toMatch(/with float32, made ready for weights per-channel/);
  expect(typesOf(floats)).toEqual(['float32', 'float32']);
  await page
    .locator('#other-files')
    .setInputFiles({ name: 'open.tflite', mimeType: '', buffer: Buffer.from(floats) });
  await page.locator('#verified-title').waitFor();
  expect(await textOf(page, '#verify-result')).toMatch(/Beside open\.tflite/);
  await page.getByRole('button', { name: 'Choose as usual again' }).click();
  expect(await page.locator('input[name=hardware]:checked').count()).toBe(0);
  expect(await page.inputValue('#tflite-shape')).toBe('');
});

describe('the example', () => {
  beforeAll(() => openExample(visit));

  it('becomes a file that is proven in the page, and runs elsewhere', async () => {
    const { bytes, verdict, text } = await make();
    const [, sqnr, agreement, before, after] =
      /^LiteRT ran the file .*: SQNR (\S+) dB, same top-1 (\S+) %; accuracy (\S+) % -> (\S+) %\.$/.exec(
        verdict,
      ) ?? [];
    // Seen: 22.4 dB, 98.9 %, 92.00 % and 91.90 %, which the command prints too.
    expect(Number(sqnr)).toBeGreaterThan(21);
    expect(Number(agreement)).toBeGreaterThan(98);
    expect(Number(before)).toBeGreaterThan(91.9);
    expect(Number(after)).toBeGreaterThan(91.5);
    expect(text).toMatch(/Size: 1\.88 MB as it was opened, 50\d kB now .* weights per-channel and int8/);
    expect(text).toMatch(/Run on 2,000 pictures of 32 x 32: pixels as x\/127\.5 - 1/);
    expect(text).toMatch(/Operators 65: 35 CONV_2D, 17 DEPTHWISE_CONV_2D, 10 ADD/);
    expect(text).toMatch(/Ranges of 65 tensors: 1 of the input, 64 from statistics of batch norms\./);
    expect(text).toMatch(
      /Not for TFLite Micro: 1 FULLY_CONNECTED \(.*; “One scale for a Dense layer” has one\)/,
    );

    expect(typesOf(bytes)).toEqual(['int8', 'int8']);
    const [outputs] = await runTflite(await startLitert(), bytes, [firstImages(200).given]);
    expect(rightOf(outputs)).toBeGreaterThan(0.9);
  });

  it('has ranges measured on pictures that are chosen, and is right on their labels', async () => {
    const pictures = await labelledPictures(24);
    await visit.page.locator('#tflite input[type=file]').setInputFiles(pictures);
    const { bytes, verdict, text } = await make({ weights: 'per-tensor', io: 'uint8' });
    expect(text).toMatch(/Size: 1\.88 MB .* weights per-tensor and uint8 inputs and outputs/);
    expect(text).toMatch(/Run on 24 pictures of 32 x 32/);
    expect(text).toMatch(/Operators \d+: 35 CONV_2D, \d+ MINIMUM/);
    expect(text).toMatch(/Ranges of 65 tensors: 65 from the inputs\./);
    const [, after] = /accuracy \S+ % -> (\S+) %/.exec(verdict) ?? [];
    // Seen: all 24.
    expect(Number(after)).toBeGreaterThan(90);
    expect(typesOf(bytes)).toEqual(['uint8', 'uint8']);

    await visit.page.fill('#tflite-labels', '3 4');
    await visit.page.getByRole('button', { name: 'Make the .tflite file' }).click();
    expect(await textOf(visit.page, '#alert')).toMatch(/Labels: 2 given for 24 pictures/);
  });

  describe('in floats at its ends', () => {
    let pages: Pages;
    beforeAll(async () => {
      pages = await openPages(['litert.html'], { browser: built.browser });
    });
    afterAll(async () => {
      await pages.close();
    });

    it("runs as LiteRT.js' own guide does it", async () => {
      await visit.page.locator('#tflite input[type=file]').setInputFiles(await labelledPictures(24));
      const { bytes } = await make({ weights: 'per-channel', io: 'float32' });
      expect(typesOf(bytes)).toEqual(['float32', 'float32']);
      const { given } = firstImages(50);
      const values = given.values() as Float32Array;
      const asked = {
        file: Buffer.from(bytes).toString('base64'),
        shape: [1, 32, 32, 1],
        samples: Array.from({ length: 50 }, (_, at) => [...values.subarray(at * 1024, (at + 1) * 1024)]),
      };
      const { outcome, foreign, complaints } = await pages.visit('litert.html', asked, (one) =>
        globalThis.runLitertPage(one),
      );
      expect(foreign).toEqual([]);
      expect(complaints.filter((line) => /\bERROR\b/.test(line))).toEqual([]);
      expect(outcome).toHaveLength(50);
      expect(rightOf(Tensor.of('float32', [50, 10], Float32Array.from(outcome.flat())))).toBeGreaterThan(
        0.85,
      );
      const [bound] = await runTflite(await startLitert(), bytes, [given]);
      const apart = outcome
        .flat()
        .map((value, index) => Math.abs(value - (bound?.toFloat64()[index] ?? NaN)));
      // The probabilities are codes of 1/256; its build has other kernels, a code or two apart.
      expect(Math.max(...apart)).toBeLessThanOrEqual(2 / 256);
    });
  });
});

/** The share of samples whose largest class is the label. */
function rightOf(outputs: Tensor | undefined): number {
  const values = outputs?.toFloat64() ?? new Float64Array();
  const [samples = 0] = outputs?.shape ?? [];
  const right = Array.from({ length: samples }, (_, sample) => {
    const row = values.subarray(sample * 10, (sample + 1) * 10);
    return row.indexOf(Math.max(...row)) === labels[sample];
  });
  return right.filter(Boolean).length / samples;
}
