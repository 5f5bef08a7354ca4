import { describe, expect, it } from 'vitest';
import { CannotRunError, LimitError } from '../../../src/errors.ts';
import type { Model } from '../../../src/model/model.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { modelInputs } from '../../../src/verification/inputs/model-inputs.ts';
import { NORMALIZATIONS, normalizePixels } from '../../../src/verification/inputs/normalization.ts';
import { seededInputs } from '../../../src/verification/inputs/seeded-inputs.ts';
import { buildModel, buildSequential, input, type LayerSpec, layer } from '../../support/model-builder.ts';

function typed(name: string, shape: (number | null)[], dtype: string): LayerSpec {
  return { ...input(name, shape), config: { batch_input_shape: [null, ...shape], dtype } };
}

function pictures(shape: (number | null)[], config: { data_format?: string } = {}): Model {
  return buildModel([
    input('picture', shape),
    layer('Conv2D', 'stem', { filters: 2, kernel_size: 3, ...config }),
  ]);
}

/** Mean absolute difference of neighbours in a row, as a part of the range. */
function roughness(tensor: Tensor, sample: number): number {
  const [, height = 0, width = 0, channels = 0] = tensor.shape;
  const values = tensor.toFloat64().subarray(sample * height * width * channels);
  let sum = 0;
  for (let at = 0; at < (width - 1) * channels; at++) sum += Math.abs(values[at]! - values[at + channels]!);
  return sum / ((width - 1) * channels) / 255;
}

describe('seeded pictures', () => {
  it('are smooth in the first half and noise in the second', () => {
    const [tensor] = seededInputs(pictures([32, 32, 3]), { normalization: 'raw' });
    const rough = [0, 1, 2, 3].map((sample) => roughness(tensor!, sample));
    // Six periods across 32 pixels at the very most change by less than 0.3 a pixel; noise of 64 around the middle
    // differs by 0.28 in the mean.
    expect(Math.max(rough[0]!, rough[1]!)).toBeLessThan(0.15);
    expect(Math.min(rough[2]!, rough[3]!)).toBeGreaterThan(0.2);
  });

  it.each(NORMALIZATIONS)('fill the range of %s and stay in it', (normalization) => {
    const [tensor] = seededInputs(pictures([16, 16, 3]), { normalization });
    const ends = normalizePixels([0, 0, 0, 255, 255, 255], [2, 1, 1, 3], normalization).toFloat64();
    for (let channel = 0; channel < 3; channel++) {
      const values = tensor!.toFloat64().filter((_, index) => index % 3 === channel);
      const bounds = [ends[channel]!, ends[channel + 3]!];
      // Smooth pictures are stretched to both ends; in float32 the stretched end may miss 255 by a rounding.
      expect(Math.min(...values)).toBeCloseTo(bounds[0]!, 4);
      expect(Math.max(...values)).toBeCloseTo(bounds[1]!, 4);
    }
  });

  it('of other channels than those that the guess is for are scaled to 0..1', () => {
    const model = buildModel([
      input('photo', [8, 8, 3]),
      input('mask', [8, 8, 1]),
      layer('Conv2D', 'block1a_dwconv', { filters: 2, kernel_size: 3 }, { from: ['photo'] }),
      layer('Conv2D', 'other', { filters: 2, kernel_size: 3 }, { from: ['mask'] }),
      layer('Add', 'sum', {}, { from: ['block1a_dwconv', 'other'] }),
    ]);
    const [photo, mask] = seededInputs(model).map((tensor) => tensor.toFloat64());
    // The mean and deviation of ImageNet, which the name of an EfficientNet tells.
    expect(Math.min(...photo!)).toBeCloseTo(-0.485 / 0.229, 1);
    expect(Math.min(...mask!)).toBeCloseTo(0, 6);
    expect(Math.max(...mask!)).toBeCloseTo(1, 6);
    expect(() => seededInputs(model, { normalization: 'torch' })).toThrow(/the input has 1 channels/);
  });

  it('have 64 x 64 pixels where the model takes any, in its data format', () => {
    expect(seededInputs(pictures([null, null, 3]))[0]!.shape).toEqual([4, 64, 64, 3]);
    const first = pictures([3, null, 20], { data_format: 'channels_first' });
    expect(modelInputs(first)[0]!.image).toEqual({
      height: null,
      width: 20,
      channels: 3,
      dataFormat: 'channels_first',
    });
    expect(seededInputs(first, { samples: 2 })[0]!.shape).toEqual([2, 3, 64, 20]);
  });

  it('are whole numbers 0..255 for a model that takes uint8', () => {
    const model = buildModel([
      typed('picture', [8, 8, 3], 'uint8'),
      layer('Rescaling', 'scale', { scale: 1 }),
    ]);
    const [tensor] = seededInputs(model);
    expect(tensor!.dtype).toBe('int32');
    expect(Math.max(...(tensor!.values() as Int32Array))).toBe(255);
  });
});

