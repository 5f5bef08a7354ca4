import { expect, test } from 'vitest';
import { QUANTIZER_PRESETS } from '../../src/quantization/quantizer.ts';
import { parseQuantization, QUANTIZATIONS } from '../../src/quantization/weight-quantizations.ts';

test('every preset has a quantization of its name', () => {
  for (const [name, quantizer] of Object.entries(QUANTIZER_PRESETS)) {
    expect(parseQuantization(name).quantizer).toBe(quantizer);
  }
});

test('the converter of TF.js takes all weights, everything else kernels', () => {
  const all = Object.entries(QUANTIZATIONS).filter(([, { weights }]) => weights === 'all');
  expect(all.map(([name]) => name)).toEqual(['tfjs-uint8', 'tfjs-uint16']);
});

test('a name that there is not is refused', () => {
  expect(() => parseQuantization('constructor')).toThrow(RangeError);
});
