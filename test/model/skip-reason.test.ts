import { describe, expect, it } from 'vitest';
import {
  describeSkip,
  type RegionBorder,
  type SkipCode,
  type SkipReason,
} from '../../src/model/skip-reason.ts';

const layers = ['outer/first', 'second'];

/** A reason for each code; the compiler asks for one where a code is new. */
const REASONS: { readonly [Code in SkipCode]: Extract<SkipReason, { code: Code }> } = {
  'no-neighbour': { code: 'no-neighbour', layers, before: 'x (ReLU)', after: 'y' },
  'fused-activation': { code: 'fused-activation', layers, activation: 'tanh' },
  'several-consumers': { code: 'several-consumers', layers, consumers: ['third', 'fourth'] },
  'shared-layer': { code: 'shared-layer', layers, calls: 3 },
  'model-output': { code: 'model-output', layers },
  'wrong-axis': { code: 'wrong-axis', layers, axis: '1 of 4', expected: 'axis 3 of 4' },
  padding: { code: 'padding', layers, padding: 'same' },
  'transposed-convolution': { code: 'transposed-convolution', layers },
  'input-is-output': { code: 'input-is-output', layers },
  'non-finite': { code: 'non-finite', layers, where: 'second/kernel, output channel 3' },
  'quantized-by-keras': { code: 'quantized-by-keras', layers, mode: 'int8' },
  'negative-variance': { code: 'negative-variance', layers, channel: 7, variance: -0.25 },
  'layer-between': { code: 'layer-between', layers, between: 'pool (MaxPooling2D)' },
  'activation-between': {
    code: 'activation-between',
    layers,
    between: 'act (Activation)',
    activation: 'swish',
  },
  'nested-model': { code: 'nested-model', layers, model: 'body' },
  'consecutive-depthwise': { code: 'consecutive-depthwise', layers },
  'no-partner': { code: 'no-partner', layers },
  'layer-kind': { code: 'layer-kind', layers, className: 'Dense' },
  'hard-swish': { code: 'hard-swish', layers, between: 'shift (Rescaling)' },
  region: {
    code: 'region',
    layers,
    before: { code: 'model-input', layer: 'x' },
    behind: { code: 'layer', layer: 'y', className: 'Lambda' },
  },
  'training-mode': { code: 'training-mode', layers },
  'several-inputs': { code: 'several-inputs', layers, inputs: 2 },
  'unknown-rank': { code: 'unknown-rank', layers, axis: '1' },
  'data-format': { code: 'data-format', layers },
  overflow: { code: 'overflow', layers, dtype: 'float16' },
  'not-float': { code: 'not-float', layers, where: 'a/kernel', dtype: 'int8' },
  'no-batch-norm': { code: 'no-batch-norm', layers },
  'no-bias': { code: 'no-bias', layers, without: 'second' },
  'no-smaller-range': {
    code: 'no-smaller-range',
    edit: 'absorb',
    layers,
    before: [0, 8.25],
    after: [-1.5, 8.25],
  },
  'no-batch-norm-behind': { code: 'no-batch-norm-behind', edit: 'carry', layers, behind: 'act' },
  'shared-batch-norm': { code: 'shared-batch-norm', edit: 'carry', layers },
  'unknown-input': { code: 'unknown-input', edit: 'correct', layers, end: 'body/lambda' },
  'unknown-activation': { code: 'unknown-activation', edit: 'correct', layers, activation: 'softmax' },
  'changes-function': { code: 'changes-function', layers, maxRelative: 0.25 },
};

/** Codes that passes share, whose sentence tells which edit was not made. */
const SHARED: readonly SkipReason[] = (
  [
    ['absorb', 'shared-layer', 'activation-between', 'model-output', 'several-consumers', 'layer-between'],
    [
      'absorb',
      'padding',
      'transposed-convolution',
      'non-finite',
      'not-float',
      'no-batch-norm',
      'data-format',
    ],
    ['carry', 'fused-activation', 'several-consumers', 'non-finite', 'not-float', 'negative-variance'],
    ['carry', 'training-mode', 'several-inputs', 'wrong-axis', 'overflow'],
    ['correct', 'non-finite', 'not-float'],
  ] as const
).flatMap(([edit, ...codes]) => codes.map((code) => ({ ...REASONS[code], edit })));

/** The border of a region for each code, and how it stands in a sentence. */
const BORDERS: { readonly [Code in RegionBorder['code']]: readonly [object, string] } = {
  'model-input': [{ layer: 'x' }, 'x, an input of the model'],
  'model-output': [{ layer: 'y' }, "the output of y, which is the model's"],
  activation: [{ layer: 'a', activation: 'tanh' }, 'tanh in a, which a factor changes'],
  layer: [{ layer: 'l', className: 'Lambda' }, 'l (Lambda), through which a factor does not go'],
  weights: [{ layer: 'w', where: 'bias, channel 1' }, 'w, whose bias, channel 1 cannot be scaled'],
  layout: [{ layer: 'f' }, 'f, where channels lie on different axes or their number is not known'],
  'no-gamma': [{ layer: 'bn' }, 'bn, a batch norm without gamma to take the factor'],
  'training-mode': [{ layer: 'bn' }, 'bn, which is called in training mode'],
  'no-other-kernel': [{}, 'no other kernel, but a batch norm that stays'],
};

/** All that is in a reason besides its codes and its layers. */
function valuesIn(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [value];
  return Object.entries(value).flatMap(([key, one]) =>
    ['code', 'edit', 'layers'].includes(key) ? [] : valuesIn(one),
  );
}

describe('describeSkip', () => {
  it.each([...Object.values(REASONS), ...SHARED])(
    'has a sentence for $code ($edit) with all that decided it',
    (reason) => {
      const sentence = describeSkip(reason);
      expect(sentence).toContain('outer/first');
      for (const value of valuesIn(reason)) expect(sentence).toContain(String(value));
      expect(sentence).not.toMatch(/undefined|\[object/);
    },
  );

  it('has a sentence of its own for each code, and for each edit that was not made', () => {
    const sentences = [...Object.values(REASONS), ...SHARED].map(describeSkip);
    // High-bias fold and absorption say the same of a layer without statistics.
    expect(new Set(sentences).size).toBe(sentences.length - 1);
  });

  it.each(Object.entries(BORDERS))('has words for the border %s of a region', (code, [values, words]) => {
    const border = { code, ...values } as RegionBorder;
    expect(describeSkip({ code: 'region', layers: ['a'], before: border, behind: border })).toBe(
      `a is not scaled: before it stands ${words}; behind it, ${words}`,
    );
  });
});
