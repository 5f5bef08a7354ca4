import { describe, expect, test } from 'vitest';
import type { Model } from '../../../src/model/model.ts';
import { fakeQuantize } from '../../../src/quantization/fake-quantize.ts';
import { layersQuantizedBefore } from '../../../src/quantization/packing/quantized-before.ts';
import { QUANTIZER_PRESETS } from '../../../src/quantization/quantizer.ts';
import { buildModel, input, layer } from '../../support/model-builder.ts';

function network(size: number): Model {
  return buildModel([
    input('image', [8, 8, size]),
    layer('Conv2D', 'conv', { filters: size, kernel_size: 3 }),
    layer('BatchNormalization', 'bn'),
    layer('DepthwiseConv2D', 'depthwise', { kernel_size: 3 }),
  ]);
}

function found(model: Model): string[] {
  return layersQuantizedBefore(model).map(({ path }) => path);
}

describe('layersQuantizedBefore', () => {
  // 16 channels: 2304 weights of 256 levels; 4 channels: 36 of the depthwise kernel, far fewer than levels.
  test.each([4, 16])('finds kernels on a grid of 8 bits and no others, %i channels', (size) => {
    const model = network(size);
    expect(found(model)).toEqual([]);
    expect(found(fakeQuantize(model, QUANTIZER_PRESETS['tfjs-uint8']))).toEqual(['conv', 'depthwise']);
    expect(found(fakeQuantize(model, QUANTIZER_PRESETS['int8-per-tensor']))).toEqual(['conv', 'depthwise']);
    expect(found(fakeQuantize(model, QUANTIZER_PRESETS['tfjs-uint16']))).toEqual([]);
  });

  test('takes few different values for no grid: zeros, ones, what was written by hand', () => {
    const kernel = [1, 0, -1, 2, 0, -2, 1, 0, -1];
    const config = { filters: 1, kernel_size: 3 };
    const model = buildModel([
      input('image', [8, 8, 1]),
      layer('Conv2D', 'sobel', config, { weights: { kernel } }),
      layer('Conv2D', 'zeros', config, { weights: { kernel: new Array(9).fill(0) } }),
    ]);
    expect(found(model)).toEqual([]);
  });
});
