import { describe, expect, it } from 'vitest';
import { ClsSetInfo, ClsSetLayerPairInfo } from '../../src/primitives/cls-set-info.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';

const model = buildModel([
  input('x', [4, 4, 2]),
  layer('Conv2D', 'one', { filters: 2, kernel_size: 1 }),
  layer('DepthwiseConv2D', 'two', { kernel_size: 1 }),
  layer('Conv2D', 'three', { filters: 2, kernel_size: 1 }),
]);
const [one, two, three] = [model.layer('one'), model.layer('two'), model.layer('three')];

describe('ClsSetLayerPairInfo', () => {
  const pair = new ClsSetLayerPairInfo(one, two, [1, 2], true);

  it('equals one with the same layers, factors and flag', () => {
    expect(pair.equals(pair)).toBe(true);
    expect(pair.equals(new ClsSetLayerPairInfo(one, two, Float64Array.of(1, 2), true))).toBe(true);
  });

  it('differs by any of them', () => {
    expect(pair.equals(new ClsSetLayerPairInfo(one, three, [1, 2], true))).toBe(false);
    expect(pair.equals(new ClsSetLayerPairInfo(two, two, [1, 2], true))).toBe(false);
    expect(pair.equals(new ClsSetLayerPairInfo(one, two, [1, 3], true))).toBe(false);
    expect(pair.equals(new ClsSetLayerPairInfo(one, two, [1], true))).toBe(false);
    expect(pair.equals(new ClsSetLayerPairInfo(one, two, [1, 2], false))).toBe(false);
  });

  it('tells layers apart by identity: those of a clone are others', () => {
    const copy = model.clone();
    const other = new ClsSetLayerPairInfo(copy.layer('one'), copy.layer('two'), [1, 2], true);
    expect(pair.equals(other)).toBe(false);
  });

  it('keeps factors of its own', () => {
    const factors = [1, 2];
    const info = new ClsSetLayerPairInfo(one, two, factors, true);
    factors[0] = 7;
    expect([...info.scaleFactor]).toEqual([1, 2]);
  });
});

describe('ClsSetInfo', () => {
  const first = new ClsSetLayerPairInfo(one, two, [1, 2], true);
  const second = new ClsSetLayerPairInfo(two, three, [3, 4], false);

  it('holds one pair, or the two of a triple', () => {
    expect(new ClsSetInfo(first).clsPairInfoList).toEqual([first]);
    expect(new ClsSetInfo(first, second).clsPairInfoList).toEqual([first, second]);
  });

  it('equals one with equal pairs in the same order', () => {
    const triple = new ClsSetInfo(first, second);
    const again = new ClsSetInfo(
      new ClsSetLayerPairInfo(one, two, [1, 2], true),
      new ClsSetLayerPairInfo(two, three, [3, 4], false),
    );
    expect(triple.equals(again)).toBe(true);
    expect(triple.equals(new ClsSetInfo(second, first))).toBe(false);
    expect(triple.equals(new ClsSetInfo(first))).toBe(false);
    expect(new ClsSetInfo(first).equals(triple)).toBe(false);
  });
});
