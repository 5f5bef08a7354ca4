import { describe, expect, it } from 'vitest';
import { describeSkip, type SkipCode, type SkipReason } from '../../src/primitives/skip-reason.ts';

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
  region: { code: 'region', layers, before: 'x, an input of the model', behind: 'y (Lambda)' },
  'training-mode': { code: 'training-mode', layers },
  'several-inputs': { code: 'several-inputs', layers, inputs: 2 },
  'unknown-rank': { code: 'unknown-rank', layers, axis: '1' },
  'data-format': { code: 'data-format', layers },
  overflow: { code: 'overflow', layers, dtype: 'float16' },
  'not-float': { code: 'not-float', layers, where: 'a/kernel', dtype: 'int8' },
  'no-batch-norm': { code: 'no-batch-norm', layers },
  'no-bias': { code: 'no-bias', layers, without: 'second' },
  'changes-function': { code: 'changes-function', layers, maxRelative: 0.25 },
};

describe('describeSkip', () => {
  it.each(Object.values(REASONS))('has a sentence for $code with all that decided it', (reason) => {
    const sentence = describeSkip(reason);
    expect(sentence).toContain('outer/first');
    const { code: _, layers: __, ...values } = reason;
    for (const value of Object.values(values).flat()) expect(sentence).toContain(String(value));
    expect(sentence).not.toMatch(/undefined|\[object/);
  });

  it('has a sentence of its own for each code', () => {
    const sentences = Object.values(REASONS).map(describeSkip);
    expect(new Set(sentences).size).toBe(sentences.length);
  });
});
