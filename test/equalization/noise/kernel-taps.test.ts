import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kernelResponse } from '../../../src/equalization/noise/kernel-response.ts';
import { kernelTaps } from '../../../src/equalization/noise/kernel-taps.ts';
import { outerTaps } from '../../../src/kernels/tap-response.ts';
import { buildGraph, type GraphCall } from '../../../src/model/graph.ts';
import type { Model } from '../../../src/model/model.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { buildModel, input, type LayerSpec, layer } from '../../support/model-builder.ts';

function callOf(model: Model, name: string): GraphCall {
  const graph = buildGraph(model);
  return graph.callsOf(model.layer(name))[0]!;
}

function sharesOf(layers: readonly LayerSpec[]): number[] {
  const call = callOf(buildModel(layers), layers.at(-1)!.name);
  return [...kernelTaps(call).shares];
}

describe('kernelTaps', () => {
  it('counts the outputs at which a tap lies on the input', () => {
    const conv = (config: object): LayerSpec =>
      layer('Conv1D', 'conv', { filters: 1, kernel_size: 3, ...config });
    expect(sharesOf([input('x', [4, 1]), conv({ padding: 'valid' })])).toEqual([1, 1, 1]);
    expect(sharesOf([input('x', [4, 1]), conv({ padding: 'same' })])).toEqual([3 / 4, 1, 3 / 4]);
    expect(sharesOf([input('x', [4, 1]), conv({ padding: 'causal' })])).toEqual([2 / 4, 3 / 4, 1]);
    // Two outputs, of which the last reaches past the end: TensorFlow pads behind first.
    expect(sharesOf([input('x', [4, 1]), conv({ padding: 'same', strides: 2 })])).toEqual([1, 1, 1 / 2]);
    expect(
      sharesOf([input('x', [4, 1]), layer('ZeroPadding1D', 'pad', { padding: [2, 0] }), conv({})]),
    ).toEqual([2 / 4, 3 / 4, 1]);
  });

  it('adds up padding layers, with what does nothing in between', () => {
    expect(
      sharesOf([
        input('x', [4, 1]),
        layer('ZeroPadding1D', 'one', { padding: [1, 0] }),
        layer('Dropout', 'drop'),
        layer('ZeroPadding1D', 'other', { padding: [1, 2] }),
        layer('Conv1D', 'conv', { filters: 1, kernel_size: 3 }),
      ]),
      // Eight positions, of which the third to the sixth are the input's; six outputs.
    ).toEqual([4 / 6, 4 / 6, 4 / 6]);
    expect(
      sharesOf([
        input('x', [4, 1]),
        layer('ZeroPadding1D', 'one', { padding: [0, 1] }),
        layer('ZeroPadding1D', 'other', { padding: [0, 0] }),
        layer('Conv1D', 'conv', { filters: 1, kernel_size: 3 }),
      ]),
    ).toEqual([1, 1, 2 / 3]);
  });

  it('multiplies the dimensions', () => {
    const config = { filters: 1, kernel_size: 3, padding: 'same' };
    const side = [3 / 4, 1, 3 / 4];
    expect(sharesOf([input('x', [4, 4, 1]), layer('Conv2D', 'conv', config)])).toEqual(
      side.flatMap((one) => side.map((other) => one * other)),
    );
  });

  it('takes images of unknown size to have no borders, and says so', () => {
    const taps = (padding: string, kernel: number): ReturnType<typeof kernelTaps> => {
      const config = { filters: 1, kernel_size: kernel, padding };
      const call = callOf(buildModel([input('x', [null, null, 1]), layer('Conv2D', 'conv', config)]), 'conv');
      return kernelTaps(call);
    };
    expect(taps('same', 3)).toMatchObject({ isExact: false, shares: new Float64Array(9).fill(1) });
    expect(taps('valid', 3).isExact).toBe(true);
    expect(taps('same', 1).isExact).toBe(true);
  });

  it('tells the mean output of any convolution of an image of one value', async () => {
    const runner = await TfjsRunner.create({ backend: 'cpu' });
    const kinds = ['Conv2D', 'DepthwiseConv2D', 'SeparableConv2D', 'Conv2DTranspose'] as const;
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          kind: fc.constantFrom(...kinds),
          size: fc.tuple(fc.integer({ min: 4, max: 8 }), fc.integer({ min: 4, max: 8 })),
          kernel: fc.integer({ min: 1, max: 4 }),
          // Keras takes one of the two.
          step: fc.constantFrom([1, 1], [2, 1], [3, 1], [1, 2]),
          padding: fc.constantFrom('same', 'valid'),
          pads: fc.option(fc.tuple(fc.nat(2), fc.nat(2)), { nil: undefined }),
          seed: fc.nat(1000),
        }),
        async ({ kind, size, kernel, step: [strides = 1, dilation = 1], padding, pads, seed }) => {
          const dilated = kind === 'Conv2DTranspose' || kernel > 2 ? 1 : dilation;
          const layers = [
            input('x', [...size, 2]),
            ...(pads
              ? [layer('ZeroPadding2D', 'pad', { padding: [[...pads], [1, 0]] }), layer('Dropout', 'drop')]
              : []),
            layer(kind, 'conv', {
              ...(kind === 'DepthwiseConv2D' ? { depth_multiplier: 2 } : { filters: 3 }),
              kernel_size: kernel,
              strides,
              dilation_rate: dilated,
              padding,
              use_bias: false,
            }),
          ];
          const model = buildModel(layers, { seed });
          const constants = [2, -3];
          const values = Float32Array.from(
            { length: size[0] * size[1] * 2 },
            (_, index) => constants[index % 2]!,
          );
          const [output] = await runner.run(model, [Tensor.of('float32', [1, ...size, 2], values)]);
          const channels = output!.shape.at(-1)!;
          const means = new Float64Array(channels);
          const all = output!.toFloat64();
          for (const [index, value] of all.entries())
            means[index % channels]! += (value * channels) / all.length;
          const call = callOf(model, 'conv');
          const { shares, isExact } = kernelTaps(call);
          expect(isExact).toBe(true);
          const expected = kernelResponse(call.layer, outerTaps(shares, constants));
          // Sums of some ten products of about 3 in float32.
          for (const [channel, mean] of means.entries()) expect(expected[channel]).toBeCloseTo(mean, 4);
        },
      ),
      { seed: 11, numRuns: 60 },
    );
  });
});
