import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readModel } from '../../src/formats/read.ts';
import { bypassLayers } from '../../src/model/edit.ts';
import { kerasLayerOrder } from '../../src/model/layer-order.ts';
import type { Model } from '../../src/model/model.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';

const FIXTURES = new URL('../fixtures/', import.meta.url).pathname;

/** Functional models that Keras itself wrote, and so in its order. */
const FILES = readdirSync(FIXTURES, { recursive: true, encoding: 'utf8' })
  .filter((name) => /^(formats\/(tf)?keras-[23][.\d]+\/|golden\/).*\.(h5|keras)$/.test(name))
  .filter((name) => !/\/(fold|scale|bias|io)\.h5$|\.weights\.h5$/.test(name));

function* functionalModels(model: Model): Generator<Model> {
  if (model.kind === 'functional') yield model;
  for (const { model: inner } of model.layers) if (inner) yield* functionalModels(inner);
}

describe('kerasLayerOrder', () => {
  it.each(FILES)('is the order that Keras wrote: %s', async (name) => {
    const model = await readModel(new Uint8Array(readFileSync(path.join(FIXTURES, name))), name);
    for (const one of functionalModels(model)) {
      expect(kerasLayerOrder(one).map((item) => item.name)).toEqual(one.layers.map((item) => item.name));
    }
  });

  it('changes when a batch norm leaves one of two branches', () => {
    const same = { filters: 2, kernel_size: 1 };
    const model = buildModel([
      input('x', [2, 2, 2]),
      layer('Conv2D', 'conv_a', same, { from: ['x'] }),
      layer('Conv2D', 'conv_b', same, { from: ['x'] }),
      layer('BatchNormalization', 'bn_a', {}, { from: ['conv_a'] }),
      layer('ReLU', 'relu', {}, { from: ['conv_b'] }),
      layer('Activation', 'tanh', { activation: 'tanh' }, { from: ['bn_a'] }),
      layer('Add', 'add', {}, { from: ['relu', 'tanh'] }),
    ]);
    bypassLayers(model, new Set([model.layer('bn_a')]));
    // Printed by Keras 2.15 and 3.15 for the model without the batch norm.
    expect(model.layers.map((item) => item.name)).toEqual(['x', 'conv_b', 'conv_a', 'relu', 'tanh', 'add']);
  });
});
