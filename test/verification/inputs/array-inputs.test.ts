import { describe, expect, it } from 'vitest';
import { UnsupportedModelError } from '../../../src/errors.ts';
import type { Model } from '../../../src/model/model.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { fitArray, looksUnscaled } from '../../../src/verification/inputs/array-inputs.ts';
import { type ModelInput, modelInputs } from '../../../src/verification/inputs/model-inputs.ts';
import { buildModel, input, type LayerSpec, layer } from '../../support/model-builder.ts';

function inputOf(shape: readonly (number | null)[], ...layers: LayerSpec[]): ModelInput {
  const readers = layers.length > 0 ? layers : [layer('Activation', 'same', { activation: 'linear' })];
  return modelInputs(buildModel([input('x', shape), ...readers]))[0]!;
}

const picture = inputOf([4, 6, 3], layer('Conv2D', 'conv', { filters: 1, kernel_size: 1 }));
const grey = inputOf([4, 6, 1], layer('Conv2D', 'conv', { filters: 1, kernel_size: 1 }));
const sequence = inputOf([5, 2]);

function zeros(...shape: number[]): Tensor {
  return Tensor.of('float32', shape, new Float32Array(shape.reduce((size, one) => size * one, 1)));
}

function fitted(array: Tensor, to: ModelInput, asked?: 'tf'): Tensor {
  return fitArray(array, 'a.npy', to, { asked, guessed: '0..1' }).tensor;
}

describe('the advice for another shape', () => {
  it.each<[string, ModelInput, number[], RegExp]>([
    ['channels first', picture, [2, 3, 4, 6], /in another order: array\.transpose\(0, 2, 3, 1\)$/],
    ['width before height', picture, [2, 6, 4, 3], /array\.transpose\(0, 2, 1, 3\)$/],
    ['the samples last', picture, [4, 6, 3, 2], /array\.transpose\(3, 0, 1, 2\)$/],
    ['features before steps', sequence, [3, 2, 5], /array\.transpose\(0, 2, 1\)$/],
    ['flat', picture, [2, 72], /array\.reshape\(-1, 4, 6, 3\)$/],
    ['all in one row', picture, [144], /array\.reshape\(-1, 4, 6, 3\)$/],
    ['no channel', grey, [2, 4, 6], /array\.reshape\(-1, 4, 6, 1\)$/],
    ['one sample', picture, [4, 6, 3], /add the dimension of the samples: array\[None\]$/],
    ['colours for grey', grey, [2, 4, 6, 3], /save pictures of 1 channel, as the model takes them$/],
    ['another size', picture, [2, 8, 8, 3], /resize or pad the pictures/],
    ['something else', sequence, [2, 7], /takes \[samples, 5, 2\]; save it so, with the samples first$/],
  ])('%s', (_, to, shape, message) => {
    expect(() => fitted(zeros(...shape), to)).toThrow(message);
  });

  it('of pixels is the same', () => {
    const pixels = Tensor.of('uint8', [1, 3, 4, 6], new Uint8Array(72));
    expect(() => fitted(pixels, picture)).toThrow(/array\.transpose\(0, 2, 3, 1\)$/);
  });
});

describe('values', () => {
  it.each([
    ['NaN', Number.NaN],
    ['Infinity', Infinity],
    ['-Infinity', -Infinity],
  ])('that are %s are refused with their place', (text, value) => {
    const values = new Float32Array(20);
    values[17] = value;
    const array = Tensor.of('float32', [2, 5, 2], values);
    expect(() => fitted(array, sequence)).toThrow(UnsupportedModelError);
    // 17 = (1 * 5 + 3) * 2 + 1
    expect(() => fitted(array, sequence)).toThrow(
      `a.npy: the value at [1, 3, 1] is ${text}, and inputs are finite`,
    );
  });

  it('past float32 are refused, and in pixels too', () => {
    const large = Tensor.of('float64', [1, 5, 2], new Float64Array(10).fill(1e39));
    expect(() => fitted(large, sequence)).toThrow(/at \[0, 0, 0\] is 1e\+39, which float32 cannot hold/);
    const pixels = Tensor.of('float32', [1, 4, 6, 1], new Float32Array(24).fill(Number.NaN));
    expect(() => fitted(pixels, grey, 'tf')).toThrow(/at \[0, 0, 0, 0\] is NaN/);
  });

  it.each([
    [
      'no samples',
      [0, 5, 2],
      /a\.npy: has no samples \(its shape is \[0, 5, 2\]\); save it with one or more/,
    ],
    ['an empty dimension', [2, 0, 2], /holds no values; save it without dimensions of length 0/],
  ])('%s', (_, shape, message) => {
    expect(() => fitted(zeros(...shape), sequence)).toThrow(message);
  });
});

describe('indices of an Embedding', () => {
  function embedding(): Model {
    const model = buildModel([
      input('words', [2]),
      layer('Embedding', 'wide', { input_dim: 9, output_dim: 2 }, { from: ['words'] }),
      layer('Embedding', 'narrow', { input_dim: 7, output_dim: 2 }, { from: ['words'] }),
      layer('Add', 'sum', {}, { from: ['wide', 'narrow'] }),
    ]);
    for (const [name, rows] of [
      ['wide', 9],
      ['narrow', 7],
    ] as const) {
      model.layer(name).weights.set('embeddings', zeros(rows, 2));
    }
    return model;
  }
  const words = modelInputs(embedding())[0]!;

  it('reach from 0 to the last entry of the smallest', () => {
    const array = Tensor.of('int32', [2, 2], Int32Array.of(0, 6, 1, 2));
    expect([...fitted(array, words).toFloat64()]).toEqual([0, 6, 1, 2]);
  });

  it.each([7, -1])('%i is refused with its place and what is taken', (value) => {
    const array = Tensor.of('int64', [2, 2], BigInt64Array.of(0n, 1n, BigInt(value), 2n));
    expect(() => fitted(array, words)).toThrow(
      `a.npy: the value at [1, 0] is ${value}, but the layer narrow takes 0 to 6;`,
    );
  });
});

describe('looksUnscaled', () => {
  it.each<[string, number[], boolean]>([
    ['0..255', [0, 30, 255], true],
    ['what x/255 makes', [0, 0.5, 1], false],
    ['what the mean and deviation of ImageNet make', [-2.1, 0, 2.6], false],
    ['BGR minus its mean', [-123, 0, 151], false],
    ['more than 255', [0, 30, 65535], false],
  ])('%s', (_, [first = 0, second = 0, third = 0], expected) => {
    const values = new Float32Array(24).fill(first);
    values.set([second, third]);
    const array = Tensor.of('float32', [1, 4, 6, 1], values);
    expect(looksUnscaled(array, grey)).toBe(expected);
  });

  it('is of pictures alone', () => {
    expect(looksUnscaled(Tensor.of('float32', [1, 5, 2], new Float32Array(10).fill(9)), sequence)).toBe(
      false,
    );
  });
});
