import { describe, expect, it } from 'vitest';
import {
  bfloat16ToNumber,
  float16ToNumber,
  numberToBfloat16,
  numberToFloat16,
} from '../../src/tensor/half.ts';

describe('float16', () => {
  it.each([
    [0x0000, 0],
    [0x3c00, 1],
    [0xc000, -2],
    [0x3555, 0.333251953125],
    [0x7bff, 65504],
    [0x0400, 2 ** -14],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x7c00, Infinity],
    [0xfc00, -Infinity],
  ])('%i is %d, both ways', (bits, value) => {
    expect(float16ToNumber(bits)).toBe(value);
    expect(numberToFloat16(value)).toBe(bits);
  });

  it('keeps NaN and the sign of zero', () => {
    expect(float16ToNumber(0x7e01)).toBeNaN();
    expect(numberToFloat16(NaN)).toBe(0x7e00);
    expect(float16ToNumber(0x8000)).toBe(-0);
    expect(numberToFloat16(-0)).toBe(0x8000);
  });

  it('rounds to nearest, ties to even', () => {
    // Between 2048 and 4096 the step is 2.
    expect(float16ToNumber(numberToFloat16(2049))).toBe(2048);
    expect(float16ToNumber(numberToFloat16(2051))).toBe(2052);
    expect(float16ToNumber(numberToFloat16(2049.0001))).toBe(2050);
    // A fraction of all ones rounds up into the next power of two.
    expect(float16ToNumber(numberToFloat16(4095.5))).toBe(4096);
    expect(float16ToNumber(numberToFloat16(1.5 * 2 ** -24))).toBe(2 * 2 ** -24);
    expect(float16ToNumber(numberToFloat16(0.5 * 2 ** -24))).toBe(0);
  });

  it('becomes infinite from half a step past the largest on', () => {
    expect(float16ToNumber(numberToFloat16(65519.9))).toBe(65504);
    expect(float16ToNumber(numberToFloat16(65520))).toBe(Infinity);
    expect(float16ToNumber(numberToFloat16(-1e30))).toBe(-Infinity);
  });

  it('survives the way there and back for all bit patterns that are numbers', () => {
    const changed: number[] = [];
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = float16ToNumber(bits);
      if (!Number.isNaN(value) && numberToFloat16(value) !== bits) changed.push(bits);
    }
    expect(changed).toEqual([]);
  });
});

describe('bfloat16', () => {
  it.each([
    [0x3f80, 1],
    [0xc040, -3],
    [0x4049, 3.140625],
    [0x7f80, Infinity],
    [0x0001, 2 ** -133],
  ])('%i is %d, both ways', (bits, value) => {
    expect(bfloat16ToNumber(bits)).toBe(value);
    expect(numberToBfloat16(value)).toBe(bits);
  });

  it('rounds to nearest, ties to even', () => {
    // Between 256 and 512 the step is 2.
    expect(bfloat16ToNumber(numberToBfloat16(257))).toBe(256);
    expect(bfloat16ToNumber(numberToBfloat16(259))).toBe(260);
    expect(bfloat16ToNumber(numberToBfloat16(257.5))).toBe(258);
  });

  it('keeps NaN', () => {
    expect(bfloat16ToNumber(numberToBfloat16(NaN))).toBeNaN();
  });
});
