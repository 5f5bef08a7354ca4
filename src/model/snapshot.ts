import type { Layer } from './layer.ts';
import type { Model } from './model.ts';

/**
 * Remembers the state of a model, so that edits can be undone while its layers stay the same objects.
 *
 * Weights are not copied, because they never change.
 *
 * @returns a function that brings the model back into that state, as often as it is called.
 */
export function takeSnapshot(model: Model): () => void {
  const { layers, calls, inputs, outputs } = model;
  const reads = calls.map((call) => call.inputs);
  const restoreLayers = layers.map(layerSnapshot);
  return () => {
    Object.assign(model, { layers, calls, inputs, outputs });
    for (const [index, call] of calls.entries()) call.inputs = reads[index] ?? [];
    for (const restore of restoreLayers) restore();
  };
}

function layerSnapshot(layer: Layer): () => void {
  const { operation, foldedInto, statistics, model } = layer;
  const weights = new Map(layer.weights);
  const restoreModel = model && takeSnapshot(model);
  return () => {
    layer.operation = operation;
    layer.foldedInto = foldedInto;
    layer.weights = new Map(weights);
    layer.statistics = statistics;
    restoreModel?.();
  };
}
