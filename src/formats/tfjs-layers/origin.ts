/**
 * What is kept of a TF.js model so that it can be written back as it was.
 *
 * @module
 */

import type { JsonObject } from '../../json/value.ts';
import type { Model, ModelOrigin } from '../../model/model.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { ByteSource } from '../bytes.ts';
import type { WeightBytes } from './decode.ts';

/** A group of the manifest with where its bytes lie. */
export interface OriginGroup {
  readonly paths: readonly string[];
  readonly shardSizes: readonly number[];
  readonly weights: readonly WeightBytes[];
}

/** {@link Model.origin} of a TF.js model. */
export interface TfjsOrigin extends ModelOrigin {
  readonly format: 'tfjs-layers';
  /** model.json, which stays open: its numbers are text in it. */
  readonly main: ByteSource;
  /** All of model.json. */
  readonly document: JsonObject;
  readonly groups: readonly OriginGroup[];
  /** The tensors that were made of the manifest's weights, by name. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** False of what `tensorflowjs_converter` writes under Keras 3: configurations and names that TF.js cannot read. */
  readonly isLoadable: boolean;
}

/** `LayerOrigin.place` of a layer of a TF.js model: its weights' names in the manifest. */
export class TfjsPlace {
  readonly names: ReadonlyMap<string, string>;

  constructor(names: ReadonlyMap<string, string>) {
    this.names = names;
  }
}

/** The origin of a model that was read from TF.js files; else undefined. */
export function tfjsOrigin(model: Model): TfjsOrigin | undefined {
  return model.origin?.format === 'tfjs-layers' && 'groups' in model.origin
    ? (model.origin as TfjsOrigin)
    : undefined;
}
