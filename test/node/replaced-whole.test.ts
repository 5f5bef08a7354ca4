import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { OutputError } from '../../src/errors.ts';
import type { Model } from '../../src/model/model.ts';
import { PendingOutput, writeWhole } from '../../src/node/pending-output.ts';
import { closeModel, loadModel, saveModel } from '../../src/node.ts';
import { foldAllBatchNorms } from '../../src/primitives/batch-norm-fold.ts';

const FIXTURES = path.join(import.meta.dirname, '../fixtures/formats');
let folder: string;
let original: Model;
let edited: Model;
let reshaped: Model;
const at = (name: string): string => path.join(folder, name);

beforeAll(async () => {
  original = await loadModel(path.join(FIXTURES, 'tfjs/functional_shards'));
  edited = original.clone();
  foldAllBatchNorms(edited);
  // Of the same sizes, so that shards of one with the model.json of the other would be read without a complaint.
  reshaped = original.clone();
  for (const { layer } of reshaped.allLayers()) {
    for (const [name, tensor] of layer.weights) {
      if (name === 'kernel')
        layer.setWeight(name, tensor.scaled('columns', new Float64Array(tensor.columns).fill(2)));
    }
  }
});

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-whole-'));
});

afterEach(() => {
  vi.restoreAllMocks();
  fs.rmSync(folder, { recursive: true, force: true });
});

/** All that a model is, as a text. */
function textOf(model: Model): string {
  const layers = [...model.allLayers()].map(({ path: name, layer }) => {
    const weights = [...layer.weights].map(([key, tensor]) => [key, ...(tensor.values() as Float32Array)]);
    return [name, layer.className, weights];
  });
  return JSON.stringify(layers);
}

async function textIn(name: string): Promise<string> {
  const model = await loadModel(name);
  try {
    return textOf(model);
  } finally {
    closeModel(model);
  }
}

/** What changes something on the disk. */
const CHANGING = [
  'writeSync',
  'fsyncSync',
  'linkSync',
  'unlinkSync',
  'renameSync',
  'rmSync',
  'rmdirSync',
  'mkdirSync',
  'chmodSync',
] as const;

/**
 * Makes the nth change of the disk fail, and all behind it too where the process is to be dead by then.
 *
 * @returns how many changes were asked for.
 */
function failAt(nth: number, { dead }: { readonly dead: boolean }): () => number {
  let calls = 0;
  const step = (): void => {
    calls++;
    if (dead ? calls >= nth : calls === nth)
      throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
  };
  for (const name of CHANGING) {
    const real = fs[name] as (...args: unknown[]) => unknown;
    vi.spyOn(fs, name).mockImplementation(((...args: unknown[]) => {
      step();
      return real.apply(fs, args);
    }) as never);
  }
  const real = fs.openSync;
  vi.spyOn(fs, 'openSync').mockImplementation((name, flags, mode) => {
    if (String(flags).startsWith('w')) step();
    return real(name, flags, mode);
  });
  return () => calls;
}

const filesIn = (name: string): string[] =>
  fs.readdirSync(name, { recursive: true, encoding: 'utf8' }).sort();
const shardsIn = (name: string): string[] =>
  JSON.parse(fs.readFileSync(path.join(name, 'model.json'), 'utf8')).weightsManifest.flatMap(
    ({ paths }: { paths: string[] }) => paths,
  );

