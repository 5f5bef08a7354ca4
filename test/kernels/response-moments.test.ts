import { describe, expect, it } from 'vitest';
import { type KernelPieces, responseMoments } from '../../src/kernels/response-moments.ts';
import { inputIndex, outputIndex } from '../../src/model/channels.ts';
import type { Model } from '../../src/model/model.ts';
import type { FloatValues } from '../../src/tensor/dtype.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';

const list = (...values: number[]): Float64Array => Float64Array.from(values);

/** The moments behind the kernel of layer `it`, in pieces of that many values. */
function behind(
  model: Model,
  inputs: { readonly shares: Float64Array; readonly mean: Float64Array; readonly variance: Float64Array },
  { alike = 0.5, piece = 1 } = {},
): { mean: number[]; variance: number[] } {
  const owner = model.layer('it');
  const name = owner.weight('kernel') ? 'kernel' : 'depthwiseKernel';
  const kernel = owner.requireWeight(name);
  const indices = { input: inputIndex(owner), output: outputIndex(owner, name) };
  const pieces = kernel.blocks(piece) as KernelPieces;
  const { mean, variance } = responseMoments(kernel, pieces, indices, inputs, alike);
  return { mean: [...mean], variance: [...variance] };
}

describe('responseMoments', () => {
  it('has sums and sums of squares where a kernel has one position', () => {
    const model = buildModel([
      input('x', [2]),
      layer('Dense', 'it', { units: 2 }, { weights: { kernel: [1, 2, 3, 4] } }),
    ]);
    const made = behind(model, { shares: list(1), mean: list(1, 10), variance: list(1, 4) });
    expect(made).toEqual({ mean: [31, 42], variance: [1 + 4 * 9, 4 + 4 * 16] });
  });

  it('takes positions for alike by a part, each by the share of outputs that see it', () => {
    const model = buildModel([
      input('x', [4, 1]),
      layer('Conv1D', 'it', { filters: 1, kernel_size: 2 }, { weights: { kernel: [3, 1] } }),
    ]);
    const inputs = { shares: list(0.5, 1), mean: list(2), variance: list(4) };
    // Sums: 0.5 * 3 + 1; sums of squares: 0.5 * 9 + 1.
    const some = [4 * (0.5 * 2.5 ** 2 + 0.5 * 5.5)];
    expect(behind(model, inputs)).toEqual({
      mean: [5],
      variance: some.map((one) => expect.closeTo(one, 12)),
    });
    expect(behind(model, inputs, { piece: 2 }).variance[0]).toBeCloseTo(some[0] ?? NaN, 12);
    expect(behind(model, inputs, { alike: 1 }).variance[0]).toBeCloseTo(4 * 2.5 ** 2, 12);
    expect(behind(model, inputs, { alike: 0 }).variance[0]).toBeCloseTo(4 * 5.5, 12);
  });

  it('keeps the channels of a depthwise kernel apart', () => {
    const model = buildModel([
      input('x', [1, 2, 2]),
      layer(
        'DepthwiseConv2D',
        'it',
        { kernel_size: [1, 2], depth_multiplier: 1 },
        { weights: { depthwiseKernel: [1, 10, 2, -10] } },
      ),
    ]);
    const inputs = { shares: list(1, 1), mean: list(1, 1), variance: list(1, 1) };
    expect(behind(model, inputs, { alike: 1 })).toEqual({ mean: [3, 0], variance: [9, 0] });
  });

  it('passes a NaN on to its own channel alone', () => {
    const model = buildModel([
      input('x', [1]),
      layer('Dense', 'it', { units: 2 }, { weights: { kernel: [1, 2] } }),
    ]);
    const kernel = model.layer('it').requireWeight('kernel');
    const pieces = [{ start: 0, values: Float64Array.of(NaN, 2) as FloatValues }];
    const indices = {
      input: inputIndex(model.layer('it')),
      output: outputIndex(model.layer('it'), 'kernel'),
    };
    const { mean } = responseMoments(
      kernel,
      pieces,
      indices,
      { shares: list(1), mean: list(1), variance: list(1) },
      1,
    );
    expect([...mean]).toEqual([NaN, 2]);
  });
});
