import { describe, expect, it } from 'vitest';
import { biasBeforeNegation } from '../../../src/equalization/caps/negated-layer.ts';
import type { JsonValue } from '../../../src/json/value.ts';
import { buildGraph } from '../../../src/model/graph.ts';
import { buildModel, input, type LayerSpec, layer } from '../../support/model-builder.ts';

/** The bias of `a`, which is [1, 2], as it was before a cap. */
function biasBefore(activation: JsonValue, ...behind: LayerSpec[]): number[] {
  const config = { units: 2, activation };
  const weights = { kernel: [1, 0, 0, 1], bias: [1, 2] };
  const model = buildModel([input('x', [2]), layer('Dense', 'a', config, { weights }), ...behind]);
  return [...biasBeforeNegation(buildGraph(model), model.layer('a'))];
}

/** `c - x`. */
const negation = (name: string, shifts: readonly number[], kwargs = {}): LayerSpec =>
  layer(
    'BatchNormalization',
    name,
    { epsilon: 0 },
    { weights: { gamma: [-1, -1], beta: shifts, movingMean: [0, 0], movingVariance: [1, 1] }, kwargs },
  );
const relu = (name: string, config = {}): LayerSpec => layer('ReLU', name, config);

describe('biasBeforeNegation', () => {
  it('is what the shifts of the cap leave', () => {
    const cap = negation('cap', [10, 20]);
    expect(biasBefore('relu', cap, relu('outer'))).toEqual([9, 18]);
    expect(biasBefore('relu', cap, relu('outer', { negative_slope: 0.1 }))).toEqual([9, 18]);
    // Behind it a cap that has the layer of its inner ReLU to itself.
    const whole = [negation('negate', [3, 3]), relu('inner'), negation('next', [3, 3]), relu('last')];
    expect(biasBefore('relu', cap, relu('outer'), ...whole)).toEqual([9, 18]);
    expect(biasBefore('relu', cap, relu('leaky', { negative_slope: 0.1 }), ...whole.slice(2))).toEqual([
      9, 18,
    ]);
  });

  it.each<[string, JsonValue, LayerSpec[]]>([
    ['of a layer that computes no plain ReLU', 'linear', [negation('cap', [10, 20]), relu('outer')]],
    [
      'of a layer that computes a LeakyReLU',
      { class_name: 'LeakyReLU', config: { name: 'leaky', alpha: 0.1 } },
      [negation('cap', [10, 20]), relu('outer')],
    ],
    [
      'in front of a whole cap',
      'relu',
      [negation('negate', [3, 3]), relu('inner'), negation('cap', [3, 3]), relu('outer')],
    ],
    [
      'where no ReLU follows',
      'relu',
      [negation('cap', [10, 20]), layer('Dense', 'b', { units: 2, activation: 'relu' })],
    ],
    ['where the ReLU has a threshold', 'relu', [negation('cap', [10, 20]), relu('outer', { threshold: 1 })]],
    [
      'where the batch norm takes other statistics',
      'relu',
      [negation('cap', [10, 20], { training: true }), relu('outer')],
    ],
  ])('is the present one %s', (_, activation, behind) => {
    expect(biasBefore(activation, ...behind)).toEqual([1, 2]);
  });
});
