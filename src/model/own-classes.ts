/**
 * Models of classes of somebody's own, such as one with its own `train_step`: they are what their configuration describes, as
 * long as their code does not compute something else.
 *
 * @module
 */

import type { Model } from './model.ts';

/** Classes of Keras that are a model by their configuration. `Model` is what Keras before 2.3 wrote. */
export const MODEL_CLASSES: ReadonlySet<string> = new Set(['Functional', 'Model', 'Sequential']);

/** Keras' class for a model. */
export function stockClass({ kind }: Model): string {
  return kind === 'sequential' ? 'Sequential' : 'Functional';
}

/** A sentence on each model of a class of somebody's own, the outermost first. */
export function ownClassNotes(model: Model, path: string = model.name): string[] {
  const { className } = model;
  const sentence =
    `${path} is a ${className}, a class that is not of Keras; its code is not read, and it is taken for the ` +
    `${stockClass(model)} model in its configuration`;
  const inner = model.layers.flatMap((layer) => (layer.model ? ownClassNotes(layer.model, layer.path) : []));
  return MODEL_CLASSES.has(className) ? inner : [sentence, ...inner];
}
