import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/json/value.ts';
import {
  channelCount,
  channelRange,
  constantResponse,
  kernelNames,
  scaleKernel,
  weightFault,
} from '../../src/model/channels.ts';
import type { Layer } from '../../src/model/layer.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { buildModel, type GivenWeights, input, layer } from '../support/model-builder.ts';

function oneLayer(className: string, config: JsonObject, weights: GivenWeights, shape: number[]): Layer {
  const model = buildModel([input('x', shape), layer(className, 'layer', config, { weights })]);
  return model.layer('layer');
}

/** What each kind of layer must make of its channels; every number is worked out by hand. */
interface Expected {
  readonly make: () => Layer;
  readonly outputRange: readonly number[];
  readonly inputRange: readonly number[];
  /** For an input of 1, 10, 100, … */
  readonly response: readonly number[];
  /** All kernels, one behind the other, after multiplying output channels by 2, 3, 5, … */
  readonly outputScaled: readonly number[];
  /** The same for input channels. */
  readonly inputScaled: readonly number[];
}

const CASES: Record<string, Expected> = {
  // Two positions; [2 in, 2 out].
  Conv1D: {
    make: () =>
      oneLayer('Conv1D', { filters: 2, kernel_size: 2 }, { kernel: [1, -2, 3, 4, -5, 6, 7, 8] }, [8, 2]),
    outputRange: [7, 8],
    inputRange: [6, 8],
    response: [1 - 5 + 10 * (3 + 7), -2 + 6 + 10 * (4 + 8)],
    outputScaled: [2, -6, 6, 12, -10, 18, 14, 24],
    inputScaled: [2, -4, 9, 12, -10, 12, 21, 24],
  },
  'Conv2D in two groups': {
    // [1, 1, 1 in of each group, 4 out]: outputs 0 and 1 read input 0, outputs 2 and 3 read input 1.
    make: () =>
      oneLayer('Conv2D', { filters: 4, kernel_size: 1, groups: 2 }, { kernel: [1, -2, 3, -4] }, [1, 1, 2]),
    outputRange: [1, 2, 3, 4],
    inputRange: [2, 4],
    response: [1, -2, 30, -40],
    outputScaled: [2, -6, 15, -28],
    inputScaled: [2, -4, 9, -12],
  },
  'Conv2D in two groups of two inputs': {
    // [1, 1, 2, 2]: output 0 reads inputs 0 and 1, output 1 reads inputs 2 and 3.
    make: () =>
      oneLayer('Conv2D', { filters: 2, kernel_size: 1, groups: 2 }, { kernel: [1, 2, 3, 4] }, [1, 1, 4]),
    outputRange: [3, 4],
    inputRange: [1, 3, 2, 4],
    response: [1 + 30, 200 + 4000],
    outputScaled: [2, 6, 6, 12],
    inputScaled: [2, 10, 9, 28],
  },
  Conv3D: {
    make: () =>
      oneLayer('Conv3D', { filters: 1, kernel_size: [2, 1, 1] }, { kernel: [1, 2, -3, 4] }, [2, 1, 1, 2]),
    outputRange: [4],
    inputRange: [3, 4],
    response: [1 - 3 + 10 * (2 + 4)],
    outputScaled: [2, 4, -6, 8],
    inputScaled: [2, 6, -6, 12],
  },
  // [1, 1, 2 out, 3 in]: the other way round.
  Conv2DTranspose: {
    make: () =>
      oneLayer('Conv2DTranspose', { filters: 2, kernel_size: 1 }, { kernel: [1, 2, 3, 4, -5, 6] }, [1, 1, 3]),
    outputRange: [3, 6],
    inputRange: [4, 5, 6],
    response: [321, 4 - 50 + 600],
    outputScaled: [2, 4, 6, 12, -15, 18],
    inputScaled: [2, 6, 15, 8, -15, 30],
  },
  'DepthwiseConv2D with a multiplier of 2': {
    // [2, 1, 2 in, 2]: outputs are in * 2 + m.
    make: () =>
      oneLayer(
        'DepthwiseConv2D',
        { kernel_size: [2, 1], depth_multiplier: 2 },
        { depthwiseKernel: [1, 2, 3, 4, -5, 6, 7, -8] },
        [4, 1, 2],
      ),
    outputRange: [5, 6, 7, 8],
    inputRange: [6, 8],
    response: [1 - 5, 2 + 6, 10 * (3 + 7), 10 * (4 - 8)],
    outputScaled: [2, 6, 15, 28, -10, 18, 35, -56],
    inputScaled: [2, 4, 9, 12, -10, 12, 21, -24],
  },
  SeparableConv2D: {
    // Depthwise [1, 1, 2, 2], pointwise [1, 1, 4, 1].
    make: () =>
      oneLayer(
        'SeparableConv2D',
        { filters: 1, kernel_size: 1, depth_multiplier: 2 },
        { depthwiseKernel: [1, 2, 3, -4], pointwiseKernel: [5, 6, 7, 8] },
        [1, 1, 2],
      ),
    outputRange: [8],
    inputRange: [2, 4],
    response: [1 * 5 + 2 * 6 + 10 * (3 * 7 - 4 * 8)],
    outputScaled: [1, 2, 3, -4, 10, 12, 14, 16],
    inputScaled: [2, 4, 9, -12, 5, 6, 7, 8],
  },
  Dense: {
    make: () => oneLayer('Dense', { units: 2 }, { kernel: [1, -2, 3, 4, 5, -6] }, [3]),
    outputRange: [5, 6],
    inputRange: [2, 4, 6],
    response: [1 + 30 + 500, -2 + 40 - 600],
    outputScaled: [2, -6, 6, 12, 10, -18],
    inputScaled: [2, -4, 9, 12, 25, -30],
  },
};
const PRIMES = [2, 3, 5, 7];

