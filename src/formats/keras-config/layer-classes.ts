/**
 * Layer classes of Keras by name.
 *
 * @module
 */

import { words } from '../../text/names.ts';

/** Former and alternative names of Keras' layer classes, and classes that do the same in inference. */
const FORMER_CLASSES: ReadonlyMap<string, string> = new Map([
  ['BatchNormalizationV1', 'BatchNormalization'],
  ['BatchNormalizationV2', 'BatchNormalization'],
  ['SyncBatchNormalization', 'BatchNormalization'],
  ['UnifiedLSTM', 'LSTM'],
  ['UnifiedGRU', 'GRU'],
]);

const FORMER_CONVOLUTION = /^(|Separable)Convolution([123]D|[123]DTranspose)$/;

/** The name that a class goes by now. */
export function presentClassName(className: string): string {
  return FORMER_CLASSES.get(className) ?? className.replace(FORMER_CONVOLUTION, '$1Conv$2');
}

/**
 * Layers that change images at random in training and do nothing in inference, in Keras 2 and 3.
 *
 * Not among them: RandomCrop, whose output has another size in inference too (in some versions of Keras 3 by its word
 * alone), and AutoContrast, Equalization and Solarization, which are not random.
 */
export const AUGMENTATIONS: ReadonlySet<string> = words(`
  AugMix CutMix MixUp RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast
  RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHeight RandomHue RandomInvert
  RandomPerspective RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation
  RandomWidth RandomZoom
`);
