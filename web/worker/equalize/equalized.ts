import type { Model } from 'crosslayer';
import type { EqualizedModel } from '../../protocol.ts';

/** A model that was equalized. */
export interface Equalized {
  readonly model: Model;
  /** What the page was told of it. */
  readonly told: EqualizedModel;
}
