import { expect, test } from 'vitest';
import {
  checkWeightQuantizer,
  parseQuantizer,
  QUANTIZER_PRESETS,
  type WeightQuantizer,
} from '../../src/quantization/quantizer.ts';

test('presets are found by name, and hold to the rules', () => {
  for (const [name, quantizer] of Object.entries(QUANTIZER_PRESETS)) {
    expect(parseQuantizer(name)).toBe(quantizer);
    expect(() => checkWeightQuantizer(quantizer)).not.toThrow();
  }
});

test('another name is answered with those there are', () => {
  const names = 'tfjs-uint8, tfjs-uint16, int8-per-tensor, int8-per-tensor-symmetric, int8-per-channel';
  expect(() => parseQuantizer('int4')).toThrow(
    new RangeError(`there is no quantizer int4; there are ${names}`),
  );
  expect(() => parseQuantizer('toString')).toThrow(RangeError);
});

test('descriptions that contradict themselves are refused', () => {
  const good: WeightQuantizer = { bits: 8, symmetric: true, perChannel: true, rounding: 'half-even' };
  const bad: Partial<Record<keyof WeightQuantizer, unknown>>[] = [
    { bits: 1 },
    { bits: 17 },
    { bits: 7.5 },
    { bits: undefined },
    { rounding: 'up' },
    { scheme: 'float' },
    { scheme: 'tfjs' },
    { symmetric: false, strict: true },
  ];
  expect(() => checkWeightQuantizer(good)).not.toThrow();
  for (const change of bad) {
    expect(() => checkWeightQuantizer({ ...good, ...change } as WeightQuantizer)).toThrow(RangeError);
  }
});