describe('a folder that is replaced', () => {
  test.each([
    ['the process ends', true],
    ['something fails', false],
  ])('is the old model or the new one wherever %s', async (_, dead) => {
    const [before, after] = [textOf(original), textOf(reshaped)];
    expect(after).not.toBe(before);
    const found = new Set<string>();
    for (let nth = 1; ; nth++) {
      const out = at(`out${nth}`);
      await saveModel(original, out, { sidecar: {} });
      const names = filesIn(out);
      const calls = failAt(nth, { dead });
      const saved = await saveModel(reshaped, out, { force: true, sidecar: {} }).then(
        () => true,
        () => false,
      );
      vi.restoreAllMocks();
      const text = await textIn(out);
      expect([before, after]).toContain(text);
      found.add(text);
      if (saved) expect(text).toBe(after);
      if (!dead) {
        // Nothing is left of what was not finished.
        if (text === before) expect(filesIn(out)).toEqual(names);
        expect(filesIn(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
      }
      // It is finished by whoever tries again.
      if (!saved) await saveModel(reshaped, out, { force: true, sidecar: {} });
      expect(await textIn(out)).toBe(after);
      if (calls() < nth) break;
    }
    expect([...found].sort()).toEqual([before, after].sort());
  });
});

test('what was there is removed, and no file has the name of another that was', async () => {
  const out = at('out');
  await saveModel(original, out);
  const [first] = [shardsIn(out)];
  expect(first).toEqual(['group1-shard1of3.bin', 'group1-shard2of3.bin', 'group1-shard3of3.bin']);
  let before = first ?? [];
  for (const model of [reshaped, reshaped, original, edited]) {
    await saveModel(model, out, { force: true });
    const shards = shardsIn(out);
    expect(shards.filter((name) => before.includes(name))).toEqual([]);
    for (const name of shards) expect(name).toMatch(/^group1-shard\dof\d\.[0-9a-f]{8}\.bin$/);
    expect(filesIn(out)).toEqual([...shards, 'model.json'].sort());
    before = shards;
  }
  const again = await loadModel(out);
  await saveModel(again, out, { force: true });
  for (const name of shardsIn(out)) expect(name).toMatch(/^group1-shard\dof\d\.[0-9a-f]{8}\.bin$/);
  expect(textOf(again)).toBe(textOf(edited));
  closeModel(again);
});

test('files that another model uses stay, and so does what is called like no file of weights', async () => {
  const out = at('out');
  await saveModel(original, out);
  fs.copyFileSync(path.join(out, 'model.json'), path.join(out, 'copy.json'));
  await saveModel(edited, out, { force: true });
  expect(await textIn(path.join(out, 'copy.json'))).toBe(textOf(original));
  expect(await textIn(out)).toBe(textOf(edited));
  fs.writeFileSync(path.join(out, 'notes.txt'), '');
  const main = path.join(out, 'model.json');
  const document = JSON.parse(fs.readFileSync(main, 'utf8'));
  document.weightsManifest[0].paths.push('notes.txt');
  fs.writeFileSync(main, JSON.stringify(document));
  const { warnings } = await saveModel(edited, out, { force: true });
  expect(warnings.join()).toMatch(/notes\.txt: files of weights of the model that was there before/);
  expect(fs.existsSync(path.join(out, 'notes.txt'))).toBe(true);
});

describe('two writers at once', () => {
  /** Whatever the order in which they come to their ends. */
  async function bothSave(out: string, force: boolean): Promise<PromiseSettledResult<unknown>[]> {
    const { commit } = PendingOutput.prototype;
    // Both have written all before either gives its files their names.
    let arrived = 0;
    vi.spyOn(PendingOutput.prototype, 'commit').mockImplementation(function (this: PendingOutput) {
      arrived++;
      return commit.call(this);
    });
    const saves = await Promise.allSettled(
      [reshaped, edited].map((model) => saveModel(model, out, { force })),
    );
    vi.restoreAllMocks();
    expect(arrived).toBe(2);
    return saves;
  }

  test.each([true, false])('into a new folder, force %s', async (force) => {
    const out = at('out');
    fs.mkdirSync(out);
    const saves = await bothSave(out, force);
    const won = saves.filter(({ status }) => status === 'fulfilled');
    expect(won.length).toBeGreaterThan(0);
    for (const save of saves) if (save.status === 'rejected') expect(save.reason).toBeInstanceOf(OutputError);
    expect([textOf(reshaped), textOf(edited)]).toContain(await textIn(out));
    expect(filesIn(out)).toEqual([...shardsIn(out), 'model.json'].sort());
  });

  test('over a model that is there', async () => {
    const out = at('out');
    await saveModel(original, out);
    const saves = await bothSave(out, true);
    expect(saves.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
    expect([textOf(reshaped), textOf(edited)]).toContain(await textIn(out));
    expect(filesIn(out)).toEqual([...shardsIn(out), 'model.json'].sort());
  });

  test('one between the names of the other', async () => {
    for (const force of [true, false]) {
      const out = at(`between-${force}`);
      fs.mkdirSync(out);
      if (force) await saveModel(original, out);
      for (const call of [1, 2, 3, 4]) {
        const pending = new PendingOutput(path.join(out, 'model.json'), { force: true });
        pending.discard();
        let calls = 0;
        const real = fs.linkSync;
        vi.spyOn(fs, 'linkSync').mockImplementation((from, to) => {
          calls++;
          if (calls === call) {
            vi.restoreAllMocks();
            const meanwhile = new PendingOutput(path.join(out, 'model.json'), { force: true });
            const name = meanwhile.nameFor('group1-shard1of3.bin');
            meanwhile.create(name).write(0, Uint8Array.of(1, 0, 0, 0));
            const entry = { name: 'w', shape: [1], dtype: 'int32' };
            const document = { weightsManifest: [{ paths: [name], weights: [entry] }] };
            meanwhile.main.write(0, new TextEncoder().encode(JSON.stringify(document)));
            meanwhile.commit();
          }
          return real(from, to);
        });
        await saveModel(reshaped, out, { force: true }).catch((error: unknown) => error);
        vi.restoreAllMocks();
        const [shard = ''] = shardsIn(out);
        const isOther = fs.statSync(path.join(out, shard)).size === 4 && shardsIn(out).length === 1;
        if (!isOther) expect(await textIn(out)).toBe(textOf(reshaped));
      }
    }
  });
});

describe('where a file that is open cannot be replaced, as on Windows', () => {
  /** Renames onto a name that is taken fail; those to other names do not. */
  function onWindows(fails: (to: string) => boolean = () => false): void {
    const rename = fs.renameSync;
    vi.spyOn(fs, 'renameSync').mockImplementation((from, to) => {
      const isTaken = fs.existsSync(to) && !String(from).endsWith('.old');
      if (!isTaken && !fails(String(to))) return rename(from, to);
      throw Object.assign(new Error('EPERM: operation not permitted, rename'), { code: 'EPERM' });
    });
  }

  test('it goes aside, and the new one has its name', () => {
    const name = path.join(folder, 'whole.bin');
    writeWhole(name, Uint8Array.of(1), { force: false });
    onWindows();
    writeWhole(name, Uint8Array.of(2, 3), { force: true });
    expect([...fs.readFileSync(name)]).toEqual([2, 3]);
    expect(fs.readdirSync(folder)).toEqual(['whole.bin']);
  });

  test('the old one is back where that fails too', () => {
    const name = path.join(folder, 'whole.bin');
    writeWhole(name, Uint8Array.of(1), { force: false });
    let renames = 0;
    onWindows((to) => to === name && renames++ === 0);
    expect(() => writeWhole(name, Uint8Array.of(2, 3), { force: true })).toThrow(OutputError);
    expect([...fs.readFileSync(name)]).toEqual([1]);
    expect(fs.readdirSync(folder)).toEqual(['whole.bin']);
  });
});
