import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Layer } from '../../src/model/layer.ts';
import { Call, Model } from '../../src/model/model.ts';
import { closeModel, loadModel, saveModel } from '../../src/node.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import type { CommandResult } from '../support/command.ts';
import { crosslayerIn } from '../support/shared-command.ts';
import { fixtureFiles, mainBytes } from './model-files.ts';

const COMMAND = path.join(import.meta.dirname, '../../dist/cli/main.js');
const SIGNAL_IN_WRITE = path.join(import.meta.dirname, 'injected/signal-in-write.mjs');
const INPUTS = path.join(import.meta.dirname, '../fixtures/formats');
const H5 = path.join(INPUTS, 'tfkeras-2.15/functional.h5');
const KERAS = path.join(INPUTS, 'keras-3.15.1/functional.keras');
const TFJS = path.join(INPUTS, 'tfjs/functional_shards');

/** Where what happens to the file is the question, how the model was made is not. */
const UNPROVEN = ['--recipe', 'reference', '--no-verify'] as const;

/** Where the tests of one input each write, by what the output is called. */
const FORMATS = [
  ['.h5', H5, 'out.h5'],
  ['.keras', KERAS, 'out.keras'],
  ['TF.js', TFJS, 'out'],
] as const;

let folder: string;
const at = (name: string): string => path.join(folder, name);

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-output-'));
});

afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

interface Result {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

function ended(child: ChildProcess): Promise<Result> {
  const text = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.setEncoding('utf8').on('data', (part: string) => {
      text[stream] += part;
    });
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code, signal) => resolve({ code, signal, ...text }));
  });
}

const crosslayer = (args: readonly string[]): Promise<CommandResult> => crosslayerIn(folder, ...args);

/** `equalize` as a process beside others. */
function equalizing(...args: readonly string[]): Promise<Result> {
  return ended(spawn(process.execPath, [COMMAND, 'equalize', ...args, ...UNPROVEN], { cwd: folder }));
}

/** The command in a shell, for redirections and limits; `$CROSSLAYER` is the command. */
function shell(script: string, env = process.env): Promise<Result> {
  const known = { ...env, CROSSLAYER: `${process.execPath} ${COMMAND}` };
  return ended(spawn('bash', ['-c', script], { cwd: folder, env: known }));
}

/** All names below the folder of the test, temporary ones included. */
const everything = (): string[] => fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();

/** Reads the model at `name` and all of its weights. */
async function expectWhole(name: string): Promise<void> {
  const model = await loadModel(name);
  let values = 0;
  for (const { layer } of model.allLayers()) {
    for (const tensor of layer.weights.values()) values += tensor.values().length;
  }
  closeModel(model);
  expect(values).toBeGreaterThan(0);
}

describe('damage that is found only while weights are copied', () => {
  /** A file whose structure is sound, but whose last compressed weight is not. */
  function brokenGzip(): Uint8Array {
    const bytes = Uint8Array.from(mainBytes(fixtureFiles('formats/odd/gzip.h5')));
    const buffer = Buffer.from(bytes.buffer);
    let last = -1;
    // zlib's header, as the HDF5 library writes it at its usual levels.
    for (let from = 0; ; from = last + 1) {
      const next = buffer.indexOf(Buffer.from([0x78, 0x5e]), from);
      if (next === -1) break;
      last = next;
    }
    bytes.fill(0xff, last + 2, last + 10);
    return bytes;
  }

  test.each(['out.h5', 'out.keras', 'out'])('leaves no %s', async (name) => {
    fs.writeFileSync(at('in.h5'), brokenGzip());
    const { code, stdout, stderr } = await crosslayer(['convert', 'in.h5', '-o', name]);
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toMatch(/^crosslayer: in\.h5: model_weights\/.*: not readable as HDF5: /);
    expect(everything()).toEqual(['in.h5']);
  });

  test('keeps what is already at OUT with --force', async () => {
    fs.writeFileSync(at('in.h5'), brokenGzip());
    fs.copyFileSync(H5, at('out.h5'));
    expect((await crosslayer(['convert', 'in.h5', '-o', 'out.h5', '--force'])).code).toBe(3);
    expect(fs.readFileSync(at('out.h5')).equals(fs.readFileSync(H5))).toBe(true);
    expect(everything()).toEqual(['in.h5', 'out.h5']);
  });

  test.each(FORMATS)('a cut off input leaves nothing: %s', async (_, input, name) => {
    const isFolder = input === TFJS;
    const copy = isFolder ? at('in') : at(`in${path.extname(input)}`);
    fs.cpSync(input, copy, { recursive: true });
    const cut = isFolder ? path.join(copy, 'group1-shard2of3.bin') : copy;
    fs.truncateSync(cut, Math.floor(fs.statSync(cut).size * 0.9));
    const before = everything();
    const { code, stderr } = await crosslayer(['equalize', copy, '-o', name]);
    expect(code).toBe(3);
    expect(stderr).toContain(path.basename(copy));
    expect(everything()).toEqual(before);
  });
});

