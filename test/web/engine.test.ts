import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  equalize,
  memoryFiles,
  memorySource,
  readModel,
  seededInputs,
  TfjsRunner,
  type VerifyReport,
  verify,
  writeModelToMemory,
} from 'crosslayer';
import { loadModel } from 'crosslayer/node';
import { runWithTfjs } from 'crosslayer/verification';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openZip } from '../../src/formats/zip/read.ts';
import type { TakenForm } from '../../web/protocol.ts';
import { type EnginePage, openEnginePage } from './engine-page.ts';

const FORMATS = new URL('../fixtures/formats/', import.meta.url).pathname;
const KERAS = { 'functional.keras': '/fixtures/formats/keras-3.15.1/functional.keras' };
const TFJS = Object.fromEntries(
  ['model.json', 'group1-shard1of3.bin', 'group1-shard2of3.bin', 'group1-shard3of3.bin'].map((name) => [
    `functional_shards/${name}`,
    `/fixtures/formats/tfjs/functional_shards/${name}`,
  ]),
);

let opened: EnginePage;
beforeAll(async () => {
  opened = await openEnginePage();
});
afterAll(async () => {
  await opened?.close();
});

/** What was downloaded. */
interface Taken {
  readonly fileName: string;
  /** A character a byte: what passes from the page to the test is text. */
  readonly text: string;
  readonly notes: readonly string[];
  /** What the page says of it when it is opened again. */
  readonly reopened: { readonly format?: string; readonly error?: string };
}

/** Opens a model, equalizes it for `float`, and takes it in each form. */
function takeAll(paths: Readonly<Record<string, string>>, forms: readonly TakenForm[]) {
  return opened.page.evaluate(
    async ({ paths, forms }) => {
      const { driver } = globalThis;
      driver.dispose();
      const open = await driver.run('open', { files: await driver.pick(paths) });
      if ('error' in open) throw new Error(open.error);
      const taken: Taken[] = [];
      for (const form of forms) {
        const equalized = await driver.run('equalize', { target: 'float', relu6: 'exact', verify: true });
        if ('error' in equalized) throw new Error(equalized.error);
        const proofs = equalized.result.verification?.proofs.map(({ verdict }) => verdict);
        if (proofs?.join() !== 'same,same') throw new Error(`proofs: ${proofs}`);
        const took = await driver.run('take', { form });
        if ('error' in took) throw new Error(took.error);
        const { fileName, blob, notes } = took.result;
        const bytes = new Uint8Array(await blob.arrayBuffer());
        const again = await driver.run('open', { files: driver.repick(took.result) });
        taken.push({
          fileName,
          text: bytes.reduce((text, byte) => text + String.fromCharCode(byte), ''),
          notes,
          reopened: 'error' in again ? { error: again.error } : { format: again.result.format },
        });
        await driver.run('open', { files: await driver.pick(paths) });
      }
      return { told: open.result, taken };
    },
    { paths, forms },
  );
}

/** Whether a download computes what the original does. */
async function proof(original: string, download: Taken): Promise<VerifyReport> {
  const bytes = bytesOf(download);
  const { fileName } = download;
  const model = await loadModel(FORMATS + original);
  const candidate = await readModel(fileName.endsWith('.zip') ? await unzipped(bytes) : bytes, fileName);
  const runner = await TfjsRunner.create({ backend: 'cpu' });
  return verify(model, candidate, { runner, inputs: seededInputs(model) });
}

function bytesOf({ text }: Taken): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

async function unzipped(bytes: Uint8Array): Promise<ReturnType<typeof memoryFiles>> {
  const files = new Map<string, Uint8Array>();
  for (const [name, member] of await openZip(memorySource('download', bytes))) {
    const content = new Uint8Array(member.size);
    (await member.open()).read(0, content);
    files.set(name, content);
  }
  return memoryFiles(files, 'model.json');
}

