import { expect, test } from 'vitest';
import {
  addNoisePower,
  fakeQuantizeCodes,
  fakeQuantizeInteger,
  fakeQuantizeTfjs,
  subtractInPlace,
  tfjsLevels,
} from '../../src/kernels/quantize.ts';

const GRIDS = {
  scale: Float64Array.of(0.5, 2),
  lowest: Float64Array.of(-2, 0),
  highest: Float64Array.of(1, 3),
};

function quantized(values: readonly number[], start: number, inner: number): number[] {
  const target = new Float32Array(values.length);
  fakeQuantizeInteger(Float32Array.from(values), start, { channels: 2, inner }, GRIDS, 'half-away', target);
  return [...target];
}

test('each channel goes on its own grid and is clamped to its ends', () => {
  // Channel 0: -1, -0.5, 0, 0.5. Channel 1: 0, 2, 4, 6.
  expect(quantized([0.3, 3, -7, 9, 0.25, 0.9], 0, 1)).toEqual([0.5, 4, -1, 6, 0.5, 0]);
  expect(quantized([0.3, -0.3, 3, 5.1, 7, -7], 0, 2)).toEqual([0.5, -0.5, 4, 6, 0.5, -1]);
});

test('values may start within a channel', () => {
  expect(quantized([3, 0.3], 1, 1)).toEqual([4, 0.5]);
  expect(quantized([-0.3, 3, 5.1, 7], 1, 2)).toEqual([-0.5, 4, 6, 0.5]);
});

test('zeros have no sign, infinite values go to the ends, a NaN stays', () => {
  expect(quantized([-0.1, -0, Infinity, Infinity, -Infinity, -Infinity, NaN, NaN], 0, 1)).toEqual([
    0,
    0,
    0.5,
    6,
    -1,
    0,
    NaN,
    NaN,
  ]);
});

test('the target may be the values', () => {
  const values = Float32Array.of(0.3, 3);
  fakeQuantizeInteger(values, 0, { channels: 2, inner: 1 }, GRIDS, 'half-away', values);
  expect([...values]).toEqual([0.5, 4]);
});

test('levels of TF.js: clipped, counted from the minimum, ties to even', () => {
  const grid = { scale: 0.5, min: -1, max: 1, steps: 4 };
  const values = Float32Array.of(-9, -1, -0.75, -0.25, 0, 0.3, 1, 9, NaN);
  const levels = new Uint8Array(values.length);
  tfjsLevels(values, grid, levels);
  expect([...levels]).toEqual([0, 0, 0, 2, 2, 3, 4, 4, 0]);
  const dequantized = new Float32Array(values.length);
  fakeQuantizeTfjs(values, grid, dequantized);
  expect([...dequantized]).toEqual([-1, -1, -1, 0, 0, 0.5, 1, 1, -1]);
});

test('the power of signal and noise adds up', () => {
  const power = { signal: 1, noise: 2 };
  addNoisePower(Float32Array.of(1, -2), Float32Array.of(1.5, -2), power);
  expect(power).toEqual({ signal: 6, noise: 2.25 });
});

test('what quantizing changed is the difference, exactly', () => {
  const quantized = Float32Array.of(0.5, 0, -1);
  subtractInPlace(quantized, Float32Array.of(0.3, -0.1, -1));
  expect([...quantized]).toEqual([0.5 - Math.fround(0.3), Math.fround(0.1), 0]);
});

test('ties go where the rounding says', () => {
  const grid = { scale: Float64Array.of(1), lowest: Float64Array.of(-9), highest: Float64Array.of(9) };
  const values = Float64Array.of(0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 0.49999999999999994);
  const rounded = (rounding: 'half-even' | 'half-away'): number[] => {
    const target = new Float64Array(values.length);
    fakeQuantizeInteger(values, 0, { channels: 1, inner: values.length }, grid, rounding, target);
    return [...target];
  };
  expect(rounded('half-even')).toEqual([0, 0, 2, -2, 2, -2, 0]);
  expect(rounded('half-away')).toEqual([1, -1, 2, -2, 3, -3, 0]);
});

const CODES = { scale: 0.5, zeroPoint: -100, rounding: true, clipping: true, areMeans: false };

function onCodes(values: readonly number[], steps: Partial<typeof CODES> = {}): number[] {
  const target = new Float32Array(values.length);
  fakeQuantizeCodes(Float32Array.from(values), { ...CODES, ...steps }, target);
  return [...target];
}

test('codes from -128 to 127 around a zero point', () => {
  // The ends are (-128 + 100) / 2 and (127 + 100) / 2; ties go away from zero.
  expect(onCodes([0, -0, 0.2, 0.25, -0.25, 1.3, -99, 999])).toEqual([0, 0, 0, 0.5, -0.5, 1.5, -14, 113.5]);
  expect(onCodes([Infinity, -Infinity, NaN])).toEqual([113.5, -14, NaN]);
  expect(onCodes([])).toEqual([]);
});

test('codes are rounded alone, or clamped alone', () => {
  expect(onCodes([1.3, -99, 999.3], { clipping: false })).toEqual([1.5, -99, 999.5]);
  expect(onCodes([1.25, -99, 999], { rounding: false })).toEqual([1.25, -14, 113.5]);
  const copied = [1.25, -99, 999];
  expect(onCodes(copied, { rounding: false, clipping: false })).toEqual(copied);
});

test('means of codes have their ties away from the code 0', () => {
  // 0.25 is the code -99.5, 50.25 the code 0.5; float32 may miss a tie.
  expect(onCodes([0.25, 0.24999, 0.2, 50.25, 50.24999], { areMeans: true })).toEqual([0, 0, 0, 50.5, 50.5]);
  expect(onCodes([0.2501, -0.25, -0.24], { areMeans: true })).toEqual([0, -0.5, 0]);
});
