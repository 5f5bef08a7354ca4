import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { correctBias } from '../../../src/equalization/biases/bias-correction.ts';
import { correctBiasWithInputs } from '../../../src/equalization/biases/measured-correction.ts';
import { activationMoments } from '../../../src/equalization/moments/activation-moments.ts';
import { measureMoments } from '../../../src/equalization/moments/measured-moments.ts';
import type { Model } from '../../../src/model/model.ts';
import { isWeighted } from '../../../src/model/operation.ts';
import { describeSkip } from '../../../src/model/skip-reason.ts';
import { fakeQuantize } from '../../../src/quantization/fake-quantize.ts';
import type { WeightQuantizer } from '../../../src/quantization/quantizer.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { buildModel, input, type LayerSpec, layer, nested } from '../../support/model-builder.ts';
import { seededRandom } from '../../support/random.ts';

/** So few bits that the means are far off. */
const QUANTIZER: WeightQuantizer = { bits: 3, symmetric: false, perChannel: false, rounding: 'half-away' };

let runner: TfjsRunner;
beforeAll(async () => {
  runner = await TfjsRunner.create({ backend: 'cpu' });
});

/** Means that are not zero, as behind a ReLU. */
function positiveInput(shape: readonly number[], samples = 16, seed = 3): Tensor {
  const random = seededRandom(seed);
  const channels = shape.at(-1) ?? 1;
  const size = shape.reduce((product, one) => product * one, samples);
  const values = Float32Array.from({ length: size }, (_, index) =>
    Math.max(0, (index % channels) + random.normal()),
  );
  return Tensor.of('float32', [samples, ...shape], values);
}

/** Pictures of one value a channel, another in each sample. */
function flatPictures([height, width, channels]: readonly [number, number, number], samples = 4): Tensor {
  const random = seededRandom(8);
  const values = new Float32Array(samples * height * width * channels);
  for (let sample = 0; sample < samples; sample++) {
    for (let channel = 0; channel < channels; channel++) {
      const value = 1 + random.normal();
      for (let at = 0; at < height * width; at++) {
        values[(sample * height * width + at) * channels + channel] = value;
      }
    }
  }
  return Tensor.of('float32', [samples, height, width, channels], values);
}

/** The largest difference of the mean outputs of the layers named, over the largest mean. */
async function meanError(
  model: Model,
  quantized: Model,
  inputs: readonly Tensor[],
  names: readonly string[],
): Promise<number> {
  const [wanted, found] = [
    await measureMoments(model, runner, inputs),
    await measureMoments(quantized, runner, inputs),
  ];
  let [worst, largest] = [0, 0];
  for (const name of names) {
    const means = found.ofLayer(name)?.mean;
    for (const [channel, mean] of (wanted.ofLayer(name)?.mean ?? []).entries()) {
      const error = Math.abs((means?.[channel] ?? NaN) - mean);
      worst = Number.isNaN(error) ? Infinity : Math.max(worst, error);
      largest = Math.max(largest, Math.abs(mean));
    }
  }
  return worst / largest;
}

const LAYERS: readonly (readonly [string, LayerSpec[]])[] = [
  ['Conv2D, same', [layer('Conv2D', 'last', { filters: 3, kernel_size: 3, padding: 'same' })]],
  [
    'Conv2D, strides and no bias',
    [
      layer('Conv2D', 'last', {
        filters: 3,
        kernel_size: 4,
        padding: 'same',
        strides: 2,
        use_bias: false,
      }),
    ],
  ],
  [
    'ZeroPadding2D in front',
    [
      layer('ZeroPadding2D', 'pad', {
        padding: [
          [0, 1],
          [2, 0],
        ],
      }),
      layer('Conv2D', 'last', { filters: 3, kernel_size: 3, strides: 2 }),
    ],
  ],
  ['grouped', [layer('Conv2D', 'last', { filters: 4, kernel_size: 3, groups: 2, padding: 'same' })]],
  [
    'depthwise with a multiplier',
    [layer('DepthwiseConv2D', 'last', { kernel_size: 3, depth_multiplier: 2, padding: 'same' })],
  ],
  ['separable', [layer('SeparableConv2D', 'last', { filters: 3, kernel_size: 3, padding: 'same' })]],
  [
    'transposed',
    [layer('Conv2DTranspose', 'last', { filters: 3, kernel_size: 3, strides: 2, padding: 'same' })],
  ],
  ['Dense on positions', [layer('Dense', 'last', { units: 3 })]],
  ['Flatten and Dense', [layer('Flatten', 'flat'), layer('Dense', 'last', { units: 3 })]],
];

