/**
 * Live models of TF.js: a `tf.LayersModel` becomes a {@link Model} and back, in memory, on any backend.
 *
 * Nothing here brings a copy of TF.js along. {@link fromLayersModel} asks the model itself; {@link toLayersModel} takes
 * the page's own `tf`, and imports TF.js only where it is given none.
 *
 * @module
 */

import { CannotRunError } from './errors.ts';
import type { LiveModel, LiveTf } from './formats/tfjs-layers/live-model.ts';
import { readLiveModel } from './formats/tfjs-layers/live-read.ts';
import { writeLiveModel } from './formats/tfjs-layers/live-write.ts';
import { Model } from './model/model.ts';

export type {
  LiveArtifacts,
  LiveEngine,
  LiveLoadHandler,
  LiveModel,
  LiveSaveHandler,
  LiveTensor,
  LiveTf,
  LiveWeightSpec,
} from './formats/tfjs-layers/live-model.ts';

/** How a live model is made. */
export interface LiveOptions<M extends LiveModel = LiveModel> {
  /**
   * The TF.js to make it with: `import * as tf from '@tensorflow/tfjs'`, the global `tf` of a script tag, or
   * `{ ...core, ...layers }` of its two packages. Where it is left out, `@tensorflow/tfjs-core` and
   * `@tensorflow/tfjs-layers` are imported, which is another copy where the page has TF.js from a script tag.
   */
  readonly tf?: LiveTf<M>;
  /**
   * Told what TF.js does not take over, a sentence each: a constraint that would undo an edit, a layer that it computes
   * otherwise, the optimizer's state in a file. Where it is left out, anything but the state of training is an error.
   */
  readonly onWarning?: (sentence: string) => void;
}

/**
 * Reads a live model: Sequential or functional, nested, with custom layers, compiled or not.
 *
 * Its weights are copied out of the backend once; the live model is left as it is, and stays yours to dispose. Layers
 * keep their names. Custom layers are carried along untouched. The optimizer stays behind.
 *
 * @throws TypeError where it is no model of TF.js; UnsupportedModelError where TF.js cannot save it (it is disposed,
 * say) or it is a graph model; FormatError where two of its layers have one name, and so TF.js cannot tell their weights
 * apart.
 */
export async function fromLayersModel(layersModel: LiveModel): Promise<Model> {
  const given: unknown = layersModel;
  if (typeof given !== 'object' || given === null || !('save' in given) || typeof given.save !== 'function') {
    throw new TypeError('fromLayersModel takes a tf.LayersModel, such as tf.loadLayersModel() gives');
  }
  return readLiveModel(layersModel);
}

/**
 * Makes a live model, on the backend that is in use. It is yours to dispose, and not compiled.
 *
 * A model that was read from a file is taken too. Its classes that TF.js lacks must have been registered by the page
 * (`tf.serialization.registerClass`), as must custom layers.
 *
 * Of what type it is comes from `tf`; without that, say it: `toLayersModel<tf.LayersModel>(model)`.
 *
 * @throws CannotRunError where TF.js does not load it (a class is not registered, say), and then no tensor of it stays
 * in memory, or where TF.js is not installed; UnsupportedModelError where TF.js has no form for the model, or has
 * warnings and there is no `onWarning`; TypeError where `tf` is not TF.js.
 */
export async function toLayersModel<M extends LiveModel = LiveModel>(
  model: Model,
  options: LiveOptions<M> = {},
): Promise<M> {
  if (!(model instanceof Model)) {
    throw new TypeError('toLayersModel takes a Model, such as fromLayersModel() gives');
  }
  const tf = options.tf ? requireTf(options.tf) : await importTf<M>();
  return writeLiveModel(model, tf, options.onWarning);
}

function requireTf<M extends LiveModel>(tf: LiveTf<M>): LiveTf<M> {
  const missing = (['loadLayersModel', 'engine', 'ready', 'serialization'] as const).filter(
    (key) => !tf[key],
  );
  if (missing.length === 0) return tf;
  throw new TypeError(
    `tf has no ${missing.join(', ')}; pass all of TF.js: import * as tf from '@tensorflow/tfjs', or ` +
      '{ ...core, ...layers } of @tensorflow/tfjs-core and @tensorflow/tfjs-layers',
  );
}

async function importTf<M extends LiveModel>(): Promise<LiveTf<M>> {
  try {
    const { engine, ready, serialization } = await import('@tensorflow/tfjs-core');
    const { loadLayersModel } = await import('@tensorflow/tfjs-layers');
    const tf: LiveTf = { engine, ready, serialization, loadLayersModel };
    return tf as LiveTf<M>;
  } catch (cause) {
    throw new CannotRunError(
      '',
      'TF.js is not installed here; pass the one that the page has, toLayersModel(model, { tf }), or npm install ' +
        '@tensorflow/tfjs-core @tensorflow/tfjs-layers',
      { cause },
    );
  }
}
