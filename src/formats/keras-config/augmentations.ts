/**
 * Layers that change images at random in training and do nothing in inference, in Keras 2 and 3.
 *
 * Not among them: RandomCrop, which gives images another size in inference as well (Keras 3 does so by its word and not
 * in fact), and AutoContrast, Equalization and Solarization, which take no chances.
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
