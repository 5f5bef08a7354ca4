import { describe, expect, it } from 'vitest';
import type { Model } from '../../../src/model/model.ts';
import { closeModel, loadModel } from '../../../src/node.ts';
import { foldAllBatchNorms } from '../../../src/primitives/batch-norm-fold.ts';
import { guessNormalization } from '../../../src/verification/inputs/guess-normalization.ts';
import { inputStatistics } from '../../../src/verification/inputs/input-statistics.ts';
import { modelFamily } from '../../../src/verification/inputs/model-family.ts';
import { modelInputs } from '../../../src/verification/inputs/model-inputs.ts';
import { describeNormalization } from '../../../src/verification/inputs/normalization.ts';
import { buildModel, input, type LayerSpec, layer, nested } from '../../support/model-builder.ts';

/** A convolution without padding of 1 x 1 kernels, and a batch norm that saw inputs of `mean` and `deviation`. */
function trainedOn(mean: number, deviation: number, channels = 3): Model {
  // A filter that adds, one that adds and negates, one that takes differences, which tells nothing, and a dead one.
  const filters = [1, -2, 0, 1e-9];
  const kernel = Array.from({ length: channels }, (_, channel) =>
    filters.map((sum, index) => (index === 2 ? (channel === 0 ? 1 : -1 / (channels - 1)) : sum / channels)),
  ).flat();
  return buildModel([
    input('picture', [8, 8, channels]),
    layer('ZeroPadding2D', 'pad', { padding: 1 }),
    layer(
      'Conv2D',
      'stem',
      { filters: 4, kernel_size: 1, use_bias: true },
      { weights: { kernel, bias: [5, 0, 0, 0] } },
    ),
    layer(
      'BatchNormalization',
      'bn',
      {},
      {
        weights: {
          movingMean: [mean + 5, -2 * mean, 0, 7],
          movingVariance: [deviation ** 2, 4 * deviation ** 2, 3, 1],
        },
      },
    ),
  ]);
}

function withFirst(...layers: LayerSpec[]): Model {
  return buildModel([
    input('picture', [8, 8, 3]),
    ...layers,
    layer('Conv2D', 'stem', { filters: 2, kernel_size: 3 }),
  ]);
}

describe('the statistics of the first batch norm', () => {
  it('give mean and deviation of the input', () => {
    const [picture] = modelInputs(trainedOn(0.4, 0.25));
    const found = picture && inputStatistics(picture.tensor);
    expect(found?.batchNorm).toBe('bn');
    // Weights are float32; the dead filter, which has a mean of its own, weighs 1e-18.
    expect(found?.mean).toBeCloseTo(0.4, 6);
    expect(found?.deviation).toBeCloseTo(0.25, 6);
  });

  it.each([
    // Photographs are about 115 with a deviation of 69.
    ['tf', -0.1, 0.54],
    ['torch', -0.1, 1.2],
    ['caffe', 0, 68],
    ['0..1', 0.45, 0.27],
    ['raw', 115, 69],
    // Dark, as pictures before a black ground are.
    ['tf', -0.55, 0.59],
    ['raw', 99, 68],
  ] as const)('%s from inputs of %d with a deviation of %d', (normalization, mean, deviation) => {
    const guess = guessNormalization(trainedOn(mean, deviation));
    expect(guess.normalization).toBe(normalization);
    expect(guess.reason).toContain('the statistics of bn say');
  });

  it('tell nothing where they are no pictures, or nothing was trained', () => {
    for (const model of [trainedOn(1e6, 1), trainedOn(0.5, 0.001), trainedOn(0, Number.NaN)]) {
      expect(guessNormalization(model).reason).toMatch(/^nothing in the model tells/);
    }
    const fresh = buildModel([
      input('picture', [8, 8, 3]),
      layer('Conv2D', 'stem', { filters: 2, kernel_size: 3 }),
      layer('BatchNormalization', 'bn', {}, { weights: { movingMean: [0, 0], movingVariance: [1, 1] } }),
    ]);
    expect(guessNormalization(fresh).reason).toMatch(/^nothing in the model tells/);
  });
});

describe('the guess', () => {
  it('of the example is what it was trained with, before and after batch norms are folded', async () => {
    const model = await loadModel('examples/fashion-mobilenetv2.keras');
    const guess = guessNormalization(model);
    expect(guess.normalization).toBe('tf');
    expect(guess.reason).toMatch(/statistics of bn_Conv1 .* is of MobileNet, which usually gets the same$/);
    const folded = model.clone();
    foldAllBatchNorms(folded);
    expect(guessNormalization(folded)).toEqual({
      normalization: 'tf',
      reason: 'the name fashion_mobilenetv2 is of MobileNet, which usually gets x/127.5 - 1',
    });
    closeModel(model);
  });

  it.each([
    ['Rescaling', { scale: 1 / 255 }],
    ['Normalization', { mean: 1, variance: 2 }],
    ['TFOpLambda', { function: 'math.truediv' }],
  ])('is raw behind %s', (className, config) => {
    const model = buildModel([
      input('picture', [8, 8, 3]),
      layer('RandomFlip', 'flip'),
      layer(className, 'scaling', config),
    ]);
    expect(guessNormalization(model)).toEqual({
      normalization: 'raw',
      reason: 'the layer scaling scales values inside of the model',
    });
  });

  it.each([
    ['conv2_block1_concat', 'DenseNet', 'torch'],
    ['block35_1_mixed', 'Inception-ResNet', 'tf'],
    ['conv2_block1_preact_bn', 'ResNetV2', 'tf'],
    ['conv2_block1_1_conv', 'ResNet', 'caffe'],
    ['res2a_branch2a', 'ResNet', 'caffe'],
    ['block2_sepconv1', 'Xception', 'tf'],
    ['block5_conv3', 'VGG', 'caffe'],
    ['mixed10', 'Inception', 'tf'],
    ['conv_dw_1', 'MobileNet', 'tf'],
    ['block1a_dwconv', 'EfficientNet', 'torch'],
  ])('of a layer %s is that of %s', (name, family, normalization) => {
    const model = withFirst(nested('inner', [input('in', [8, 8, 3]), layer('ReLU', name)]));
    expect(modelFamily(model)).toEqual({ family, normalization, name });
    expect(guessNormalization(model).normalization).toBe(normalization);
  });

  it('goes by the name of a nested model', () => {
    const model = withFirst(nested('resnet50v2', [input('in', [8, 8, 3]), layer('ReLU', 'a')]));
    expect(modelFamily(model)).toMatchObject({ family: 'ResNetV2', name: 'resnet50v2' });
  });

  it('does not give means of RGB to grey pictures', () => {
    const model = buildModel([
      input('picture', [8, 8, 1]),
      layer('Conv2D', 'block5_conv3', { filters: 2, kernel_size: 1 }),
    ]);
    expect(guessNormalization(model).normalization).toBe('0..1');
  });

  it('says so where it is nothing but a habit, or there is no picture', () => {
    expect(guessNormalization(withFirst()).reason).toContain('nothing in the model tells');
    const table = buildModel([input('row', [5]), layer('Dense', 'dense', { units: 2 })]);
    expect(guessNormalization(table)).toEqual({
      normalization: 'raw',
      reason: 'no input looks like a picture, so values go in as they are',
    });
    expect(describeNormalization('raw')).toBe('0..255 as they are');
  });
});
