/**
 * The formats of models, by name.
 *
 * @module
 */

import type { Dialect } from '../model/model.ts';
import type { WatchOptions } from '../model/progress.ts';

/** A format that is read and written. */
export type ModelFormat = 'keras-v3' | 'keras-h5' | 'tfjs-layers';

/** What a write could not carry over, in sentences. */
export interface WriteReport {
  /** Such as `optimizer state (adam): it belongs to the weights before the fold`. */
  readonly dropped: readonly string[];
  /** What the reader of the format may stumble over, a sentence each, such as a layer class that TF.js lacks. */
  readonly warnings: readonly string[];
  /** Layers that TF.js does not compute as Keras does unless the page registers a class; none where left out. */
  readonly unsupported?: readonly UnsupportedLayer[];
  /** What has another form or name in the file than in the model and is the same, a sentence each; none where left out. */
  readonly notes?: readonly string[];
}

/** A layer of a TF.js model that TF.js itself lacks, or computes otherwise than Keras. */
export interface UnsupportedLayer {
  /** `Layer.path`. */
  readonly path: string;
  /** The class that would have to be registered. */
  readonly className: string;
  /** The activation that it is for, where TF.js has the layer without it. */
  readonly activation?: string;
  /** How it samples pictures, where it does. */
  readonly interpolation?: string;
  /** Whether TF.js opens and runs the model all the same, and computes something else. */
  readonly opens: boolean;
  /** The one of {@link WriteReport.warnings} that tells of it. */
  readonly warning: string;
}

/** How a model is written. Its stage is `write`. */
export interface WriteOptions extends WatchOptions {
  /** The format to write; the one that was read where it is left out. */
  readonly format?: ModelFormat;
  /**
   * Which Keras the file is for; the model's own where it is left out. New `.keras` files are always for Keras 3; TF.js
   * has one dialect alone.
   */
  readonly dialect?: Dialect;
  /** How large the files of weights of a TF.js model may be, in bytes; 4 MiB where it is left out, or as they were read. */
  readonly shardBytes?: number;
}
