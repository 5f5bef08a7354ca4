import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import '@tensorflow/tfjs-backend-cpu';
import type { io, Tensor } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fromLayersModel, type LiveModel, type LiveTf, toLayersModel } from 'crosslayer/tfjs';
import { foldAllBatchNorms } from '../../src/aimet.ts';
import {
  CannotRunError,
  FormatError,
  memoryFiles,
  readModel,
  UnsupportedModelError,
} from '../../src/index.ts';
import { loadModel } from '../../src/node.ts';
import { fixtures, predict, readExpected, relativeError } from '../formats/tfjs-runtime.ts';
import { memory, predictSeeded, ScaleAndShift, tf, ZOO } from './live-zoo.ts';

let atStart: ReturnType<typeof memory>;
beforeAll(async () => {
  tf.enableProdMode();
  await tf.setBackend('cpu');
});
beforeEach(() => {
  atStart = memory();
});
afterEach(() => {
  ScaleAndShift.hasExtraWeight = false;
  tf.serialization.registerClass(ScaleAndShift);
  vi.doUnmock('@tensorflow/tfjs-core');
  // Whatever went wrong: no test leaves a tensor or a variable behind.
  expect(memory()).toEqual(atStart);
  expect(tf.engine().state.activeScope).toBeNull();
});

/** What `work` is rejected with. */
async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => expect.fail('no error'),
    (error: unknown) => error,
  );
}

async function customModel(): Promise<Awaited<ReturnType<typeof fromLayersModel>>> {
  const live = ZOO['a custom layer']!();
  const model = await fromLayersModel(live);
  live.dispose();
  return model;
}

describe('a model that TF.js does not load', () => {
  it('names the layer whose class is not registered, and leaves no variable of those before it', async () => {
    const model = await customModel();
    delete tf.serialization.SerializationMap.getMap().classNameMap['ScaleAndShift'];
    const error = await failure(toLayersModel(model, { tf }));
    expect(error).toBeInstanceOf(CannotRunError);
    expect(error).toMatchObject({
      layer: 'mine',
      message:
        'mine: TF.js has no class ScaleAndShift; register one with tf.serialization.registerClass() first',
    });
  });

  it('names it in a nested model too', async () => {
    const live = ZOO['Sequential in functional in Sequential']!();
    const model = await fromLayersModel(live);
    live.dispose();
    const classes = tf.serialization.SerializationMap.getMap().classNameMap;
    const { ReLU } = classes;
    delete classes['ReLU'];
    const error = await failure(toLayersModel(model, { tf }));
    classes['ReLU'] = ReLU!;
    expect(error).toMatchObject({ layer: expect.stringMatching(/^middle\/inner\/re_lu_ReLU\d+$/) });
  });

  it('leaves no weight that was decoded where a layer makes other weights than were saved', async () => {
    const model = await customModel();
    ScaleAndShift.hasExtraWeight = true;
    const error = await failure(toLayersModel(model, { tf }));
    expect(error).toBeInstanceOf(CannotRunError);
    expect((error as Error).message).toMatch(
      /^TF\.js does not load custom: 1 of 9 weights are not set: mine\/extra/,
    );
  });

  it('disposes nothing that the page makes at the same time', async () => {
    const model = await customModel();
    ScaleAndShift.hasExtraWeight = true;
    const made: Tensor[] = [];
    let isOver = false;
    const page = async (): Promise<void> => {
      // One in each microtask, before, between and after those of TF.js.
      while (!isOver) {
        const zeros = tf.zeros([2]);
        made.push(zeros, tf.variable(zeros));
        await undefined;
        if (made.length > 100_000) throw new Error('loading takes too long');
      }
    };
    // The model is written in several tasks; the page starts when TF.js asks for it.
    const pages: Promise<void>[] = [];
    const loadLayersModel = (handler: io.IOHandler): Promise<LayersModel> => {
      pages.push(page());
      return tf.loadLayersModel(handler);
    };
    const loading = failure(toLayersModel(model, { tf: { ...tf, loadLayersModel } }));
    const error = await loading.finally(() => {
      isOver = true;
    });
    await Promise.all(pages);
    expect(error).toBeInstanceOf(CannotRunError);
    expect(made.length).toBeGreaterThan(10);
    expect(made.filter(({ isDisposed }) => isDisposed)).toEqual([]);
    tf.dispose(made);
  });
});

