/**
 * What is kept of a Keras HDF5 file so that it can be written back as it was.
 *
 * @module
 */

import type { Model, ModelOrigin } from '../../model/model.ts';
import type { Hdf5File } from '../hdf5/file.ts';

/** The group that holds the weights of the layers. */
export const WEIGHTS_GROUP = 'model_weights';
/** In it, Keras 2 and 3 have in every file: weights of a model that no layer has. */
export const TOP_LEVEL_GROUP = 'top_level_model_weights';

/** {@link ModelOrigin} of a model that was read from an HDF5 file. */
export interface KerasH5Origin extends ModelOrigin {
  readonly format: 'keras-h5';
  /** Open for as long as the model is used. */
  readonly file: Hdf5File;
  /** The weights of each layer of the model, in the order of `weight_names`. */
  readonly groups: ReadonlyMap<string, readonly WeightEntry[]>;
  /** How many layers have weights. */
  readonly weightedLayers: number;
}

/** One of the `weight_names` of a layer's group. */
export interface WeightEntry {
  /** As in `weight_names`: the path of the dataset within the group. */
  readonly name: string;
  /** The layer that it belongs to; copies of a layer share its place. */
  readonly place: H5Place;
  /** The name of the weight in the layer. */
  readonly weight: string;
}

/** `LayerOrigin.place` of a layer in an HDF5 file: the dataset of each weight, by its path in the file. */
export class H5Place {
  readonly paths: Map<string, string> = new Map<string, string>();
  /** The weights among {@link paths} that Keras trains: they come first in the group of a nested model. */
  readonly trainable: Set<string> = new Set<string>();
}

/** The origin of a model that was read from an HDF5 file; else undefined. */
export function kerasH5Origin(model: Model): KerasH5Origin | undefined {
  return model.origin?.format === 'keras-h5' ? (model.origin as KerasH5Origin) : undefined;
}
