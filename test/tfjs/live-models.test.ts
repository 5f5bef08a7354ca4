import { afterEach, beforeAll, beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fromLayersModel, toLayersModel } from 'crosslayer/tfjs';
import { CrossLayerScaling, foldAllBatchNorms } from '../../src/aimet.ts';
import { Model } from '../../src/model/model.ts';
import { memory, ownRoundTrip, predictSeeded, relativeError, release, tf, ZOO } from './live-zoo.ts';

/** A few layers in float32, a step of 6e-8 each; a wrong fold is off by parts in ten. */
const SAME_FUNCTION = 1e-5;

let atStart: ReturnType<typeof memory>;
beforeEach(() => {
  atStart = memory();
});
afterEach(() => {
  expect(memory()).toEqual(atStart);
});

describe.each(['cpu', 'wasm'])('on the %s backend', (backend) => {
  beforeAll(async () => {
    tf.enableProdMode();
    await tf.setBackend(backend);
    // A backend that was never used has its first buffers still to make.
    tf.dispose(tf.zeros([1]));
  });

  it.each(Object.keys(ZOO))('comes back the same: %s', async (name) => {
    const live = ZOO[name]!();
    const expected = predictSeeded(live);
    const before = memory();
    const model = await fromLayersModel(live);
    expect(memory()).toEqual(before);
    expect(model).toBeInstanceOf(Model);
    expect(model.parameterCount).toBe(live.countParams());
    const back = await toLayersModel(model, { tf });
    expectTypeOf(back).toEqualTypeOf<LayersModel>();
    expect(memory().tensors).toBe(before.tensors + live.weights.length);
    expect(back.toJSON(null, false)).toEqual(await ownRoundTrip(live));
    expect(back.weights.map(({ originalName }) => originalName)).toEqual(
      live.weights.map(({ originalName }) => originalName),
    );
    // The same weights, bit for bit, on the same backend.
    expect(predictSeeded(back)).toEqual(expected);
    const disposed = release(back);
    expect(memory()).toEqual(before);
    expect(predictSeeded(live)).toEqual(expected);
    expect(disposed).toBe(release(live));
  });

  it.each(Object.keys(ZOO))('is folded and scaled, and predicts the same: %s', async (name) => {
    const live = ZOO[name]!();
    const model = await fromLayersModel(live);
    foldAllBatchNorms(model);
    CrossLayerScaling.scaleModel(model);
    const back = await toLayersModel(model, { tf });
    const expected = predictSeeded(live);
    expect(relativeError(predictSeeded(back), expected)).toBeLessThan(SAME_FUNCTION);
    release(back);
    release(live);
  });
});

describe('toLayersModel', () => {
  it('gives what the page keeps with a model back to it', async () => {
    const live = ZOO['compiled, with a frozen layer and metadata']!();
    const back = await toLayersModel(await fromLayersModel(live), { tf });
    expect(back.getUserDefinedMetadata()).toEqual({ labels: ['cat', 'dog'] });
    expect(back.layers.map(({ trainable }) => trainable)).toEqual([false, true, true, true, true]);
    expect(back.optimizer).toBeUndefined();
    back.dispose();
    live.dispose();
  });

  it('imports TF.js where it is given none', async () => {
    const live = ZOO['several inputs and outputs']!();
    const back = await toLayersModel<LayersModel>(await fromLayersModel(live));
    expect(predictSeeded(back)).toEqual(predictSeeded(live));
    back.dispose();
    live.dispose();
  });

  it('goes on from what an earlier call gave', async () => {
    const live = ZOO['Sequential without InputLayer']!();
    const first = await fromLayersModel(live);
    foldAllBatchNorms(first);
    const folded = await toLayersModel(first, { tf });
    const second = await fromLayersModel(folded);
    expect(second.layers.some(({ className }) => className === 'BatchNormalization')).toBe(false);
    expect(CrossLayerScaling.scaleModel(second)).toHaveLength(1);
    const scaled = await toLayersModel(second, { tf });
    expect(relativeError(predictSeeded(scaled), predictSeeded(live))).toBeLessThan(SAME_FUNCTION);
    for (const one of [live, folded, scaled]) one.dispose();
  });
});