describe('what TF.js does not take over', () => {
  /** A convolution with a constraint, which TF.js applies to weights while it loads them, and a batch norm to fold. */
  function constrained(): LayersModel {
    const model = tf.sequential({ name: 'constrained' });
    const config = { filters: 2, kernelSize: 1, inputShape: [3, 3, 2], name: 'conv' };
    model.add(tf.layers.conv2d({ ...config, kernelConstraint: tf.constraints.maxNorm({ maxValue: 1 }) }));
    model.add(tf.layers.batchNormalization());
    return model;
  }

  it('is an error where nobody listens', async () => {
    const live = constrained();
    const model = await fromLayersModel(live);
    foldAllBatchNorms(model);
    const error = await failure(toLayersModel(model, { tf }));
    expect(error).toBeInstanceOf(UnsupportedModelError);
    expect((error as Error).message).toMatch(
      /^constrained: .*conv: left out kernel_constraint.*Pass onWarning/,
    );
    live.dispose();
  });

  it('is told', async () => {
    const live = constrained();
    const model = await fromLayersModel(live);
    foldAllBatchNorms(model);
    const heard: string[] = [];
    const back = await toLayersModel(model, { tf, onWarning: (sentence) => heard.push(sentence) });
    expect(heard).toEqual([expect.stringContaining('conv: left out kernel_constraint')]);
    expect(back.layers).toHaveLength(1);
    back.dispose();
    live.dispose();
  });

  it('is told of the state of training in a file', async () => {
    const trained = ZOO['compiled, with a frozen layer and metadata']!();
    const files = new Map<string, Uint8Array>();
    await trained.save(
      tf.io.withSaveHandler(async ({ weightData, weightSpecs, ...rest }) => {
        const weightsManifest = [{ paths: ['weights.bin'], weights: weightSpecs }];
        const document = { ...rest, weightsManifest, trainingConfig: { loss: 'meanSquaredError' } };
        files.set('model.json', new TextEncoder().encode(JSON.stringify(document)));
        files.set('weights.bin', new Uint8Array(weightData as ArrayBuffer));
        return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
      }),
    );
    const model = await readModel(memoryFiles(files, 'model.json'));
    const heard: string[] = [];
    const back = await toLayersModel(model, { tf, onWarning: (sentence) => heard.push(sentence) });
    expect(heard).toEqual([expect.stringMatching(/^trainingConfig: .*compile\(\)/)]);
    expect(back.optimizer).toBeUndefined();
    // It is no error where nobody listens: a live model has no place for it.
    const unheard = await toLayersModel(model, { tf });
    for (const one of [trained, back, unheard]) one.dispose();
  });
});

describe('models from files', () => {
  it.each(['keras-3.15.1/functional.keras', 'tfkeras-2.15/sequential_trained.h5'])(
    '%s runs live',
    async (name) => {
      const model = await loadModel(`${fixtures}/${name}`);
      const live = await toLayersModel(model, { tf, onWarning: () => undefined });
      const { inputs, outputs } = readExpected(name);
      // Keras and TF.js add up in different orders, in float32.
      expect(relativeError(predict(live, inputs), outputs)).toBeLessThan(1e-5);
      const variables = live.weights.map((weight) => weight.read());
      live.dispose();
      // Layers that are called twice; see release() in live-zoo.ts.
      tf.dispose(variables);
    },
  );
});

describe('what is no live model', () => {
  it.each([undefined, null, 'model', {}, { save: true }])('%j is a TypeError', async (value) => {
    await expect(fromLayersModel(value as unknown as LiveModel)).rejects.toThrow(
      /^fromLayersModel takes a tf\.LayersModel/,
    );
    await expect(fromLayersModel(value as unknown as LiveModel)).rejects.toBeInstanceOf(TypeError);
    await expect(toLayersModel(value as never, { tf })).rejects.toBeInstanceOf(TypeError);
  });

  it('is one that is disposed', async () => {
    const live = ZOO['several inputs and outputs']!();
    live.dispose();
    const error = await failure(fromLayersModel(live));
    expect(error).toBeInstanceOf(UnsupportedModelError);
    expect((error as Error).message).toMatch(/^the live model several: TF\.js cannot save it: .*disposed/);
  });

  it('is a graph model', async () => {
    const save: LiveModel['save'] = ({ save }) => save({ modelTopology: { node: [] }, weightSpecs: [] });
    const error = await failure(fromLayersModel({ name: 'graph', save }));
    expect(error).toBeInstanceOf(UnsupportedModelError);
    expect(error).toMatchObject({ feature: 'tfjs-graph-model' });
  });

  it('is one with two layers that TF.js cannot tell apart', async () => {
    const inner = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [2], name: 'same' })] });
    const live = tf.sequential({ layers: [inner, tf.layers.dense({ units: 2, name: 'same' })] });
    const error = await failure(fromLayersModel(live));
    expect(error).toBeInstanceOf(FormatError);
    live.dispose();
  });
});

describe('the TF.js that is used', () => {
  it('is told what it lacks', async () => {
    const model = await customModel();
    const { loadLayersModel } = tf;
    const error = await failure(toLayersModel(model, { tf: { loadLayersModel } as LiveTf<LayersModel> }));
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toMatch(/^tf has no engine, ready, serialization; pass all of TF\.js/);
  });

  it('is the one given, and where none is given and none is installed, that is said', async () => {
    vi.doMock('@tensorflow/tfjs-core', () => {
      throw new Error('Cannot find package');
    });
    const model = await customModel();
    const live = await toLayersModel(model, { tf });
    live.dispose();
    const error = await failure(toLayersModel(model));
    expect(error).toBeInstanceOf(CannotRunError);
    expect((error as Error).message).toMatch(/TF\.js is not installed here; pass the one that the page has/);
  });
});

describe('weights in pieces', () => {
  it('are taken as newer versions of TF.js give them', async () => {
    const live = ZOO['Sequential in functional in Sequential']!();
    const pieces: number[] = [];
    const save: LiveModel['save'] = (handler) =>
      live.save({
        save: ({ weightData, ...rest }) => {
          const whole = weightData as ArrayBuffer;
          // In the middle of a value, which no reader may mind.
          const parts = [whole.slice(0, 101), whole.slice(101, 300), whole.slice(300)];
          pieces.push(...parts.map(({ byteLength }) => byteLength));
          return handler.save({ ...rest, weightData: parts } as Parameters<typeof handler.save>[0]);
        },
      });
    const model = await fromLayersModel({ name: live.name, save });
    expect(pieces).toHaveLength(3);
    const back = await toLayersModel(model, { tf });
    expect(predictSeeded(back)).toEqual(predictSeeded(live));
    back.dispose();
    live.dispose();
  });
});
