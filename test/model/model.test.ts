import { describe, expect, it } from 'vitest';
import { buildGraph } from '../../src/model/graph.ts';
import type { Model } from '../../src/model/model.ts';
import { foldAllBatchNorms } from '../../src/primitives/batch-norm-fold.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { buildModel, buildSequential, input, layer, nested } from '../support/model-builder.ts';
import { randomInputs, runModel } from '../support/run-model.ts';

function example(): Model {
  return buildModel([
    input('x', [4, 4, 2]),
    nested('body', [
      input('in', [4, 4, 2]),
      layer('Conv2D', 'conv', { filters: 3, kernel_size: 3 }),
      layer('BatchNormalization', 'bn'),
    ]),
    layer('Flatten', 'flatten'),
    layer('Dense', 'head', { units: 2 }),
  ]);
}

describe('Model.layer', () => {
  it('finds layers by path and says which are missing', () => {
    const model = example();
    expect(model.layer('body/conv').path).toBe('body/conv');
    expect(model.layer('body/conv').name).toBe('conv');
    expect(() => model.layer('conv')).toThrow(new RangeError('the model model has no layer conv'));
    expect(() => model.layer('body/other')).toThrow(new RangeError('the model body has no layer other'));
  });
});

describe('Model.allLayers', () => {
  it('lists the layers of nested models instead of the nested models', () => {
    expect([...example().allLayers()].map(({ path }) => path)).toEqual([
      'x',
      'body/in',
      'body/conv',
      'body/bn',
      'flatten',
      'head',
    ]);
  });
});

describe('Model.parameterCount', () => {
  it('counts all weights, statistics included', () => {
    // Convolution 3 * 3 * 2 * 3 + 3, batch norm 4 * 3, head 2 * 2 * 3 * 2 + 2.
    expect(example().parameterCount).toBe(57 + 12 + 26);
  });
});

describe('Model.clone', () => {
  it('has layers of its own and the same tensors', () => {
    const model = example();
    const copy = model.clone();
    for (const { layer: original, path } of model.allLayers()) {
      expect(copy.layer(path)).not.toBe(original);
      expect([...copy.layer(path).weights]).toEqual([...original.weights]);
    }
    expect(buildGraph(copy).calls.map(({ path }) => path)).toEqual(
      buildGraph(model).calls.map(({ path }) => path),
    );
  });

  it('copies a Sequential that has no InputLayer', () => {
    const model = buildSequential([layer('ReLU', 'relu', { batch_input_shape: [null, 3] })]);
    const copy = model.clone();
    expect(copy.inputs[0]?.shape).toEqual([null, 3]);
    expect(copy.inputs[0]).not.toBe(model.inputs[0]);
    expect(copy.calls[0]?.inputs[0]).toBe(copy.inputs[0]);
    expect(copy.outputs[0]?.producer?.layer).toBe(copy.layer('relu'));
  });

  it('computes the same', async () => {
    const model = example();
    const inputs = randomInputs(model);
    expect(await runModel(model.clone(), inputs)).toEqual(await runModel(model, inputs));
  });

  it('leaves the original alone when it is edited', () => {
    const model = example();
    const copy = model.clone();
    copy.layer('head').setWeight('bias', Tensor.fromNumbers('float32', [2], [1, 2]));
    foldAllBatchNorms(copy);
    expect(copy.layer('head').weight('bias')).not.toBe(model.layer('head').weight('bias'));
    expect(model.layer('body/bn').foldedInto).toBeUndefined();
    expect(buildGraph(model).calls.map(({ path }) => path)).toContain('body/bn');
    expect(buildGraph(copy).calls.map(({ path }) => path)).not.toContain('body/bn');
  });
});

describe('Model.summary', () => {
  it('has a row for each layer, those of nested models included', () => {
    expect(example().summary().split('\n')).toEqual([
      'model (functional)',
      'Layer                         Output shape     Parameters  Reads',
      'x (InputLayer)                (None, 4, 4, 2)  0',
      'body/in (InputLayer)          ?                0',
      'body/conv (Conv2D)            (None, 2, 2, 3)  57          x',
      'body/bn (BatchNormalization)  (None, 2, 2, 3)  12          body/conv',
      'flatten (Flatten)             (None, 12)       0           body/bn',
      'head (Dense)                  (None, 2)        26          flatten',
      '95 parameters',
    ]);
  });
});