describe('correctBias', () => {
  it.each(LAYERS)(
    'is exact for a layer whose inputs have the same mean everywhere: %s',
    async (_, layers) => {
      const model = buildModel([input('x', [6, 5, 4]), ...layers]);
      const inputs = [flatPictures([6, 5, 4])];
      const corrected = model.clone();
      const record = correctBias(corrected, QUANTIZER, activationMoments(corrected, { inputs }));
      expect(record.left).toEqual([]);
      expect(record.corrected).toMatchObject([{ layer: 'last', ignoresBorders: false }]);
      const plain = await meanError(model, fakeQuantize(model, QUANTIZER), inputs, ['last']);
      const after = await meanError(model, fakeQuantize(corrected, QUANTIZER), inputs, ['last']);
      expect(plain).toBeGreaterThan(0.01);
      // Sums of some tens of products in float32, and a bias that is rounded to it.
      expect(after).toBeLessThan(1e-5);
      expect(corrected.layer('last').requireWeight('bias').dtype).toBe('float32');
    },
  );

  it('brings the mean outputs of whole networks nearer without running them', async () => {
    let [before, after] = [0, 0];
    for (let seed = 1; seed <= 6; seed++) {
      const model = buildModel(
        [
          input('x', [8, 8, 3]),
          layer('Conv2D', 'a', { filters: 8, kernel_size: 3, padding: 'same' }),
          layer('ReLU', 'relu_a'),
          layer('DepthwiseConv2D', 'b', { kernel_size: 3, padding: 'same', activation: 'relu6' }),
          layer('Conv2D', 'c', { filters: 8, kernel_size: 1 }),
          layer('Add', 'add', {}, { from: ['relu_a', 'c'] }),
          layer('LeakyReLU', 'leaky'),
          layer('GlobalAveragePooling2D', 'pool'),
          layer('Dense', 'dense', { units: 5 }),
        ],
        { seed },
      );
      const inputs = [positiveInput([8, 8, 3], 16, seed)];
      const corrected = model.clone();
      correctBias(corrected, QUANTIZER, activationMoments(corrected, { inputs }));
      before += await meanError(model, fakeQuantize(model, QUANTIZER), inputs, ['dense']);
      after += await meanError(model, fakeQuantize(corrected, QUANTIZER), inputs, ['dense']);
    }
    // 3 bits move values by so much that ReLUs, which the means see nothing of, leave a part.
    expect(after).toBeLessThan(before / 3);
  });

  it('keeps statistics, takes quantizers of the caller, and says what it did', () => {
    const model = buildModel([
      input('x', [2]),
      layer('Dense', 'dense', { units: 2, use_bias: false }, { weights: { kernel: [1, 2, 3, 4] } }),
    ]);
    const dense = model.layer('dense');
    const statistics = { mean: Float64Array.of(1, 2), variance: Float64Array.of(3, 4) };
    dense.statistics = statistics;
    const inputs = [Tensor.fromNumbers('float32', [2, 2], [10, 100, 30, 300])];
    const moments = activationMoments(model, { inputs });
    // Each weight becomes 1 less: the mean output falls by 20 + 200.
    const less = (_: unknown, name: 'kernel'): Tensor =>
      Tensor.fromNumbers(
        'float32',
        [2, 2],
        dense
          .requireWeight(name)
          .toFloat64()
          .map((w) => w - 1),
      );
    const { corrected } = correctBias(model, less as never, moments);
    expect(corrected).toEqual([
      {
        layer: 'dense',
        shift: Float64Array.of(220, 220),
        batchNorms: [],
        largestShift: 220,
        isNew: true,
        ignoresBorders: false,
      },
    ]);
    expect([...dense.requireWeight('bias').toFloat64()]).toEqual([220, 220]);
    expect(dense.statistics).toBe(statistics);
  });

  it('corrects beta of the batch norm behind a layer without a bias', () => {
    const model = buildModel([
      input('x', [2]),
      layer('Dense', 'dense', { units: 2, use_bias: false }, { weights: { kernel: [1, 2, 3, 4] } }),
      layer(
        'BatchNormalization',
        'bn',
        { epsilon: 0.5, center: false },
        { weights: { gamma: [3, -5], movingMean: [1, 1], movingVariance: [3.5, 24.5] } },
      ),
    ]);
    const inputs = [Tensor.fromNumbers('float32', [2, 2], [10, 100, 30, 300])];
    const moments = activationMoments(model, { inputs });
    const less = (): Tensor => Tensor.fromNumbers('float32', [2, 2], [0, 1, 2, 3]);
    const { corrected } = correctBias(model, less, moments);
    // The mean output of the Dense falls by 20 + 200, and the batch norm multiplies it by 3 / 2 and -5 / 5.
    expect(corrected).toEqual([
      {
        layer: 'dense',
        shift: Float64Array.of(220, 220),
        batchNorms: ['bn'],
        largestShift: 220,
        isNew: false,
        ignoresBorders: false,
      },
    ]);
    expect(model.layer('dense').weight('bias')).toBeUndefined();
    expect([...model.layer('bn').requireWeight('beta').toFloat64()]).toEqual([330, -220]);
    expect(model.layer('bn').operation).toMatchObject({ center: true });
  });

  it('corrects a shared layer for the average of its calls', () => {
    const model = buildModel([
      input('x', [1]),
      input('y', [1]),
      layer('Dense', 'dense', { units: 1 }, { calls: [['x'], ['y']], weights: { kernel: [2], bias: [7] } }),
      layer('Add', 'add', {}, { from: ['dense', 'dense:1'] }),
    ]);
    const inputs = [10, 30].map((value) => Tensor.fromNumbers('float32', [1, 1], [value]));
    const zero = (): Tensor => Tensor.fromNumbers('float32', [1, 1], [0]);
    correctBias(model, zero, activationMoments(model, { inputs }));
    // Without its kernel the layer lacks 2 * 10 in one call and 2 * 30 in the other.
    expect([...model.layer('dense').requireWeight('bias').toFloat64()]).toEqual([47]);
  });

  it('leaves layers alone whose inputs or weights nobody can tell, and says why', () => {
    const model = buildModel([
      input('x', [2]),
      layer('Dense', 'first', { units: 2, activation: 'softmax' }),
      layer('Dense', 'second', { units: 2 }),
      layer('Dense', 'third', { units: 1 }, { weights: { kernel: [1, NaN] } }),
    ]);
    const { corrected, left } = correctBias(model, QUANTIZER, activationMoments(model));
    expect(corrected).toEqual([]);
    expect(left.map(describeSkip)).toEqual([
      'the bias of first is not corrected: nothing tells the means of what it reads, from x on',
      'the bias of second is not corrected: nothing tells the means of what it reads, from x on',
      'the bias of third is not corrected: NaN or Inf in third/kernel, output channel 0',
    ]);
    const inputs = [Tensor.fromNumbers('float32', [1, 2], [1, 2])];
    expect(correctBias(model, QUANTIZER, activationMoments(model, { inputs })).left).toMatchObject([
      { code: 'unknown-input', layers: ['second'], end: 'first' },
      { code: 'non-finite', layers: ['third'] },
    ]);
    expect(() => correctBias(model, { ...QUANTIZER, bits: 1 }, activationMoments(model))).toThrow(RangeError);
  });

  it('says where sizes are unknown, so that borders are left out', () => {
    const model = buildModel([
      input('x', [null, null, 2]),
      layer('Conv2D', 'conv', { filters: 2, kernel_size: 3, padding: 'same' }),
    ]);
    const inputs = [positiveInput([4, 4, 2])];
    const { corrected } = correctBias(model, QUANTIZER, activationMoments(model, { inputs }));
    expect(corrected).toMatchObject([{ layer: 'conv', ignoresBorders: true }]);
  });
});

