import { describe, expect, it } from 'vitest';
import { correctBias } from '../../../src/equalization/biases/bias-correction.ts';
import { activationMoments } from '../../../src/equalization/moments/activation-moments.ts';
import {
  cancellingQuantizer,
  quantizeKernels,
} from '../../../src/equalization/rounding/cancelling-quantizer.ts';
import { kernelNames } from '../../../src/model/channels.ts';
import type { Model } from '../../../src/model/model.ts';
import { isWeighted } from '../../../src/model/operation.ts';
import { fakeQuantize } from '../../../src/quantization/fake-quantize.ts';
import { QUANTIZER_PRESETS, type WeightQuantizer } from '../../../src/quantization/quantizer.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { compareOutputs } from '../../../src/verification/comparing/compare-outputs.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { buildModel, input, layer } from '../../support/model-builder.ts';
import { randomInputs } from '../../support/run-model.ts';

const PRESETS = Object.entries(QUANTIZER_PRESETS).filter(([name]) => name !== 'tfjs-uint16');

function manyKinds(): Model {
  return buildModel([
    input('in', [8, 8, 4]),
    layer('Conv2D', 'conv', { filters: 6, kernel_size: [3, 3] }),
    layer('BatchNormalization', 'bn'),
    layer('Conv2D', 'grouped', { filters: 8, kernel_size: [3, 3], groups: 2, padding: 'same' }),
    layer('DepthwiseConv2D', 'depthwise', { kernel_size: [3, 3], depth_multiplier: 2, padding: 'same' }),
    layer('Conv2DTranspose', 'transpose', { filters: 5, kernel_size: [2, 2], strides: [2, 2] }),
    layer('SeparableConv2D', 'separable', { filters: 6, kernel_size: [3, 3], depth_multiplier: 2 }),
    layer('Dense', 'dense', { units: 3 }),
  ]);
}

function cancelled(original: Model, quantizer: WeightQuantizer): Model {
  const model = original.clone();
  quantizeKernels(model, cancellingQuantizer(model, quantizer, activationMoments(model)));
  return model;
}

describe('cancellingQuantizer', () => {
  it('rounds the kernels of a copy, as measured corrections ask for them, as those of the model', () => {
    const model = manyKinds();
    const moments = activationMoments(model, { inputs: randomInputs(model) });
    const quantizer = QUANTIZER_PRESETS['tfjs-uint8'];
    const rounded = (asked: Model): number[][] => {
      const quantize = cancellingQuantizer(model, quantizer, moments);
      return [...asked.allLayers()].flatMap(({ layer: one }) =>
        isWeighted(one.operation) ? kernelNames(one).map((name) => [...quantize(one, name).toFloat64()]) : [],
      );
    };
    expect(rounded(model.clone())).toEqual(rounded(model));
  });

  it.each(PRESETS)('%s: every weight is within a step of itself, and on the same grid', (_, quantizer) => {
    const original = manyKinds();
    const model = cancelled(original, quantizer);
    const nearest = fakeQuantize(original, quantizer);
    const again = fakeQuantize(model, quantizer);
    let moved = 0;
    for (const { layer: one, path } of original.allLayers()) {
      if (!isWeighted(one.operation)) continue;
      for (const name of kernelNames(one)) {
        const weights = one.requireWeight(name).toFloat64();
        const made = model.layer(path).requireWeight(name).toFloat64();
        const repeated = again.layer(path).requireWeight(name).toFloat64();
        const expected = nearest.layer(path).requireWeight(name).toFloat64();
        const largest = weights.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
        // Up to two ranges of 2^8 steps, and float32.
        const step = (2 * largest) / 254 + 1e-6 * largest;
        for (const [at, weight] of weights.entries()) {
          expect(Math.abs((made[at] ?? NaN) - weight)).toBeLessThanOrEqual(step);
          expect(Math.abs((repeated[at] ?? NaN) - (made[at] ?? NaN))).toBeLessThan(1e-6 * largest);
          if (Math.abs((made[at] ?? NaN) - (expected[at] ?? NaN)) > step / 4) moved++;
        }
      }
    }
    expect(moved).toBeGreaterThan(20);
  });

  it('halves the error of a depthwise convolution over a smooth picture', async () => {
    const model = buildModel([
      input('in', [12, 12, 8]),
      layer('DepthwiseConv2D', 'kernel', { kernel_size: [5, 5], use_bias: false }),
    ]);
    const quantizer: WeightQuantizer = { ...QUANTIZER_PRESETS['int8-per-channel'], bits: 4 };
    const runner = await TfjsRunner.create({ backend: 'cpu' });
    const [sample] = randomInputs(model);
    if (!sample) throw new Error('no input');
    // The same at all positions of a sample and channel, as far as a smooth picture is.
    const values = sample.toFloat64();
    const smooth = Float32Array.from(
      values,
      (_, at) => values[Math.floor(at / (144 * 8)) * 144 * 8 + (at % 8)] ?? 0,
    );
    const picture = Tensor.of('float32', sample.shape, smooth);
    const error = async (one: Model): Promise<number> => {
      const [expected] = await runner.run(model, [picture]);
      const [actual] = await runner.run(one, [picture]);
      if (!expected || !actual) throw new Error('no output');
      return compareOutputs(expected, actual).maxAbsolute;
    };
    expect(await error(cancelled(model, quantizer))).toBeLessThan(
      0.5 * (await error(fakeQuantize(model, quantizer))),
    );
  });

  it('is what a bias is corrected for', () => {
    const quantizer = QUANTIZER_PRESETS['int8-per-tensor'];
    const model = buildModel([
      input('in', [4]),
      layer('Dense', 'first', { units: 6 }),
      layer('BatchNormalization', 'bn'),
      layer('Dense', 'second', { units: 3 }),
    ]);
    const original = model.clone();
    const moments = activationMoments(model);
    const kernelOf = cancellingQuantizer(model, quantizer, moments);
    correctBias(model, kernelOf, moments);
    quantizeKernels(model, kernelOf);
    const mean = model.layer('bn').requireWeight('beta').toFloat64();
    const meanOut = (one: Model): number[] => {
      const kernel = one.layer('second').requireWeight('kernel').toFloat64();
      const bias = one.layer('second').requireWeight('bias').toFloat64();
      return Array.from(bias, (value, column) =>
        mean.reduce((sum, x, row) => sum + x * (kernel[row * 3 + column] ?? NaN), value),
      );
    };
    const expected = meanOut(original);
    for (const [column, value] of meanOut(model).entries())
      expect(value).toBeCloseTo(expected[column] ?? NaN, 5);
  });
});
