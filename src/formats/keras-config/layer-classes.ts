/**
 * Layer classes of Keras by name.
 *
 * @module
 */

/** Former and alternative names of Keras' layer classes, and classes that do the same in inference. */
const FORMER_CLASSES: ReadonlyMap<string, string> = new Map([
  ['BatchNormalizationV1', 'BatchNormalization'],
  ['BatchNormalizationV2', 'BatchNormalization'],
  ['SyncBatchNormalization', 'BatchNormalization'],
  ['Convolution1D', 'Conv1D'],
  ['Convolution2D', 'Conv2D'],
  ['Convolution3D', 'Conv3D'],
  ['Convolution1DTranspose', 'Conv1DTranspose'],
  ['Convolution2DTranspose', 'Conv2DTranspose'],
  ['Convolution3DTranspose', 'Conv3DTranspose'],
  ['SeparableConvolution1D', 'SeparableConv1D'],
  ['SeparableConvolution2D', 'SeparableConv2D'],
  ['UnifiedLSTM', 'LSTM'],
  ['UnifiedGRU', 'GRU'],
]);

/** The name that a class goes by now. */
export function presentClassName(className: string): string {
  return FORMER_CLASSES.get(className) ?? className;
}

/**
 * Layers that change images at random in training and do nothing in inference, in Keras 2 and 3.
 *
 * Not among them: RandomCrop, whose output has another size in inference too (in some versions of Keras 3 by its word
 * alone), and AutoContrast, Equalization and Solarization, which are not random.
 */
export const AUGMENTATIONS: ReadonlySet<string> = new Set([
  'AugMix',
  'CutMix',
  'MixUp',
  'RandAugment',
  'RandomBrightness',
  'RandomColorDegeneration',
  'RandomColorJitter',
  'RandomContrast',
  'RandomElasticTransform',
  'RandomErasing',
  'RandomFlip',
  'RandomGaussianBlur',
  'RandomGrayscale',
  'RandomHeight',
  'RandomHue',
  'RandomInvert',
  'RandomPerspective',
  'RandomPosterization',
  'RandomRotation',
  'RandomSaturation',
  'RandomSharpness',
  'RandomShear',
  'RandomTranslation',
  'RandomWidth',
  'RandomZoom',
]);