describe('signals', () => {
  let large: string;

  /** Large enough that signals are let through several times while it is written. */
  beforeAll(async () => {
    large = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-large-')), 'large.h5');
    await saveModel(largeModel(), large, { format: 'keras-h5' });
  });

  afterAll(() => fs.rmSync(path.dirname(large), { recursive: true, force: true }));

  function largeModel(): Model {
    const units = 5120;
    const zeros = new Float32Array(2 ** 21);
    const kernel = Tensor.lazy('float32', [units, units], { read: (_, count) => zeros.subarray(0, count) });
    const input = new Layer({
      name: 'in',
      className: 'InputLayer',
      operation: { kind: 'input', shape: [null, units], dtype: 'float32' },
      origin: originOf('InputLayer', { name: 'in', batch_input_shape: [null, units], dtype: 'float32' }),
    });
    const dense = new Layer({
      name: 'dense',
      className: 'Dense',
      operation: { kind: 'dense', units, useBias: false, activation: { kind: 'linear' } },
      weights: new Map([['kernel', kernel]]),
      origin: originOf('Dense', { name: 'dense', units, use_bias: false, activation: 'linear' }),
    });
    const first = new Call(input, []);
    const second = new Call(dense, [first.output()]);
    return new Model({
      name: 'large',
      kind: 'functional',
      layers: [input, dense],
      calls: [first, second],
      inputs: [first.output()],
      outputs: [second.output()],
      dialect: 'keras2',
    });
  }

  function originOf(
    className: string,
    config: { name: string; [key: string]: never | unknown },
  ): Layer['origin'] {
    return {
      config: { class_name: className, config: config as never, name: config.name },
      operation: { kind: 'opaque' },
      weights: new Map(),
    };
  }

  /** The command's arguments for Node, and an environment in which it gets the signal in the middle of writing. */
  function interrupted(name: string, signal: NodeJS.Signals): [string[], NodeJS.ProcessEnv] {
    const args = ['--import', SIGNAL_IN_WRITE, COMMAND, 'convert', large, '-o', name];
    return [args, { ...process.env, SIGNAL_IN_WRITE: signal }];
  }

  test.each([
    ['SIGTERM', 'out.h5'],
    ['SIGINT', 'out.h5'],
    ['SIGHUP', 'out.h5'],
    ['SIGTERM', 'out.keras'],
    ['SIGINT', 'out'],
  ] as const)('%s in the middle of writing %s ends the command and leaves nothing', async (signal, name) => {
    const [args, env] = interrupted(name, signal);
    const result = await ended(spawn(process.execPath, args, { cwd: folder, env }));
    expect(result).toEqual({ code: null, signal, stdout: '', stderr: '' });
    expect(everything()).toEqual([]);
  });

  test('shells see 128 + the number of the signal', async () => {
    const [args, env] = interrupted('out.h5', 'SIGTERM');
    const script = `${process.execPath} ${args.join(' ')}; exit $?`;
    expect((await shell(script, env)).code).toBe(128 + os.constants.signals.SIGTERM);
    expect(everything()).toEqual([]);
  });

  test.each(['out.h5', 'out.keras', 'out'])(
    'a program can stop writing %s: the reason comes back and nothing is left',
    async (name) => {
      const model = await loadModel(large);
      const controller = new AbortController();
      const reason = new Error('enough');
      setTimeout(() => controller.abort(reason));
      await expect(saveModel(model, at(name), { signal: controller.signal })).rejects.toBe(reason);
      expect(everything()).toEqual([]);
      closeModel(model);
    },
  );
});

describe('a process that is killed', () => {
  test.each(FORMATS)('leaves what the next write of that name removes: %s', async (_, input, name) => {
    const args = ['convert', input, '-o', name, '--force'];
    const env = { ...process.env, SIGNAL_IN_WRITE: 'SIGKILL' };
    const injected = ['--import', SIGNAL_IN_WRITE, COMMAND, ...args];
    const killed = await ended(spawn(process.execPath, injected, { cwd: folder, env }));
    expect(killed.signal).toBe('SIGKILL');
    const left = everything().filter((entry) => entry.endsWith('.tmp'));
    expect(left.length).toBeGreaterThan(0);
    // As if a process that lives, one on another machine and one with another output had left some too.
    const others = left.flatMap((entry) => [
      entry.replace(/\d+-\d+\.tmp$/, `${process.pid}-0.tmp`),
      entry.replace(/[0-9a-f]{8}-(\d+-\d+\.tmp)$/, '00000000-$1'),
      path.join(path.dirname(entry), `.other${path.basename(entry)}`),
    ]);
    for (const other of others) fs.writeFileSync(at(other), '');
    expect((await crosslayer(args)).code).toBe(0);
    await expectWhole(at(name));
    expect(everything().filter((entry) => entry.endsWith('.tmp'))).toEqual(others.sort());
    // Marks of writers do not matter.
    for (const entry of left) fs.writeFileSync(at(entry), '');
    expect((await crosslayer(args)).code).toBe(0);
    expect(everything().filter((entry) => entry.endsWith('.tmp'))).toEqual(others);
  });
});