describe('other seeded inputs', () => {
  it('are the same for the same seed and others for another', () => {
    const model = buildModel([
      input('row', [5]),
      input('other', [5]),
      layer('Add', 'add', {}, { from: ['row', 'other'] }),
    ]);
    const [one, other] = seededInputs(model);
    expect(seededInputs(model).map((tensor) => [...tensor.toFloat64()])).toEqual(
      [one, other].map((tensor) => [...tensor!.toFloat64()]),
    );
    expect([...one!.toFloat64()]).not.toEqual([...other!.toFloat64()]);
    expect([...seededInputs(model, { seed: 2 })[0]!.toFloat64()]).not.toEqual([...one!.toFloat64()]);
  });

  it('are standard normal where nothing is known', () => {
    const model = buildModel([input('row', [100]), layer('Dense', 'dense', { units: 1 })]);
    const values = seededInputs(model, { samples: 100 })[0]!.toFloat64();
    const mean = values.reduce((sum, one) => sum + one, 0) / values.length;
    const variance = values.reduce((sum, one) => sum + (one - mean) ** 2, 0) / values.length;
    // Of 10,000 the mean deviates by 0.01 and the variance by 0.014; five times that.
    expect(Math.abs(mean)).toBeLessThan(0.05);
    expect(Math.abs(variance - 1)).toBeLessThan(0.07);
  });

  it('are entries of the Embedding that reads them, whatever the dtype', () => {
    for (const [dtype, held] of [
      ['int64', 'int32'],
      ['float32', 'float32'],
    ] as const) {
      const model = buildModel([
        typed('words', [null], dtype),
        layer('Reshape', 'reshape', { target_shape: [-1] }),
        layer('Embedding', 'embedding', { input_dim: 7, output_dim: 2 }),
      ]);
      model.layer('embedding').weights.set('embeddings', Tensor.of('float32', [7, 2], new Float32Array(14)));
      const [tensor] = seededInputs(model, { samples: 20 });
      expect([tensor!.dtype, tensor!.shape]).toEqual([held, [20, 16]]);
      expect(new Set(tensor!.toFloat64())).toEqual(new Set([0, 1, 2, 3, 4, 5, 6]));
    }
  });

  it('are zeros and ones for other whole numbers and for booleans', () => {
    for (const [dtype, held] of [
      ['int32', 'int32'],
      ['bool', 'bool'],
    ] as const) {
      const [tensor] = seededInputs(buildModel([typed('flags', [50], dtype), layer('Flatten', 'flat')]));
      expect(tensor!.dtype).toBe(held);
      expect(new Set(tensor!.toFloat64())).toEqual(new Set([0, 1]));
    }
  });

  it('take the shape from the first layer where the file has none', () => {
    const model = buildModel([input('row', [5]), layer('Dense', 'dense', { units: 2 })]);
    const bare = buildSequential([layer('Dense', 'dense', { units: 2, batch_input_shape: [null, 5] })]);
    for (const tensor of bare.inputs) tensor.shape = undefined;
    bare.layer('dense').setWeight('kernel', model.layer('dense').requireWeight('kernel'));
    expect(modelInputs(bare)[0]).toMatchObject({ name: 'dense', shape: [null, 5] });
  });

  it('are refused where they cannot be made', () => {
    const text = buildModel([typed('words', [1], 'string'), layer('Flatten', 'flat')]);
    expect(() => seededInputs(text)).toThrow(CannotRunError);
    const huge = buildModel([input('rows', [2 ** 37, 8]), layer('ReLU', 'relu')]);
    expect(() => seededInputs(huge)).toThrow(LimitError);
    expect(() => seededInputs(pictures([8, 8, 3]), { samples: 0 })).toThrow(RangeError);
    const unknown = buildSequential([layer('Flatten', 'flat', { batch_input_shape: [null, 5] })]);
    for (const tensor of unknown.inputs) tensor.shape = undefined;
    expect(() => seededInputs(unknown)).toThrow(CannotRunError);
  });

  it('are refused for an input that has no values', () => {
    expect(() => seededInputs(pictures([0, 4, 3]))).toThrow(
      new CannotRunError('picture', 'an input of shape [?, 0, 4, 3] has no values'),
    );
  });
});
