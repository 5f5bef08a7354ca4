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