describe('a full disk', () => {
  /** A disk of 64 kB. */
  function mountTinyDisk(disk: string): void {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk], { stdio: 'pipe' });
  }

  /** Who may not mount disks has the limit on the size of files below. */
  function mayMount(): boolean {
    const disk = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-disk-'));
    try {
      mountTinyDisk(disk);
      execFileSync('umount', [disk]);
      return true;
    } catch {
      return false;
    } finally {
      fs.rmdirSync(disk);
    }
  }

  test.runIf(mayMount()).each(FORMATS)('ends in a message and leaves nothing: %s', async (_, input, name) => {
    const disk = at('disk');
    fs.mkdirSync(disk);
    mountTinyDisk(disk);
    try {
      // What is there already takes all but a page or two.
      fs.writeFileSync(path.join(disk, 'ballast'), new Uint8Array(input === TFJS ? 60_000 : 32_768));
      const { code, stdout, stderr } = await crosslayer(['equalize', input, '-o', path.join(disk, name)]);
      expect(stderr).toMatch(/out.*: the disk is full; nothing was written: free some space/);
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
      expect(fs.readdirSync(disk)).toEqual(['ballast']);
    } finally {
      execFileSync('umount', [disk]);
    }
  });

  test.each(FORMATS)('so does a limit on the size of files: %s', async (_, input, name) => {
    // bash counts in kB; SIGXFSZ is ignored, so that writing fails instead.
    const limit = input === TFJS ? 1 : 16;
    const { code, stdout, stderr } = await shell(
      `ulimit -f ${limit}; trap '' XFSZ; exec $CROSSLAYER equalize ${input} -o ${name} ${UNPROVEN.join(' ')}`,
    );
    expect(stderr).toMatch(/out.*: larger than a file may be here; nothing was written/);
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(everything()).toEqual([]);
  });

  test('where the result is printed is said, and the output is whole', async () => {
    const { code, stderr } = await shell(
      `$CROSSLAYER equalize ${H5} -o out.h5 ${UNPROVEN.join(' ')} --json > /dev/full`,
    );
    expect(stderr).toMatch(/^crosslayer: the result cannot be printed: ENOSPC.*\n$/);
    expect(code).toBe(3);
    await expectWhole(at('out.h5'));
  });
});

describe('OUT is the input', () => {
  beforeEach(() => {
    fs.copyFileSync(H5, at('in.h5'));
    fs.symlinkSync('in.h5', at('symbolic.h5'));
    fs.linkSync(at('in.h5'), at('hard.h5'));
    fs.mkdirSync(at('below'));
  });

  test.each(['in.h5', './below/../in.h5', 'symbolic.h5', 'hard.h5'])(
    'as %s is refused without --force',
    async (name) => {
      const before = everything();
      const { code, stdout, stderr } = await crosslayer(['equalize', 'in.h5', '-o', name]);
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
      expect(stderr).toMatch(/: is the file that the model was read from; .*force/);
      expect(fs.readFileSync(at('in.h5')).equals(fs.readFileSync(H5))).toBe(true);
      expect(everything()).toEqual(before);
    },
  );

  test.each(['in.h5', './below/../in.h5', 'symbolic.h5', 'hard.h5'])(
    'as %s is replaced with --force',
    async (name) => {
      const before = everything();
      expect((await crosslayer(['equalize', 'in.h5', '-o', name, '--force'])).code).toBe(0);
      await expectWhole(at(name));
      expect(fs.readFileSync(at(name)).equals(fs.readFileSync(H5))).toBe(false);
      expect(fs.lstatSync(at('symbolic.h5')).isSymbolicLink()).toBe(true);
      expect(everything()).toEqual([...before, path.normalize(`${name}.crosslayer.json`)].sort());
    },
  );

  test('the folder of a TF.js model is refused, and replaced with --force', async () => {
    fs.cpSync(TFJS, at('tfjs'), { recursive: true });
    const before = everything();
    const refused = await crosslayer(['equalize', 'tfjs', '-o', 'tfjs']);
    expect(refused.code).toBe(3);
    expect(refused.stderr).toMatch(/is the file that the model was read from/);
    expect(
      (await crosslayer(['equalize', 'tfjs', '-o', 'tfjs', '--force', '--recipe', 'reference'])).code,
    ).toBe(0);
    await expectWhole(at('tfjs'));
    // The new shards have names of their own, and the old ones are gone.
    const isOldShard = (entry: string): boolean => /^tfjs\/group1-shard\dof3\.bin$/.test(entry);
    expect(before.filter(isOldShard)).toHaveLength(3);
    const unmarked = everything().map((entry) => entry.replace(/\.[0-9a-f]{8}\.bin$/, '.MARK.bin'));
    const expected = [
      ...before.filter((entry) => !isOldShard(entry)),
      'tfjs.crosslayer.json',
      'tfjs/group1-shard1of2.MARK.bin',
      'tfjs/group1-shard2of2.MARK.bin',
    ];
    expect(unmarked).toEqual(expected.sort());
  });
});

