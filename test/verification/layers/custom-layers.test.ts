import * as tf from '@tensorflow/tfjs-core';
import { layers, models } from '@tensorflow/tfjs-layers';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { beforeAll, describe, expect, it } from 'vitest';
import { TFJS_LAYERS } from '../../../src/formats/keras-config/tfjs/registered-classes.ts';
import { customLayers, runnableClasses } from '../../../src/verification/layers/custom-layers.ts';
import { KerasLayer } from '../../../src/verification/layers/keras-layer.ts';
import { layerCases } from './layer-model.ts';
import { type LayerCase, prepared, relativeDifference, runLayer, type Values } from './run-layer.ts';

/** Sums of up to a hundred float32 products in another order, and exponentials of another library. */
const TOLERANCE = 1e-5;

/** What Keras runs and TF.js does not, by the error that it ends in. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  'keras3 LSTM hard sigmoid': /Unknown activation/,
};

const cases: LayerCase[] = layerCases().map(({ entry, dialect, ...rest }) => ({
  entry: { ...entry, config: prepared(entry.config, dialect) },
  ...rest,
}));

/** The classes of this package, which are inherited by what TF.js is given. */
const own = Object.keys(Object.getPrototypeOf(customLayers)).filter((name) => runnableClasses().has(name));

const runnable = cases.filter(({ name }) => !(name in REFUSED));