describe.each([
  ['keras-3.15.1/functional.keras', KERAS, 'Keras 3 (.keras)', 'functional-equalized.keras'],
  [
    'tfkeras-2.15/functional.h5',
    { 'functional.h5': '/fixtures/formats/tfkeras-2.15/functional.h5' },
    'HDF5 of Keras 2 (.h5)',
    'functional-equalized.h5',
  ],
  ['tfjs/functional_shards', TFJS, 'TF.js layers model (model.json)', 'model-equalized-tfjs.zip'],
] as const)('%s', (original, paths, format, fileName) => {
  it('is opened, equalized, taken as it came, and opened again', async () => {
    const { told, taken } = await takeAll(paths, ['as-it-came']);
    const [download] = taken as [Taken];
    expect(told).toMatchObject({ format, isExample: false, notes: [] });
    expect(told.map.length).toBeGreaterThan(5);
    expect(told.strips.length).toBeGreaterThan(2);
    expect(download).toMatchObject({ fileName, reopened: { format } });
    expect(await proof(original, download)).toMatchObject({ verdict: 'same' });
  });
});

it('is taken in every form', async () => {
  const forms = ['keras-v3', 'keras-h5', 'tfjs-float', 'tfjs-packed', 'report'] as const;
  const { taken } = await takeAll(KERAS, forms);
  const [keras, h5, floats, tfjs, report] = taken as [Taken, Taken, Taken, Taken, Taken];
  const original = await loadModel(`${FORMATS}keras-3.15.1/functional.keras`);
  const { model } = await equalize(original, { target: 'float' });
  for (const [format, one] of [
    ['keras-v3', keras],
    ['keras-h5', h5],
  ] as const) {
    expect(await proof('keras-3.15.1/functional.keras', one)).toMatchObject({ verdict: 'same' });
    // What Keras opens of the library, it opens of the page.
    const [bytes] = (await writeModelToMemory(model, { format })).files.values();
    expect(Buffer.compare(bytesOf(one), bytes as Uint8Array)).toBe(0);
  }
  expect(await proof('keras-3.15.1/functional.keras', floats)).toMatchObject({ verdict: 'same' });
  const { outputs } = await proof('keras-3.15.1/functional.keras', tfjs);
  expect(tfjs).toMatchObject({
    fileName: 'functional-uint8-tfjs.zip',
    reopened: { format: 'TF.js layers model (model.json)' },
  });
  // 8 bits leave about 40 dB of a small network; a wrong byte nothing.
  expect(Math.min(...outputs.map(({ sqnrDb }) => sqnrDb))).toBeGreaterThan(25);
  const [loaded] = await runWithTfjs(await unzipped(bytesOf(tfjs)), seededInputs(original), {
    backend: 'cpu',
  });
  expect(loaded?.shape).toEqual([4, ...(outputs[0]?.shape.slice(1) ?? [])]);
  expect(report.fileName).toBe('functional-report.html');
  expect(report.text).toMatch(/^<!doctype html>[\s\S]*<svg[\s\S]*<\/html>\s*$/);
});

it('the example is previewed, equalized, and compared on its images', async () => {
  const { preview, comparison, damage } = await opened.page.evaluate(async () => {
    const { driver } = globalThis;
    await driver.run('openExample', {});
    return {
      preview: await driver.run('preview', { target: 'float', relu6: 'keep' }),
      equalized: await driver.run('equalize', {
        target: 'int8-per-tensor',
        relu6: 'exact',
        verify: false,
      }),
      damage: await driver.run('damage', { target: 'int8-per-tensor', relu6: 'exact' }),
      comparison: await driver.run('compare', { pictures: 'example' }),
    };
  });
  if ('error' in preview || 'error' in comparison || 'error' in damage)
    throw new Error('an operation failed');
  expect(preview.result).toMatchObject({ target: 'float', relu6: 'keep', obstacle: null });
  expect(damage.result.report.improvementDb).toBeGreaterThan(10);
  const { rows, plain, equalized } = comparison.result;
  expect(rows).toHaveLength(200);
  // Measured: an accuracy of 0.87 and 0.935 of 200 images, and an agreement of 0.975, of 2,000 images 0.985.
  expect(equalized.accuracy).toBeGreaterThan((plain.accuracy ?? 1) + 0.03);
  expect(equalized.agreement).toBeGreaterThan(0.97);
});