describe('places that cannot be written', () => {
  const ROOM = 255;

  test.each([
    ['a folder that does not exist', 'no/out.h5', /no\/out\.h5: its folder does not exist; make it first/],
    [
      'a new folder below one that does not exist',
      'no/out',
      /no\/out: its folder does not exist; make it first/,
    ],
    ['a path below a file', 'file/out.h5', /file\/out\.h5: its folder does not exist/],
    ['a folder below a file', 'file/out', /file\/out: its folder does not exist/],
    ['a folder with the name of a file', 'folder.h5', /folder\.h5: is a folder; name a file/],
    ['a folder with the name of another file', 'folder.keras', /folder\.keras: is a folder; name a file/],
    ['a link that leads to itself', 'loop.h5', /loop\.h5: exists already/],
    ['a name that is too long', `${'x'.repeat(ROOM)}.h5`, /xxx\.h5: cannot be written: .*too long/],
  ])('%s', async (_, name, message) => {
    fs.writeFileSync(at('file'), '');
    fs.mkdirSync(at('folder.h5'));
    fs.mkdirSync(at('folder.keras'));
    fs.symlinkSync('loop.h5', at('loop.h5'));
    const before = everything();
    const { code, stdout, stderr } = await crosslayer(['convert', H5, '-o', name]);
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toMatch(message);
    expect(everything()).toEqual(before);
  });

  test('the longest name that a file may have is one', async () => {
    const name = `${'x'.repeat(ROOM - 3)}.h5`;
    expect((await crosslayer(['convert', H5, '-o', name])).code).toBe(0);
    await expectWhole(at(name));
  });
});

describe('standard output', () => {
  test.each([
    ['closed', '>&-'],
    ['that nobody reads', '| true'],
  ])('%s is no error, and the output is whole', async (_, redirection) => {
    const { code, stderr } = await shell(
      `set -o pipefail; $CROSSLAYER equalize ${H5} -o out.h5 ${UNPROVEN.join(' ')} --json ${redirection}`,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    await expectWhole(at('out.h5'));
    expect(everything()).toEqual(['out.h5', 'out.h5.crosslayer.json']);
  });
});

describe('several commands that write the same OUT at once', () => {
  test.each(FORMATS)('without --force one succeeds: %s', async (_, input, name) => {
    const results = await Promise.all(Array.from({ length: 3 }, () => equalizing(input, '-o', name)));
    expect(results.map(({ code }) => code).sort()).toEqual([0, 3, 3]);
    for (const { code, stderr } of results) {
      if (code !== 0) expect(stderr).toMatch(/exists already/);
    }
    await expectWhole(at(name));
    expect(everything().filter((entry) => entry.endsWith('.tmp'))).toEqual([]);
  });

  test.each(FORMATS)(
    'with --force over a model all succeed, and the last one stays: %s',
    async (_, input, name) => {
      expect((await crosslayer(['convert', input, '-o', name])).code).toBe(0);
      const results = await Promise.all(
        Array.from({ length: 3 }, () => equalizing(input, '-o', name, '--force')),
      );
      expect(results.map(({ code, stderr }) => ({ code, stderr }))).toEqual(
        results.map(() => ({ code: 0, stderr: '' })),
      );
      await expectWhole(at(name));
      expect(everything().filter((entry) => entry.endsWith('.tmp'))).toEqual([]);
    },
  );

  test.each(FORMATS)('with --force where none was all succeed or say who did: %s', async (_, input, name) => {
    const results = await Promise.all(
      Array.from({ length: 3 }, () => equalizing(input, '-o', name, '--force')),
    );
    expect(results.some(({ code }) => code === 0)).toBe(true);
    for (const { code, stderr } of results) {
      if (code === 0) expect(stderr).toBe('');
      else
        expect({ code, stderr }).toEqual({ code: 3, stderr: expect.stringContaining('by another writer') });
    }
    await expectWhole(at(name));
    expect(everything().filter((entry) => entry.endsWith('.tmp'))).toEqual([]);
  });
});
