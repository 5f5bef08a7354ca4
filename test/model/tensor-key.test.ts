import { expect, test } from 'vitest';
import { buildGraph, keyOf, tensorKey } from '../../src/model/graph.ts';
import type { Model } from '../../src/model/model.ts';
import { buildModel, buildSequential, input, layer, nested } from '../support/model-builder.ts';

function keys(model: Model): string[] {
  const graph = buildGraph(model);
  return [...new Set([...graph.inputs, ...graph.calls.flatMap(({ outputs }) => outputs)])].map(tensorKey);
}

test('a tensor is known by its layer, the call and the output, in every copy', () => {
  const model = buildModel([
    input('x', [2]),
    layer('Dense', 'shared', { units: 2 }, { calls: [['x'], ['shared:0']] }),
    nested('inner', [input('y', [2]), layer('Dense', 'dense', { units: 2 })], {
      calls: [['shared:0'], ['shared:1']],
    }),
    layer('Add', 'add', {}, { from: ['inner:0', 'inner:1'] }),
  ]);
  const expected = [
    ...['x#0:0', 'shared#0:0', 'inner/dense#0:0', 'shared#1:0', 'inner/dense#0:0', 'add#0:0'],
  ].sort();
  expect(keys(model).sort()).toEqual(expected);
  expect(keys(model.clone()).sort()).toEqual(expected);
  expect(keyOf('shared', 1, 0)).toBe('shared#1:0');
});

test('the input of a Sequential without InputLayer', () => {
  const model = buildSequential([layer('Dense', 'dense', { units: 2, batch_input_shape: [null, 3] })]);
  expect(keys(model)).toEqual(['#0:0', 'dense#0:0']);
});