it('pictures are decoded, cut and compared', async () => {
  const told = await opened.page.evaluate(async () => {
    const { driver } = globalThis;
    await driver.run('openExample', {});
    await driver.run('equalize', { target: 'int8-per-channel', relu6: 'exact', verify: false });
    const canvas = new OffscreenCanvas(90, 40);
    const context = canvas.getContext('2d');
    context?.fillRect(10, 10, 50, 20);
    const file = new File([await canvas.convertToBlob()], 'bar.png');
    const text = new File(['no picture'], 'text.png');
    return {
      compared: await driver.run('compare', { pictures: [{ path: 'bar.png', file }], labels: [3] }),
      refused: await driver.run('compare', { pictures: [{ path: 'text.png', file: text }] }),
    };
  });
  expect(told.compared).toMatchObject({
    result: { normalization: 'tf', rows: [{ name: 'bar.png', label: 3 }] },
  });
  expect(told.refused).toMatchObject({
    isExpected: true,
    error: expect.stringMatching(/^text\.png: cannot be decoded/),
  });
});

it('after a cancelled operation everything is as it was before', async () => {
  const told = await opened.page.evaluate(async (paths) => {
    const { driver } = globalThis;
    driver.dispose();
    const files = await driver.pick(paths);
    await driver.run('open', { files });
    await driver.run('equalize', { target: 'int8-per-tensor', relu6: 'exact', verify: false });
    const before = await driver.run('take', { form: 'keras-v3' });
    const equalize = { target: 'tfjs-uint8', relu6: 'exact', verify: true } as const;
    const cancelled = await driver.run('equalize', equalize, 'Getting ready');
    const after = await driver.run('take', { form: 'keras-v3' });
    const opening = await driver.run('openExample', {}, 'Reading the weights');
    const still = await driver.run('damage', { target: 'int8-per-tensor', relu6: 'exact' });
    if ('error' in before || 'error' in after || 'error' in still) throw new Error('an operation failed');
    return {
      cancelled,
      opening,
      layers: still.result.report.layers.length,
      isSame: (await before.result.blob.text()) === (await after.result.blob.text()),
    };
  }, KERAS);
  expect(told.cancelled).toMatchObject({ name: 'AbortError' });
  expect(told.opening).toMatchObject({ name: 'AbortError' });
  expect(told.isSame).toBe(true);
  expect(told.layers).toBeLessThan(20);
});

it.each<[string, Readonly<Record<string, string>>, RegExp]>([
  ['nothing', {}, /nothing was given; give a/],
  [
    'text',
    { 'text.keras': '/fixtures/formats/refused/text.keras' },
    /text.keras: this is text.*give a \.keras or \.h5 file/,
  ],
  ['an empty file', { 'empty.h5': '/fixtures/formats/refused/empty.h5' }, /empty/],
  ['weights alone', { 'keras3.weights.h5': '/fixtures/formats/refused/keras3.weights.h5' }, /weights/],
  ['another kind', { 'model.onnx': '/fixtures/formats/refused/model.onnx' }, /ONNX/],
  [
    'two models',
    { ...KERAS, 'functional.h5': '/fixtures/formats/keras-3.15.1/functional.h5' },
    /2 models \(functional\.keras, functional\.h5\); give one at a time/,
  ],
  [
    'a shard missing',
    Object.fromEntries(Object.entries(TFJS).filter(([path]) => !path.includes('2of3'))),
    /group1-shard2of3\.bin: this file of weights was not dropped; drop all files/,
  ],
  [
    'shards alone',
    Object.fromEntries(Object.entries(TFJS).filter(([path]) => !path.includes('json'))),
    /a folder without model\.json; give a \.keras or \.h5 file/,
  ],
])('%s is refused, with a way out, and the page goes on', async (_, paths, message) => {
  const told = await opened.page.evaluate(
    async ({ bad, good }) => {
      const { driver } = globalThis;
      const refused = await driver.run('open', { files: await driver.pick(bad) });
      const next = await driver.run('open', { files: await driver.pick(good) });
      return { refused, next: 'result' in next };
    },
    { bad: paths, good: KERAS },
  );
  expect(told.refused).toMatchObject({ isExpected: true, error: expect.stringMatching(message) });
  expect(told.next).toBe(true);
});

