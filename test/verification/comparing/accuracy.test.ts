import { describe, expect, it } from 'vitest';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { accuracyOf } from '../../../src/verification/comparing/accuracy.ts';
import type { ModelRun } from '../../../src/verification/comparing/model-run.ts';

type Source = ModelRun['sources'][number];

function run(
  shape: readonly number[],
  values: readonly number[],
  source: Source = { kind: 'output' },
): ModelRun {
  const output = Tensor.fromNumbers('float32', shape, values);
  return { names: ['out'], outputs: [output], scores: [output], sources: [source], faultyWeight: undefined };
}

describe('accuracyOf', () => {
  it('counts samples whose largest class is the label', () => {
    const found = accuracyOf(run([3, 3], [1, 2, 0, 5, 5, 0, 0, 0, 1]), Int32Array.of(1, 1, 2));
    // Of equal ones the first counts.
    expect(found).toEqual({ output: 'out', accuracy: 2 / 3 });
  });

  it('takes a sigmoid of one column at 0.5', () => {
    const sigmoid = run([4, 1], [0.2, 0.5, 0.9, 0.4], { kind: 'sigmoid' });
    expect(accuracyOf(sigmoid, Int32Array.of(0, 1, 1, 1))?.accuracy).toBe(0.75);
  });

  it('takes no NaN for right', () => {
    const broken = run([2, 2], [Number.NaN, Number.NaN, 0, 1]);
    expect(accuracyOf(broken, Int32Array.of(0, 1))?.accuracy).toBe(0.5);
  });

  it('goes by the first output that looks like classes', () => {
    const picture = run([2, 2, 2], [0, 0, 0, 0, 0, 0, 0, 0]);
    expect(accuracyOf(picture, Int32Array.of(0, 0))).toBeNull();
    const classes = run([2, 2], [0, 1, 1, 0]);
    const both: ModelRun = {
      names: ['picture', 'classes'],
      outputs: [...picture.outputs, ...classes.outputs],
      scores: [...picture.scores, ...classes.scores],
      sources: [...picture.sources, ...classes.sources],
      faultyWeight: undefined,
    };
    expect(accuracyOf(both, Int32Array.of(1, 0))).toEqual({ output: 'classes', accuracy: 1 });
  });

  it('refuses another number of labels', () => {
    const one = Int32Array.of(1);
    expect(() => accuracyOf(run([2, 2], [0, 1, 1, 0]), one)).toThrow(RangeError);
    expect(() => accuracyOf(run([2, 2], [0, 1, 1, 0]), one, 'y.npy')).toThrow(/^y\.npy: 1 labels for 2/);
  });

  it('refuses a label past the classes, and names its file', () => {
    const past = Int32Array.of(1, 2);
    expect(() => accuracyOf(run([2, 2], [0, 1, 1, 0]), past, 'y.npy')).toThrow(
      /^y\.npy: the label of sample 1 is 2, but out has the classes 0 to 1; count them from 0$/,
    );
  });
});
