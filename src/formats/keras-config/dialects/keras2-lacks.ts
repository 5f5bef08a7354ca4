/**
 * What Keras 3.15 has and Keras 2.15 does not.
 *
 * @module
 */

import { UnsupportedModelError } from '../../../errors.ts';
import { isCustomClass, type Layer } from '../../../model/layer.ts';
import type { Dialect, Model } from '../../../model/model.ts';
import { type Activation, activationOf } from '../../../model/operation.ts';
import { words } from '../../../text/names.ts';

const LAYERS = words(`
  AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D
  AdaptiveMaxPooling3D AugMix AutoContrast ContrastLimitedAdaptiveHistogramEqualization CutMix Equalization FlaxLayer
  GroupQueryAttention JaxLayer MaxNumBoundingBoxes MelSpectrogram MixUp Pipeline RMSNormalization RandAugment
  RandomColorDegeneration RandomColorJitter RandomElasticTransform RandomErasing RandomGaussianBlur RandomGrayscale RandomHue
  RandomInvert RandomPerspective RandomPosterization RandomSaturation RandomSharpness RandomShear ReversibleEmbedding
  STFTSpectrogram Solarization TFSMLayer TorchModuleWrapper
`);

const ACTIVATIONS = words(`
  celu glu hard_shrink hard_silu hard_swish hard_tanh log_sigmoid soft_shrink sparse_plus sparse_sigmoid sparsemax squareplus
  tanh_shrink threshold
`);

/** Whether Keras 2.15 has a class of layers of Keras. */
export function isLayerOfKeras2(className: string): boolean {
  return !LAYERS.has(className);
}

/**
 * Whether a Keras has an activation of `dialect` under its name: Keras 3 has those of Keras 2.15 and more, and each has a
 * `hard_sigmoid` of its own.
 */
export function isActivationOf(keras: Dialect, activation: Activation, dialect: Dialect): boolean {
  if (activation.kind !== 'other') return true;
  if (activation.name === 'hard_sigmoid') return keras === dialect;
  return keras === 'keras3' || !ACTIVATIONS.has(activation.name);
}

/**
 * Stops where a layer of a model of Keras 3 is none of Keras 2, or has an activation that is none.
 *
 * @throws UnsupportedModelError with the layer.
 */
export function refuseForKeras2(model: Model): void {
  for (const { path, layer } of model.allLayers()) {
    const { className, origin } = layer;
    if (isCustomClass(origin?.config)) continue;
    const refuse = (what: string, remedy: string): never => {
      throw new UnsupportedModelError(what, `${path}: ${what} has no form in Keras 2; ${remedy}`);
    };
    if (className === 'Lambda')
      refuse('the code of a Lambda', 'use layers in its place, or write a .keras file');
    if (!isLayerOfKeras2(className)) refuse(`the layer ${className}`, 'leave it out, or write a .keras file');
    for (const name of activationsOf(layer)) {
      if (ACTIVATIONS.has(name)) {
        refuse(`the activation ${name}`, 'use another one, or write a .keras file');
      }
    }
  }
}

/** As they are now; of a layer that nothing edits as they were read. */
function activationsOf({ operation, readConfig }: Layer): string[] {
  if (operation.kind !== 'opaque') {
    const activation = activationOf(operation);
    return activation.kind === 'other' ? [activation.name] : [];
  }
  const given = [readConfig['activation'], readConfig['recurrent_activation']];
  return given.filter((name) => typeof name === 'string');
}
