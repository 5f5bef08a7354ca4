import type { Model } from '../model/model.ts';
import { kerasH5Origin } from './keras-h5/origin.ts';
import { kerasV3Origin } from './keras-v3/origin.ts';

/**
 * Lets go of the files that `model` was read from. Weights of it, and of its clones, that were not read yet cannot be
 * read any more. Not needed where the model itself is forgotten: then its files are closed as well.
 */
export function releaseModel(model: Model): void {
  kerasH5Origin(model)?.file.close();
  kerasV3Origin(model)?.weights.close();
}
