import { describe, expect, test } from 'vitest';
import type { Model } from '../../../src/model/model.ts';
import { packedWeight } from '../../../src/quantization/packing/packed-dtypes.ts';
import type { DType } from '../../../src/tensor/dtype.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { defaultTolerances, isWithin } from '../../../src/verification/comparing/tolerances.ts';
import { buildModel, input, layer } from '../../support/model-builder.ts';

/** Two Dense layers with weights of those types. */
function model(first: DType, second: DType): Model {
  const made = buildModel([
    input('x', [2]),
    layer('Dense', 'first', { units: 2, use_bias: false }),
    layer('Dense', 'second', { units: 2, use_bias: false }),
  ]);
  for (const [name, dtype] of Object.entries({ first, second })) {
    made.layer(name).setWeight('kernel', Tensor.fromNumbers(dtype, [2, 2], [1, 2, 3, 4]));
  }
  return made;
}

function scaled(original: Model, ...names: string[]): Model {
  const copy = original.clone();
  for (const name of names) {
    copy.layer(name).setWeight('kernel', copy.layer(name).requireWeight('kernel').scaled('columns', [2, 1]));
  }
  return copy;
}

describe('defaultTolerances', () => {
  test.each<[string, Model, string[], number, string]>([
    ['float32', model('float32', 'float32'), ['first'], 1e-4, 'float32'],
    ['float64', model('float64', 'float64'), ['first'], 1e-4, 'float32'],
    ['float16 edited', model('float16', 'float32'), ['first'], 1e-1, 'float16'],
    ['float16 that stays', model('float16', 'float32'), ['second'], 1e-4, 'float32'],
    ['the coarser of two', model('float16', 'bfloat16'), ['first', 'second'], 3e-1, 'bfloat16'],
    ['the one that is edited of two', model('float16', 'bfloat16'), ['first'], 1e-1, 'float16'],
  ])('%s', (_, original, edited, rtol, weights) => {
    expect(defaultTolerances(original, scaled(original, ...edited))).toEqual({ rtol, atol: 1e-7, weights });
  });

  test.each(['uint16', 'float16'] as const)('packed as %s for TF.js', (dtype) => {
    const original = model('float32', 'float32');
    const packed = original.clone();
    const first = packed.layer('first');
    first.setWeight('kernel', packedWeight(first, 'kernel', first.requireWeight('kernel'), dtype));
    expect(defaultTolerances(packed, packed).weights).toBe('float32');
    expect(defaultTolerances(scaled(original, 'first'), packed)).toMatchObject({
      rtol: 1e-1,
      weights: dtype,
    });
  });

  test('two readings of the same weights are no edit', () => {
    expect(defaultTolerances(model('float16', 'float16'), model('float16', 'float16')).weights).toBe(
      'float32',
    );
  });

  test('a layer that the original lacks is an edit', () => {
    const other = buildModel([input('x', [2]), layer('Dense', 'new', { units: 2, use_bias: false })]);
    other.layer('new').setWeight('kernel', Tensor.fromNumbers('float16', [2, 2], [1, 2, 3, 4]));
    expect(defaultTolerances(model('float32', 'float32'), other).weights).toBe('float16');
  });
});

test('isWithin takes the bound itself, and no infinite difference', () => {
  expect(isWithin({ maxAbsolute: 0.75, largest: 2 }, { rtol: 0.25, atol: 0.25 })).toBe(true);
  expect(isWithin({ maxAbsolute: 0.751, largest: 2 }, { rtol: 0.25, atol: 0.25 })).toBe(false);
  expect(isWithin({ maxAbsolute: Infinity, largest: 2 }, { rtol: 0.25, atol: 0.25 })).toBe(false);
});
