import type { Layer } from '../model/layer.ts';
import type { Model } from '../model/model.ts';

/**
 * Keras' `model.layers`, which files of weights follow: without the InputLayer of a Sequential, and without plain
 * operations of `keras.ops`, which the configuration lists among the layers.
 */
export function trackedLayers(model: Model): Layer[] {
  return model.layers.filter((layer) => {
    if (model.kind === 'sequential' && layer.operation.kind === 'input') return false;
    const module = layer.origin?.config['module'];
    return !(typeof module === 'string' && /(^|\.)ops(\.|$)/.test(module));
  });
}
