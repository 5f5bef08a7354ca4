import type { Model, Tensor } from 'crosslayer';
import type { OpenedModel } from '../../protocol.ts';

/** A model that is open. */
export interface Opened {
  /** As it was read; nothing edits it. */
  readonly model: Model;
  /** What the page was told of it. */
  readonly told: OpenedModel;
  /** The labelled images of the example. */
  readonly samples: LabelledImages | undefined;
}

/** Images and the class of each. */
export interface LabelledImages {
  /** `[samples, height, width, channels]` or without channels, 0..255. */
  readonly images: Tensor;
  readonly labels: Int32Array;
}