describe.each(['cpu', 'wasm'])('on the %s backend', (backend) => {
  beforeAll(async () => {
    tf.env().set('PROD', true);
    expect(await tf.setBackend(backend)).toBe(true);
  });

  it.each(runnable)('$name is what Keras computes', async (one) => {
    const before = tf.memory().numTensors;
    const [output] = await runLayer(one, customLayers);
    expect(relativeDifference(output as Values, one.output)).toBeLessThanOrEqual(TOLERANCE);
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each(cases.filter(({ name }) => name in REFUSED))('$name is refused', async (one) => {
    await expect(runLayer(one, customLayers)).rejects.toThrow(REFUSED[one.name]);
  });
});

describe('customLayers', () => {
  it('has tests for every class', () => {
    const tested = new Set(cases.flatMap(({ entry }) => classesIn(entry)));
    const untested = own.filter((name) => !tested.has(name) && !/^(Model|Functional|Sequential)$/.test(name));
    // Those have a test of their own.
    expect(untested).toEqual(['LargeDense', 'Operator']);
  });

  it('replaces no class of tfjs-layers that is right', async () => {
    const replaced = own.filter(
      (name) => TFJS_LAYERS.has(name) && !/^(Model|Functional|Sequential)$/.test(name),
    );
    const wrong = new Set<string>();
    for (const backend of ['cpu', 'wasm']) {
      await tf.setBackend(backend);
      for (const one of runnable) {
        const of = classesIn(one.entry).filter((name) => replaced.includes(name) && !wrong.has(name));
        if (of.length > 0 && !(await isRightInTfjs(one))) for (const name of of) wrong.add(name);
      }
    }
    expect([...wrong].sort()).toEqual(replaced.sort());
  });

  it('makes the layer of tfjs-layers where that is right', () => {
    const made = (className: string, config: object): layers.Layer | undefined =>
      customLayers[className]?.[1](KerasLayer, { name: 'layer', ...config });
    const conv = { filters: 2, kernelSize: [3, 3] };
    expect(made('Conv2D', { ...conv, activation: 'relu' })).not.toBeInstanceOf(KerasLayer);
    expect(made('Conv2D', { ...conv, activation: 'hardSilu' })).toBeInstanceOf(KerasLayer);
    expect(made('Conv2D', { ...conv, groups: 2 })).toBeInstanceOf(KerasLayer);
    expect(made('Dense', { units: 2 })).not.toBeInstanceOf(KerasLayer);
    expect(made('BatchNormalization', {})).toBeInstanceOf(KerasLayer);
  });

  it('leaves the classes of other users of TF.js as they are, also when a layer cannot be made', async () => {
    await tf.setBackend('cpu');
    const faulty = { class_name: 'Activation', config: { activation: 'nothing' } };
    const inputs = [{ shape: [1, 1], dtype: 'float32', values: [-1] }];
    await expect(runLayer({ entry: faulty, inputs, weights: [] }, customLayers)).rejects.toThrow('nothing');
    const sloped = { class_name: 'ReLU', config: { negative_slope: 0.5 } };
    const run = async (objects: object): Promise<Values[]> =>
      runLayer({ entry: sloped, inputs, weights: [] }, objects as Record<string, unknown>);
    // TF.js passes over the slope.
    expect((await run({}))[0]?.values).toEqual([0]);
    expect((await run(customLayers))[0]?.values).toEqual([-0.5]);
    const { classNameMap } = tf.serialization.SerializationMap.getMap();
    expect(Object.keys(classNameMap)).not.toContain('Normalization');
    expect(classNameMap['BatchNormalization']?.[0]).toBe(layers.batchNormalization({}).constructor);
  });

  it('makes weights that are set anyway of zeros, not at random', async () => {
    await tf.setBackend('cpu');
    const inner = (name: string, className: string, config: object, from?: string): object => ({
      ...{ name, class_name: className, config: { name, ...config } },
      inbound_nodes: from === undefined ? [] : [[[from, 0, 0, {}]]],
    });
    const config = {
      name: 'model',
      layers: [
        inner('x', 'InputLayer', { batch_input_shape: [null, 8, 8, 3] }),
        inner('conv', 'Conv2D', { filters: 4, kernel_size: [3, 3] }, 'x'),
        inner('depthwise', 'DepthwiseConv2D', { kernel_size: [3, 3] }, 'conv'),
        inner('dense', 'Dense', { units: 5 }, 'depthwise'),
      ],
      input_layers: [['x', 0, 0]],
      output_layers: [['dense', 0, 0]],
    };
    const modelTopology = { class_name: 'Functional', config };
    const model = await models.modelFromJSON({ modelTopology } as never, customLayers as never);
    const values = model.getWeights().flatMap((weight) => [...weight.dataSync()]);
    expect(values).toEqual(new Array(3 * 3 * 3 * 4 + 4 + 3 * 3 * 4 + 4 + 4 * 5 + 5).fill(0));
    model.dispose();
  });

  it('says what an activation is that cannot be run', () => {
    const make = customLayers['Dense']?.[1];
    expect(() => make?.(KerasLayer, { units: 2, activation: 'glu' })).toThrow(
      'no activation "glu" can be run',
    );
  });

  it('takes the average of the steps that a mask leaves', async () => {
    await tf.setBackend('cpu');
    const average = customLayers['GlobalAveragePooling1D']?.[1](KerasLayer, { name: 'average' });
    const [output] = tf.tidy(() => {
      const mask = tf.tensor2d([[1, 1, 0]], [1, 3], 'bool');
      const pooled = average?.apply(tf.tensor3d([[[1], [3], [8]]]), { mask }) as tf.Tensor;
      return Array.from(pooled.dataSync());
    }) as unknown as number[];
    expect(output).toBe(2);
  });
});

describe('runnableClasses', () => {
  it('has those of tfjs-layers and those here', () => {
    for (const name of ['LSTM', 'Conv2D', 'DepthwiseConv1D', 'Identity'])
      expect(runnableClasses()).toContain(name);
    expect(runnableClasses()).not.toContain('MultiHeadAttention');
  });
});

/** The classes of a layer and of the cells in it. */
function classesIn({ class_name: name, config }: LayerCase['entry']): string[] {
  const cells = [config['cell'] ?? []].flat() as LayerCase['entry'][];
  return [name, ...cells.flatMap(classesIn)];
}

async function isRightInTfjs(one: LayerCase): Promise<boolean> {
  try {
    const [output] = await runLayer(one, {});
    return relativeDifference(output as Values, one.output) <= TOLERANCE;
  } catch {
    return false;
  }
}
