import { describe, expect, test } from 'vitest';
import { InvalidModelError } from '../../../src/errors.ts';
import type { Layer } from '../../../src/model/layer.ts';
import { fakeQuantize } from '../../../src/quantization/fake-quantize.ts';
import { type PackedDType, packedWeight } from '../../../src/quantization/packing/packed-dtypes.ts';
import { parseQuantizer } from '../../../src/quantization/quantizer.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { buildModel, input, layer } from '../../support/model-builder.ts';

function denseOf(kernel: readonly number[]): Layer {
  const dense = layer('Dense', 'dense', { units: 1, use_bias: false }, { weights: { kernel } });
  return buildModel([input('x', [kernel.length]), dense]).layer('dense');
}

function packed(kernel: readonly number[], dtype: PackedDType): Tensor {
  const dense = denseOf(kernel);
  return packedWeight(dense, 'kernel', dense.requireWeight('kernel'), dtype);
}

function levelsOf({ packed: values }: Tensor): number[] {
  return [...(values?.pieces() ?? [])].flatMap((piece) => [...piece]);
}

describe('packedWeight', () => {
  test('uint8: 256 levels from the least weight to the largest', () => {
    const tensor = packed([-1, 0, 0.5, 4.1], 'uint8');
    // 5.1 / 255 = 0.02: 1 / 0.02 = 50 steps to 0, 75 to 0.5.
    expect(levelsOf(tensor)).toEqual([0, 50, 75, 255]);
    const packing = tensor.packed?.packing;
    expect(packing).toMatchObject({ dtype: 'uint8' });
    if (packing?.dtype !== 'uint8') throw new Error('not uint8');
    // float32 makes 4.1 of 4.099999904.
    expect(packing.scale).toBeCloseTo(0.02, 8);
    expect(packing.min).toBeCloseTo(-1, 6);
    const values = [...tensor.values()].map(Number);
    expect(values).toEqual(levelsOf(tensor).map((level) => Math.fround(level * packing.scale + packing.min)));
  });

  test('uint16: 65,536 levels', () => {
    const tensor = packed([0, 1, 65535], 'uint16');
    expect(levelsOf(tensor)).toEqual([0, 1, 65535]);
    expect(tensor.packed?.packing).toMatchObject({ dtype: 'uint16', scale: 1 });
    expect([...tensor.values()]).toEqual([0, 1, 65535]);
  });

  test('float16: the nearest half float, ties to even', () => {
    const tensor = packed([1, 1 + 2 ** -11, 1 + 3 * 2 ** -11, -65504, 2 ** -24], 'float16');
    expect(tensor.packed?.packing).toEqual({ dtype: 'float16' });
    expect([...tensor.values()]).toEqual([1, 1, 1 + 2 ** -9, -65504, 2 ** -24]);
    expect(levelsOf(tensor)).toEqual([0x3c00, 0x3c00, 0x3c02, 0xfbff, 1]);
  });

  test.each(['uint8', 'uint16'] as const)('%s: the values of fakeQuantize', (dtype) => {
    const model = buildModel([
      input('x', [8, 8, 5]),
      layer('Conv2D', 'conv', { filters: 7, kernel_size: 3 }),
    ]);
    const conv = model.layer('conv');
    const tensor = packedWeight(conv, 'kernel', conv.requireWeight('kernel'), dtype);
    const expected = fakeQuantize(model, parseQuantizer(`tfjs-${dtype}`)).layer('conv');
    expect(tensor.values()).toEqual(expected.requireWeight('kernel').values());
  });

  test('one that is scaled is not packed any more', () => {
    const tensor = packed([-1, 0, 0.5, 4.1], 'uint8');
    expect(tensor.scaled('rows', [2, 2, 2, 2]).packed).toBeUndefined();
  });

  test.each<[number, PackedDType, RegExp]>([
    [Number.NaN, 'uint8', /^dense: kernel: .*NaN/],
    [Number.POSITIVE_INFINITY, 'uint16', /^dense: kernel: .*Infinity/],
    [Number.NaN, 'float16', /^dense: kernel: a weight is NaN; only finite ones are packed/],
    [
      65520,
      'float16',
      /^dense: kernel: the weight 65520 is no half float, which end at 65504; choose uint16/,
    ],
    [-1e9, 'float16', /the weight -1000000000 is no half float/],
  ])('%d as %s is refused', (value, dtype, message) => {
    const attempt = (): Tensor => packed([1, value, 2], dtype);
    expect(attempt).toThrow(InvalidModelError);
    expect(attempt).toThrow(message);
  });

  test('whole numbers are refused', () => {
    const dense = denseOf([1, 2]);
    const whole = Tensor.of('int32', [2, 1], Int32Array.of(1, 2));
    expect(() => packedWeight(dense, 'kernel', whole, 'uint8')).toThrow(/int32; only floats are packed/);
  });
});