it('a file of 4 GB is refused at once', async () => {
  const told = await opened.page.evaluate(() => {
    const { driver } = globalThis;
    const signature = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];
    return driver.run('open', { files: driver.hollow('large.h5', signature, 2 ** 32) });
  });
  expect(told).toMatchObject({
    isExpected: true,
    error: expect.stringMatching(
      /^large\.h5: 4,295 MB; the page takes models up to .* the command crosslayer larger ones/,
    ),
  });
});

it('weights stay in the worker: what it says to the page is short but for the file, which is a Blob', async () => {
  const told = await opened.page.evaluate(async () => {
    const { driver } = globalThis;
    // The longest row of numbers in the messages of workers that start from here on.
    const seen = { numbers: 0, blobs: 0, messages: 0 };
    const look = (value: unknown): void => {
      if (value instanceof Blob) seen.blobs++;
      else if (value instanceof ArrayBuffer) seen.numbers = Math.max(seen.numbers, value.byteLength);
      else if (ArrayBuffer.isView(value) || (Array.isArray(value) && typeof value[0] === 'number'))
        seen.numbers = Math.max(seen.numbers, (value as Uint8Array).length);
      else if (typeof value === 'object' && value !== null) for (const one of Object.values(value)) look(one);
    };
    const { Worker: Original } = globalThis;
    globalThis.Worker = class extends Original {
      constructor(...given: ConstructorParameters<typeof Original>) {
        super(...given);
        this.addEventListener('message', ({ data }) => {
          seen.messages++;
          look(data);
        });
      }
    };
    try {
      driver.dispose();
      const opening = await driver.run('openExample', {});
      await driver.run('equalize', { target: 'int8-per-tensor', relu6: 'exact', verify: true });
      await driver.run('take', { form: 'as-it-came' });
      return { ...seen, opened: 'result' in opening };
    } finally {
      globalThis.Worker = Original;
      driver.dispose();
    }
  });
  expect(told).toMatchObject({ opened: true, blobs: 1 });
  expect(told.messages).toBeGreaterThan(5);
  // One for each channel, of which the widest layer of the example has 512; its largest kernel has 57344 weights.
  expect(told.numbers).toBeLessThanOrEqual(512);
});

it("the page's policy holds in the worker", async () => {
  let asked = 0;
  const elsewhere = createServer((_, response) => {
    asked++;
    response.writeHead(200, { 'access-control-allow-origin': '*' }).end();
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  try {
    const address = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`;
    await opened.page.evaluate(() => globalThis.driver.run('openExample', {}));
    const [worker] = opened.page.workers();
    const outcome = await worker?.evaluate(
      (url) =>
        fetch(url).then(
          () => 'fetched',
          (error) => String(error),
        ),
      address,
    );
    expect(outcome).toMatch(/TypeError/);
    expect(asked).toBe(0);
  } finally {
    elsewhere.close();
  }
});

it('nothing was asked of anybody else', () => {
  expect(opened.foreign.filter((url) => !url.startsWith('http://127.0.0.1:'))).toEqual([]);
  expect(
    opened.complaints.filter((complaint) => !/Content Security Policy|Fetch API/.test(complaint)),
  ).toEqual([]);
});
