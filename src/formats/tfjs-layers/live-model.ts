/**
 * What is used of TF.js and its models, described by shape alone: so any copy and version of TF.js fits, a bundle of
 * modules as well as a script tag, and nobody needs the types of TF.js.
 *
 * @module
 */

/** A model in the memory of TF.js: a `tf.LayersModel`, `tf.Sequential` included. */
export interface LiveModel {
  /** The model's name. */
  readonly name: string;
  /** `LayersModel.save`: hands over what a file would hold. */
  save(handler: LiveSaveHandler): Promise<unknown>;
}

/** A `tf.io.IOHandler` that saves. */
export interface LiveSaveHandler {
  /** Takes what a file would hold. */
  save(artifacts: LiveArtifacts): Promise<{
    modelArtifactsInfo: { dateSaved: Date; modelTopologyType: 'JSON' };
  }>;
}

/** A `tf.io.IOHandler` that loads. */
export interface LiveLoadHandler {
  /** Gives what a file would hold. */
  load(): Promise<LiveArtifacts>;
}

/** What is used of `tf.io.ModelArtifacts`. */
export interface LiveArtifacts {
  format?: string;
  generatedBy?: string;
  convertedBy?: string | null;
  /** The configuration of the model. */
  modelTopology?: object;
  weightSpecs?: LiveWeightSpec[];
  /** The weights one after the other; newer versions of TF.js take and give them in pieces too. */
  weightData?: ArrayBuffer | ArrayBuffer[];
  /** What the page keeps with the model. */
  userDefinedMetadata?: { [key: string]: NonNullable<unknown> };
}

/** What is used of `tf.io.WeightsManifestEntry`. */
export interface LiveWeightSpec {
  name: string;
  shape: number[];
  dtype: 'float32' | 'int32' | 'bool' | 'string' | 'complex64';
}

/** What is used of `tf`, of `@tensorflow/tfjs` or of its core and layers packages together. */
export interface LiveTf<M extends LiveModel = LiveModel> {
  loadLayersModel(handler: LiveLoadHandler): Promise<M>;
  engine(): LiveEngine;
  /** Waits for the backend. */
  ready(): Promise<void>;
  /** Where classes of layers are registered. */
  readonly serialization: {
    readonly SerializationMap: {
      getMap(): { readonly classNameMap: Readonly<Record<string, unknown>> };
    };
  };
}

/** What is used of `tf.engine()`: what there is to clean up where TF.js stops halfway through a model. */
export interface LiveEngine {
  readonly state: {
    readonly activeScope: { readonly track: readonly LiveTensor[] } | null;
    readonly registeredVariables: Readonly<Record<string, LiveTensor>>;
  };
  startScope(name?: string): void;
  endScope(kept?: unknown): void;
}

/** A `tf.Tensor` or `tf.Variable`. */
export interface LiveTensor {
  readonly isDisposed: boolean;
  dispose(): void;
}
