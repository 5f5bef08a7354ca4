/**
 * What is kept of a `.keras` file so that it can be written back as it was.
 *
 * @module
 */

import type { JsonObject } from '../../json/value.ts';
import type { Model, ModelOrigin } from '../../model/model.ts';
import type { Hdf5File } from '../hdf5/file.ts';
import type { KerasArchive } from './archive.ts';
import type { NamingScheme } from './layer-paths.ts';

/** {@link ModelOrigin} of a model that was read from a `.keras` file. */
export interface KerasV3Origin extends ModelOrigin {
  readonly format: 'keras-v3';
  readonly archive: KerasArchive;
  /** All of config.json. */
  readonly document: JsonObject;
  /** `model.weights.h5`, open for as long as the model is used. */
  readonly weights: Hdf5File;
  readonly scheme: NamingScheme;
  /** The groups of all layers. */
  readonly groups: ReadonlySet<string>;
  /** Groups that hold weights and are no layer's: `optimizer`, and what a program keeps at its model. */
  readonly groupsBeside: readonly string[];
  /** How many layers have weights. */
  readonly weightedLayers: number;
}

/** `LayerOrigin.place` of a layer of a `.keras` file. */
export class V3Place {
  /** The layer's group. */
  readonly group: string;
  /** Paths of the variables in the file by the names of the weights. */
  readonly variables: ReadonlyMap<string, string>;

  constructor(group: string, variables: ReadonlyMap<string, string>) {
    this.group = group;
    this.variables = variables;
  }
}

/** The origin of a model that was read from a `.keras` file; else undefined. */
export function kerasV3Origin(model: Model): KerasV3Origin | undefined {
  return model.origin?.format === 'keras-v3' ? (model.origin as KerasV3Origin) : undefined;
}