describe('correctBiasWithInputs', () => {
  const block = fc.constantFrom(
    'Conv2D',
    'DepthwiseConv2D',
    'SeparableConv2D',
    'ReLU',
    'ReLU6',
    'shortcut',
    'nested',
    'BatchNormalization',
  );

  it('gives every layer of any network the mean output that it has in float', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(block, { minLength: 1, maxLength: 6 }),
        fc.nat(1000),
        async (blocks, seed) => {
          const model = buildModel(networkOf(blocks), { seed });
          const inputs = [positiveInput([6, 6, 2], 8, seed)];
          const corrected = model.clone();
          const record = await correctBiasWithInputs(corrected, QUANTIZER, { runner, inputs });
          expect(record.left).toEqual([]);
          const names = [...model.allLayers()]
            .filter(({ layer: { operation } }) => isWeighted(operation))
            .map(({ path }) => path);
          expect(record.corrected.map(({ layer: path }) => path).sort()).toEqual(names.sort());
          // Values in float32 go through ten layers; a mean that is off shows in parts of a hundred.
          expect(await meanError(model, fakeQuantize(corrected, QUANTIZER), inputs, names)).toBeLessThan(
            1e-5,
          );
        },
      ),
      { seed: 17, numRuns: 25 },
    );
  });

  it('sees outputs before fused activations, and a softmax at the end does not matter', async () => {
    const model = buildModel([
      input('x', [6, 6, 2]),
      layer('Conv2D', 'conv', { filters: 4, kernel_size: 3, activation: 'relu6' }),
      layer('Flatten', 'flat'),
      layer('Dense', 'dense', { units: 3, activation: 'swish' }),
      layer('Dense', 'scores', { units: 3, activation: 'softmax' }),
    ]);
    const split = buildModel([
      input('x', [6, 6, 2]),
      layer('Conv2D', 'conv', { filters: 4, kernel_size: 3 }),
      layer('ReLU', 'relu', { max_value: 6 }),
      layer('Flatten', 'flat'),
      layer('Dense', 'dense', { units: 3 }),
      layer('Activation', 'act', { activation: 'swish' }),
      layer('Dense', 'scores', { units: 3 }),
      layer('Softmax', 'softmax'),
    ]);
    for (const path of ['conv', 'dense', 'scores'])
      split.layer(path).weights = new Map(model.layer(path).weights);
    const inputs = [positiveInput([6, 6, 2])];
    const fused = model.clone();
    const [one, other] = [
      await correctBiasWithInputs(fused, QUANTIZER, { runner, inputs }),
      await correctBiasWithInputs(split, QUANTIZER, { runner, inputs }),
    ];
    expect(one.left).toEqual([]);
    expect(one.corrected.map(({ layer: path }) => path)).toEqual(['conv', 'dense', 'scores']);
    for (const [index, { shift }] of one.corrected.entries()) {
      // The same but for swish, which TF.js computes in float32.
      for (const [channel, value] of shift.entries()) {
        expect(other.corrected[index]!.shift[channel]).toBeCloseTo(value, 4);
      }
    }
    expect(fused.layer('scores').operation).toEqual(model.layer('scores').operation);
  });

  it.each([
    ['a LeakyReLU', { class_name: 'LeakyReLU', config: { alpha: 0.1 } }],
    ['a ReLU6', { class_name: 'ReLU', config: { max_value: 6 } }],
  ])('sees outputs before %s that is fused as a layer', async (_, activation) => {
    const model = buildModel([
      input('x', [6, 6, 2]),
      layer('Conv2D', 'conv', { filters: 4, kernel_size: 3, activation }),
      layer('Conv2D', 'last', { filters: 3, kernel_size: 1 }),
    ]);
    const inputs = [positiveInput([6, 6, 2])];
    const corrected = model.clone();
    const record = await correctBiasWithInputs(corrected, QUANTIZER, { runner, inputs });
    expect(record.left).toEqual([]);
    expect(record.corrected.map(({ layer: path }) => path)).toEqual(['conv', 'last']);
    const quantized = fakeQuantize(corrected, QUANTIZER);
    expect(await meanError(model, quantized, inputs, ['last'])).toBeLessThan(1e-5);
  });

  it('says which output it cannot see', async () => {
    const model = buildModel([
      input('x', [2]),
      layer('Dense', 'first', { units: 2, activation: 'softmax' }),
      layer('Dense', 'second', { units: 2 }),
    ]);
    const inputs = [positiveInput([2])];
    const { corrected, left } = await correctBiasWithInputs(model, QUANTIZER, { runner, inputs });
    expect(corrected.map(({ layer: path }) => path)).toEqual(['second']);
    expect(left.map(describeSkip)).toEqual([
      'the bias of first is not corrected: its output cannot be seen before softmax',
    ]);
  });
});

function networkOf(blocks: readonly string[]): LayerSpec[] {
  const specs: LayerSpec[] = [input('x', [6, 6, 2])];
  for (const [index, kind] of blocks.entries()) {
    const name = `${kind.toLowerCase()}_${index}`;
    const before = specs.at(-1)!.name;
    if (kind === 'ReLU6') specs.push(layer('ReLU', name, { max_value: 6 }));
    else if (kind === 'shortcut') {
      specs.push(layer('Conv2D', `${name}_conv`, { filters: 2, kernel_size: 3, padding: 'same' }));
      specs.push(layer('Add', name, {}, { from: [before, `${name}_conv`] }));
    } else if (kind === 'nested') {
      const inner = [
        input('in', [6, 6, 2]),
        layer('Conv2D', 'conv', { filters: 2, kernel_size: 1, use_bias: false }),
      ];
      specs.push(nested(name, inner));
    } else if (kind.includes('Conv')) {
      specs.push(layer(kind, name, { filters: 2, kernel_size: 3, padding: 'same' }));
    } else specs.push(layer(kind, name));
  }
  return [...specs, layer('GlobalMaxPooling2D', 'pool'), layer('Dense', 'last', { units: 3 })];
}
