import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../src/json/value.ts';
import { buildGraph } from '../../src/model/graph.ts';
import { buildModel, input, type LayerSpec, layer } from '../support/model-builder.ts';
import { randomInputs, runModel } from '../support/run-model.ts';

/** The inferred shape of the last layer's output, without the batch. */
function shapeBehind(layers: readonly LayerSpec[]): readonly (number | null)[] | undefined {
  const graph = buildGraph(buildModel(layers));
  return graph.outputs[0]?.shape?.slice(1);
}

const behind = (
  shape: readonly (number | null)[],
  className: string,
  config: JsonObject = {},
): readonly (number | null)[] | undefined =>
  shapeBehind([input('x', shape), layer(className, 'layer', config)]);

describe('shapes of a graph', () => {
  it.each<[string, JsonObject, readonly (number | null)[], readonly (number | null)[]]>([
    ['Conv2D', { filters: 8, kernel_size: 3 }, [9, 10, 3], [7, 8, 8]],
    ['Conv2D', { filters: 8, kernel_size: 3, strides: 2, padding: 'same' }, [9, 10, 3], [5, 5, 8]],
    ['Conv2D', { filters: 8, kernel_size: 3, strides: 2 }, [9, 10, 3], [4, 4, 8]],
    ['Conv2D', { filters: 8, kernel_size: 3, dilation_rate: 2 }, [9, 10, 3], [5, 6, 8]],
    ['Conv2D', { filters: 8, kernel_size: [3, 1], data_format: 'channels_first' }, [3, 9, 10], [8, 7, 10]],
    ['Conv2D', { filters: 8, kernel_size: 3 }, [null, null, 3], [null, null, 8]],
    ['Conv1D', { filters: 4, kernel_size: 2, padding: 'causal' }, [7, 3], [7, 4]],
    ['Conv3D', { filters: 4, kernel_size: 2 }, [4, 5, 6, 1], [3, 4, 5, 4]],
    ['DepthwiseConv2D', { kernel_size: 3, depth_multiplier: 2 }, [5, 5, 3], [3, 3, 6]],
    ['SeparableConv2D', { filters: 5, kernel_size: 3 }, [5, 5, 3], [3, 3, 5]],
    ['Conv2DTranspose', { filters: 2, kernel_size: 3, strides: 2, padding: 'same' }, [4, 5, 3], [8, 10, 2]],
    ['Conv2DTranspose', { filters: 2, kernel_size: 3, strides: 2 }, [4, 5, 3], [9, 11, 2]],
    ['Conv2DTranspose', { filters: 2, kernel_size: 2, strides: 3 }, [4, 5, 3], [12, 15, 2]],
    ['Dense', { units: 7 }, [4, 3], [4, 7]],
    ['MaxPooling2D', { pool_size: 3, strides: 2 }, [8, 9, 3], [3, 4, 3]],
    ['AveragePooling2D', { pool_size: 2, padding: 'same' }, [7, 8, 3], [4, 4, 3]],
    ['GlobalAveragePooling2D', {}, [7, 8, 3], [3]],
    ['GlobalMaxPooling2D', { keepdims: true }, [7, 8, 3], [1, 1, 3]],
    [
      'ZeroPadding2D',
      {
        padding: [
          [1, 2],
          [3, 4],
        ],
      },
      [5, 5, 3],
      [8, 12, 3],
    ],
    [
      'Cropping2D',
      {
        cropping: [
          [1, 2],
          [0, 1],
        ],
      },
      [5, 5, 3],
      [2, 4, 3],
    ],
    ['UpSampling2D', { size: [2, 3] }, [5, 5, 3], [10, 15, 3]],
    ['Flatten', {}, [4, 5, 3], [60]],
    ['Flatten', {}, [null, 5, 3], [null]],
    ['Reshape', { target_shape: [-1, 3] }, [4, 5, 3], [20, 3]],
    ['BatchNormalization', {}, [4, 5, 3], [4, 5, 3]],
    ['ReLU', {}, [4, 5, 3], [4, 5, 3]],
    ['Dropout', { rate: 0.5 }, [4], [4]],
  ])('%s %j of %j', (className, config, shape, expected) => {
    expect(behind(shape, className, config)).toEqual(expected);
  });

  it('broadcasts merges and adds up concatenated axes', () => {
    const ends = [input('a', [4, 4, 3]), input('b', [1, 1, 3]), input('c', [4, 4, 5])];
    expect(shapeBehind([...ends, layer('Multiply', 'scale', {}, { from: ['a', 'b'] })])).toEqual([4, 4, 3]);
    expect(shapeBehind([...ends, layer('Concatenate', 'join', {}, { from: ['a', 'c'] })])).toEqual([4, 4, 8]);
    const open = [input('a', [null, null, 3]), layer('Add', 'add', {}, { from: ['a', 'a'] })];
    expect(buildGraph(buildModel(open)).outputs[0]?.shape).toEqual([null, null, null, 3]);
    const gate = [...ends, input('d', [3]), layer('Multiply', 'gate', {}, { from: ['a', 'd'] })];
    expect(shapeBehind(gate)).toEqual([4, 4, 3]);
    expect(shapeBehind([...ends, layer('Concatenate', 'join', { axis: 1 }, { from: ['a', 'a'] })])).toEqual([
      8, 4, 3,
    ]);
  });

  it('goes through a merge with numbers, and not through what arrays are among', () => {
    const merged = (className: string, constant: JsonValue): unknown => {
      const model = buildModel([input('x', [4, 3]), layer(className, 'merge', {}, { from: ['x', 'x'] })]);
      for (const call of model.calls) {
        if (call.layer.name === 'merge')
          call.args = [{ list: [{ tensor: 0 }, { tensor: 1 }, { value: constant }] }];
      }
      return buildGraph(model).outputs[0]?.shape;
    };
    expect(merged('Add', 2.5)).toEqual([null, 4, 3]);
    expect(merged('Add', [[[1]], [[2]]])).toBeUndefined();
    expect(merged('Concatenate', [[1, 2, 3]])).toBeUndefined();
  });

  it('knows nothing behind a layer that nobody knows', () => {
    expect(shapeBehind([input('x', [4]), layer('Custom', 'odd'), layer('ReLU', 'relu')])).toBeUndefined();
  });

  it.each([
    ['Conv2D', { filters: 2, kernel_size: 3, strides: 2, padding: 'same' }],
    ['Conv2DTranspose', { filters: 2, kernel_size: 3, strides: 2 }],
    ['MaxPooling2D', { pool_size: 3, strides: 2, padding: 'valid' }],
    ['AveragePooling2D', { pool_size: 3, strides: 2, padding: 'same' }],
  ])('agrees with TF.js on the size of %s', async (className, config) => {
    const model = buildModel([input('x', [7, 6, 2]), layer(className, 'layer', config)]);
    const graph = buildGraph(model);
    const size = graph.outputs[0]?.shape?.slice(1).reduce((product: number, one) => product * (one ?? 0), 1);
    const [output] = await runModel(model, randomInputs(model));
    expect(output?.length).toBe(2 * (size ?? 0));
  });
});
