import { describe, expect, test } from 'vitest';
import { buildGraph, tensorKey } from '../../../src/model/graph.ts';
import type { Model } from '../../../src/model/model.ts';
import { separateOperands } from '../../../src/quantization/integer/concatenated-grids.ts';
import { integerForm } from '../../../src/quantization/integer/integer-form.ts';
import type { TensorRange } from '../../../src/quantization/integer/range-grid.ts';
import { buildModel, input, type LayerSpec, layer, nested } from '../../support/model-builder.ts';

const CONV = { filters: 4, kernel_size: 1 };
const conv = (name: string, from: string): LayerSpec => layer('Conv2D', name, CONV, { from: [from] });
const join = (name: string, ...from: string[]): LayerSpec => layer('Concatenate', name, {}, { from });

/** What stands before concatenations once the tensors have these upper ends, 0 the lower ones. */
function separated(model: Model, ends: Readonly<Record<string, number>>): Record<string, string> {
  const form = integerForm(model);
  const ranges = new Map<string, TensorRange>();
  for (const { outputs } of buildGraph(form).calls) {
    for (const tensor of outputs) {
      const max = ends[tensor.producer?.layer.name ?? ''];
      if (max !== undefined) ranges.set(tensorKey(tensor), { min: 0, max });
    }
  }
  const [start] = form.inputs;
  ranges.set(tensorKey(buildGraph(form).inputs[0]!), {
    min: 0,
    max: ends[start?.producer?.layer.name ?? ''] ?? 1,
  });
  const all = separateOperands(form, ranges);
  const found: Record<string, string> = {};
  for (const { layer: one, inputs, outputs } of buildGraph(form).calls) {
    if (!one.name.includes('_rescaled')) continue;
    found[one.name] = `${inputs[0]?.producer?.layer.name} ${all.get(tensorKey(outputs[0]!))?.max}`;
  }
  return found;
}

describe('an operand much narrower than the joint range is kept apart', () => {
  const two = (...others: readonly LayerSpec[]): Model =>
    buildModel([input('x', [5, 5, 4]), conv('a', 'x'), conv('b', 'x'), join('both', 'a', 'b'), ...others], {
      outputs: ['both', ...others.slice(-1).map(({ name }) => name)],
    });

  test('where others read it', () => {
    expect(separated(two(conv('other', 'a')), { a: 1, b: 2.1, other: 1 })).toEqual({ a_rescaled: 'a 1' });
  });

  test('and not from half of it on', () => {
    expect(separated(two(conv('other', 'a')), { a: 1, b: 2, other: 1 })).toEqual({});
  });

  test('and not where it goes nowhere else, because it is then rounded once', () => {
    expect(separated(two(), { a: 1, b: 100 })).toEqual({});
  });

  test('and not what it only shares its grid with, through a pooling', () => {
    const pooled = buildModel([
      input('x', [5, 5, 4]),
      conv('a', 'x'),
      conv('b', 'x'),
      layer('MaxPooling2D', 'pool', { pool_size: 1 }, { from: ['a'] }),
      join('both', 'pool', 'b'),
    ]);
    expect(separated(pooled, { a: 1, b: 100 })).toEqual({});
  });

  test('an output of the model counts as read', () => {
    const model = buildModel(
      [input('x', [5, 5, 4]), conv('a', 'x'), conv('b', 'x'), join('both', 'a', 'b')],
      { outputs: ['both', 'a'] },
    );
    expect(separated(model, { a: 1, b: 100 })).toEqual({ a_rescaled: 'a 1' });
  });

  test('the input of the model too, and twice where it stands there twice', () => {
    const model = buildModel([input('x', [5, 5, 4]), conv('a', 'x'), join('all', 'x', 'a', 'x')]);
    expect(separated(model, { x: 1, a: 100 })).toEqual({ x_rescaled: 'x 1', x_rescaled_1: 'x 1' });
  });

  test('concatenations one behind the other are gone through in their order', () => {
    const block = buildModel([
      input('x', [5, 5, 4]),
      conv('a', 'x'),
      join('one', 'x', 'a'),
      conv('b', 'one'),
      join('two', 'one', 'b'),
      conv('c', 'two'),
      join('three', 'two', 'c'),
    ]);
    // The first two are alike and share a grid, of which the third makes a twentieth.
    expect(separated(block, { x: 1, a: 1.5, b: 2, c: 40 })).toEqual({ two_rescaled: 'two 2' });
  });

  test('in a nested model that is called twice', () => {
    const inner = [
      input('y', [5, 5, 4]),
      conv('a', 'y'),
      conv('b', 'y'),
      join('both', 'a', 'b'),
      conv('c', 'a'),
    ];
    const model = buildModel([
      input('x', [5, 5, 4]),
      nested('inner', [...inner, join('all', 'both', 'c')], { calls: [['x'], ['x']] }),
      layer('Add', 'sum', {}, { from: ['inner:0', 'inner:1'] }),
    ]);
    expect(separated(model, { a: 1, b: 100, c: 90, sum: 100 })).toEqual({ a_rescaled: 'a 1' });
  });
});
