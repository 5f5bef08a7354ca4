import { describe, expect, it } from 'vitest';
import { activationMoments } from '../../../src/equalization/moments/activation-moments.ts';
import { kernelNoise } from '../../../src/equalization/noise/kernel-noise.ts';
import { dtypeOptions } from '../../../src/equalization/packing/dtype-options.ts';
import type { Model } from '../../../src/model/model.ts';
import { packedWeight } from '../../../src/quantization/packing/packed-dtypes.ts';
import { QUANTIZER_PRESETS } from '../../../src/quantization/quantizer.ts';
import { buildModel, input, type LayerSpec, layer } from '../../support/model-builder.ts';

const dense = (name: string, units: number, kernel?: readonly number[]): LayerSpec =>
  layer('Dense', name, { units }, kernel ? { weights: { kernel } } : {});

function optionsOf(model: Model, settings = {}): ReturnType<typeof dtypeOptions> {
  return dtypeOptions(model, activationMoments(model), settings);
}

describe('dtypeOptions', () => {
  const network = (): Model => {
    const model = buildModel([
      input('x', [8, 8, 3]),
      layer('Conv2D', 'conv', { filters: 4, kernel_size: 3 }),
      layer('BatchNormalization', 'bn'),
      layer('SeparableConv2D', 'separable', { filters: 5, kernel_size: 3 }),
      layer('GlobalAveragePooling2D', 'pool'),
      dense('last', 3),
    ]);
    return model;
  };

  it('has four dtypes for each kernel, with their bytes, of which fewer bits do more damage', () => {
    const options = optionsOf(network());
    expect(options.map(({ layer: { path }, name }) => `${path}/${name}`)).toEqual([
      'conv/kernel',
      'separable/depthwiseKernel',
      'separable/pointwiseKernel',
      'last/kernel',
    ]);
    for (const { layer: owner, name, options: each } of options) {
      const { size } = owner.weights.get(name) ?? { size: NaN };
      expect(each.map(({ dtype, bytes }) => [dtype, bytes / size])).toEqual([
        ['uint8', 1],
        ['uint16', 2],
        ['float16', 2],
        ['float32', 4],
      ]);
      const [byte = NaN, word = NaN, half = NaN, float = NaN] = each.map(({ damage }) => damage);
      // Steps of 1/255 and 1/65535 of the range; half floats have 11 bits, in the middle of that.
      expect(byte / word).toBeGreaterThan(1000);
      expect(half).toBeLessThan(byte);
      expect(half).toBeGreaterThan(word);
      expect(float).toBe(0);
    }
  });

  it('counts biases as corrected unless it is told otherwise', () => {
    const model = network();
    const moments = activationMoments(model);
    const uint8 = (corrected: boolean): number[] =>
      kernelNoise(model, moments, QUANTIZER_PRESETS['tfjs-uint8'], { corrected }).map(({ damage }) => damage);
    const found = (settings: object): unknown[] =>
      optionsOf(model, settings).map(({ options: [first] }) => first?.damage);
    expect(found({})).toEqual(uint8(true));
    expect(found({ corrected: false })).toEqual(uint8(false));
    expect(uint8(true)).not.toEqual(uint8(false));
  });

  it('takes what kernels of 8 bits become from a quantizer of the caller', () => {
    const options = optionsOf(network(), { uint8: QUANTIZER_PRESETS['tfjs-uint16'] });
    for (const { options: each } of options) expect(each[0]?.damage).toBe(each[1]?.damage);
  });

  it('keeps what came packed', () => {
    const model = network();
    const owner = model.layer('last');
    owner.weights.set('kernel', packedWeight(owner, 'kernel', owner.requireWeight('kernel'), 'uint8'));
    const last = optionsOf(model).find(({ layer: { path } }) => path === 'last');
    expect(last?.options).toEqual([{ dtype: 'uint8', bytes: 15, damage: 0 }]);
  });

  it('offers 8 bits for weights whose squares have no number', () => {
    const model = buildModel([input('x', [2]), dense('last', 2, [3e38, -1e38, 0, 2e38])]);
    // What the channels read is as far from usual, so that errors become infinite.
    const moments = { of: () => ({ mean: Float64Array.of(0, 0), variance: Float64Array.of(1e300, 1) }) };
    const [first] = dtypeOptions(model, moments as unknown as ReturnType<typeof activationMoments>);
    expect(first?.options.map(({ dtype }) => dtype)).toEqual(['uint8', 'uint16', 'float32']);
    expect(first?.options.every(({ damage }) => Number.isFinite(damage))).toBe(true);
  });

  it('offers no half floats past their largest, and nothing for a kernel with a NaN', () => {
    const large = optionsOf(buildModel([input('x', [2]), dense('large', 1, [70_000, 1])]));
    expect(large[0]?.options.map(({ dtype }) => dtype)).toEqual(['uint8', 'uint16', 'float32']);
    expect(optionsOf(buildModel([input('x', [2]), dense('nan', 1, [NaN, 1])]))).toEqual([]);
  });
});