function kernels(one: Layer): number[] {
  return kernelNames(one).flatMap((name) => [...one.requireWeight(name).toFloat64()]);
}

describe.each(Object.entries(CASES))('%s', (_, expected) => {
  it('counts and measures its channels', () => {
    const one = expected.make();
    expect(channelCount(one, 'output')).toBe(expected.outputRange.length);
    expect(channelCount(one, 'input')).toBe(expected.inputRange.length);
    expect([...channelRange(one, 'output')]).toEqual(expected.outputRange);
    expect([...channelRange(one, 'input')]).toEqual(expected.inputRange);
  });

  it('knows what a constant input makes of its outputs', () => {
    const one = expected.make();
    expect([...constantResponse(one, [1, 10, 100, 1000])]).toEqual(expected.response);
  });

  it.each(['output', 'input'] as const)('scales its %s channels, and nothing else', (side) => {
    const one = expected.make();
    const bias = one.weight('bias');
    scaleKernel(one, side, PRIMES.slice(0, channelCount(one, side)));
    expect(kernels(one)).toEqual(side === 'output' ? expected.outputScaled : expected.inputScaled);
    expect(one.weight('bias')).toBe(bias);
  });

  it('refuses another number of factors', () => {
    const one = expected.make();
    const before = kernels(one);
    expect(() => scaleKernel(one, 'input', [1, 2, 3, 4, 5])).toThrow(RangeError);
    expect(kernels(one)).toEqual(before);
  });
});

describe('weightFault', () => {
  const make = (weights: GivenWeights): Layer =>
    oneLayer(
      'Conv2D',
      { filters: 2, kernel_size: 1 },
      { kernel: [1, 2, 3, 4], bias: [0, 0], ...weights },
      [1, 1, 2],
    );

  it('names the weight and the channel', () => {
    expect(weightFault(make({}))).toBeUndefined();
    expect(weightFault(make({ kernel: [1, 2, 3, NaN] }))).toEqual({
      kind: 'non-finite',
      where: 'kernel, output channel 1',
    });
    expect(weightFault(make({ kernel: [-Infinity, 2, 3, 4] }))).toEqual({
      kind: 'non-finite',
      where: 'kernel, output channel 0',
    });
    expect(weightFault(make({ bias: [0, NaN] }))).toEqual({ kind: 'non-finite', where: 'bias, channel 1' });
  });

  it('looks into both kernels of a separable convolution', () => {
    const separable = CASES['SeparableConv2D']?.make() as Layer;
    expect(weightFault(separable)).toBeUndefined();
    separable.setWeight('depthwiseKernel', Tensor.fromNumbers('float32', [1, 1, 2, 2], [1, 2, NaN, 4]));
    expect(weightFault(separable)).toEqual({
      kind: 'non-finite',
      where: 'depthwiseKernel, output channel 2',
    });
  });
});

describe('layers without a kernel', () => {
  it('are refused by name', () => {
    const relu = oneLayer('ReLU', {}, {}, [4]);
    expect(() => channelCount(relu, 'output')).toThrow(new TypeError('layer (ReLU) has no kernel'));
  });
});
