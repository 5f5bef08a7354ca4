import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Model } from '../../src/model/model.ts';
import type { Progress } from '../../src/model/progress.ts';
import { closeModel, loadModel } from '../../src/node/model-files.ts';
import { equalize, quantize, saveModel, saveTflite, TfjsRunner, verify } from '../../src/node.ts';
import { sqnrJudge } from '../../src/verification.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';
import { randomInputs } from '../support/run-model.ts';

let folder: string;
let runner: TfjsRunner;
const at = (name: string): string => path.join(folder, name);

beforeAll(async () => {
  runner = await TfjsRunner.create();
});

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-'));
});

afterEach(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

/** @param isFolded without the batch norm, so that nothing tells what its layers write */
function network(isFolded = false): Model {
  return buildModel([
    input('x', [4, 4, 3]),
    layer('Conv2D', 'first', { filters: 8, kernel_size: 3 }),
    ...(isFolded ? [] : [layer('BatchNormalization', 'bn')]),
    layer('ReLU', 'relu', { max_value: 6 }),
    layer('Conv2D', 'last', { filters: 5, kernel_size: 1 }),
  ]);
}

/** Stages as they were told: each has to begin with 0, to go up, and to end with all of it. */
class Log {
  readonly told: Progress[] = [];
  readonly onProgress = (progress: Progress): void => void this.told.push(progress);

  stages(): string[] {
    const names: string[] = [];
    let last: Progress | undefined;
    for (const one of this.told) {
      const isNew = last === undefined || last.done === last.total;
      if (isNew) names.push(one.stage);
      expect({ ...one, isNew }).toMatchObject(
        isNew
          ? { done: one.total === 1 ? expect.any(Number) : 0 }
          : { stage: last?.stage, total: last?.total },
      );
      if (!isNew) expect(one.done).toBeGreaterThan(last?.done ?? Infinity);
      expect(one.total).toBeGreaterThanOrEqual(1);
      last = one;
    }
    expect(last?.done).toBe(last?.total);
    return names;
  }
}

async function samplesOf(model: Model) {
  const samples = { runner, inputs: randomInputs(model) };
  return { samples, judge: await sqnrJudge(model, samples) };
}

describe('progress', () => {
  test.each([
    [{}, ['fold', 'scale', 'correct']],
    [{ target: 'float', relu6: 'relu' }, ['relu6', 'fold', 'scale']],
    [{ target: 'tfjs-uint8' }, ['carry', 'correct']],
  ] as const)('of equalize with %o has the stages %o', async (options, stages) => {
    const log = new Log();
    await equalize(network(), { ...options, onProgress: log.onProgress });
    expect(log.stages()).toEqual(stages);
  });

  test('of settings that are tried, and of means that are measured', async () => {
    const model = network(true);
    const given = await samplesOf(model);
    const log = new Log();
    const { report } = await equalize(model, { ...given, onProgress: log.onProgress });
    expect(log.stages()).toEqual(['measure', 'try', 'fold', 'scale', 'correct']);
    const tried = log.told.filter(({ stage }) => stage === 'try');
    expect(tried.at(-1)?.total).toBe(report.trials.length);
    const corrected = log.told.filter(({ stage }) => stage === 'correct');
    expect(corrected.map(({ done, total }) => `${done}/${total}`)).toEqual(['0/4', '2/4', '4/4']);
  });

  test('of quantize, for TF.js and in whole numbers', async () => {
    const model = network();
    const log = new Log();
    await quantize(model, { onProgress: log.onProgress });
    expect(log.stages()).toEqual(['carry', 'correct', 'pack']);
    expect(log.told.at(-1)).toMatchObject({ stage: 'pack', total: 2 });
    const integers = new Log();
    const samples = { runner, inputs: randomInputs(model) };
    const { plan } = await quantize(network(true), {
      format: 'tflite',
      samples,
      onProgress: integers.onProgress,
    });
    expect(integers.stages()).toEqual(['measure', 'fold', 'correct', 'ranges']);
    const file = new Log();
    saveTflite(plan, at('net.tflite'), { onProgress: file.onProgress });
    expect(file.stages()).toEqual(['write']);
    expect(file.told.at(-1)?.done).toBe(fs.statSync(at('net.tflite')).size);
  });

  test.each(['net.keras', 'net.h5', 'web'])('of writing and reading %s', async (name) => {
    const log = new Log();
    const format = name === 'web' ? { format: 'tfjs-layers' as const } : {};
    await saveModel(network(), at(name), { ...format, sidecar: {}, onProgress: log.onProgress });
    expect(log.stages()).toEqual(['write', 'hash']);
    const bytes = 4 * (8 * 27 + 8 + 4 * 8 + 5 * 8 + 5);
    expect(log.told.find(({ stage }) => stage === 'write')?.total).toBe(
      name === 'net.keras' ? 2 * bytes : bytes,
    );
    const read = new Log();
    closeModel(await loadModel(at(name), { onProgress: read.onProgress }));
    expect(read.stages()).toEqual(['read']);
    expect(read.told.at(-1)?.total).toBeGreaterThanOrEqual(4);
  });

  test('of runs, by the runner itself or for one call', async () => {
    const model = network();
    const inputs = randomInputs(model);
    const log = new Log();
    const told = await TfjsRunner.create({ onProgress: log.onProgress });
    await told.run(model, inputs, { batchSize: 1 });
    expect(log.told.map(({ stage, done, total }) => `${stage} ${done}/${total}`)).toEqual([
      'run 0/2',
      'run 1/2',
      'run 2/2',
    ]);
    const one = new Log();
    await verify(model, network(), { runner: told, inputs, onProgress: one.onProgress });
    expect(one.stages().every((stage) => stage === 'run')).toBe(true);
    expect(log.told).toHaveLength(3);
  });
});

describe('a signal', () => {
  /** Aborts when a stage is told the first time. */
  function atStage(wanted: string) {
    const controller = new AbortController();
    const onProgress = ({ stage }: Progress): void => {
      if (stage === wanted) controller.abort(new Error(`no ${wanted}`));
    };
    return { signal: controller.signal, onProgress };
  }

  test.each(['measure', 'try', 'fold', 'scale', 'correct'])('ends equalize in %s', async (stage) => {
    const model = network(true);
    const given = await samplesOf(model);
    await expect(equalize(model, { ...given, ...atStage(stage) })).rejects.toThrow(`no ${stage}`);
  });

  test.each(['carry', 'correct', 'pack'])('ends quantize in %s', async (stage) => {
    await expect(quantize(network(), atStage(stage))).rejects.toThrow(`no ${stage}`);
  });

  test('ends calls that have not begun, and reading', async () => {
    const signal = AbortSignal.abort(new Error('never'));
    await expect(equalize(network(), { signal })).rejects.toThrow('never');
    await expect(quantize(network(), { signal })).rejects.toThrow('never');
    await saveModel(network(), at('net.keras'), { format: 'keras-v3' });
    await expect(loadModel(at('net.keras'), { signal })).rejects.toThrow('never');
    await expect(loadModel(at('net.keras'), atStage('read'))).rejects.toThrow('no read');
  });

  test('that comes from elsewhere is heard between passes', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('enough')));
    await expect(equalize(network(), { signal: controller.signal })).rejects.toThrow('enough');
  });

  test.each(['write', 'hash'])('in %s leaves no file', async (stage) => {
    for (const name of ['net.keras', 'net.h5', 'web/']) {
      const format = name === 'web/' ? { format: 'tfjs-layers' as const } : {};
      const options = { ...format, sidecar: {}, ...atStage(stage) };
      await expect(saveModel(network(), at(name), options)).rejects.toThrow(`no ${stage}`);
    }
    const samples = { runner, inputs: randomInputs(network()) };
    const { plan } = await quantize(network(), { format: 'tflite', samples });
    if (stage === 'write')
      expect(() => saveTflite(plan, at('net.tflite'), atStage(stage))).toThrow('no write');
    expect(fs.readdirSync(folder)).toEqual([]);
  });
});
