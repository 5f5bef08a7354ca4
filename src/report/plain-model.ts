/**
 * What an equalized model is held against: the same one quantized without it.
 *
 * @module
 */

import type { Target } from '../equalization/options.ts';
import type { Model } from '../model/model.ts';
import { foldAllBatchNorms } from '../primitives/batch-norm-fold.ts';
import type { DamageTarget } from './layer-damage.ts';

/** The grid that kernels are shown on; the target `float` is shown on the one that asks most. */
export function gridOf(target: Target): DamageTarget {
  return target === 'float' ? 'int8-per-tensor' : target;
}

/** What would be quantized without equalization: batch norms folded, or left where the target leaves them. */
export function plainModel(model: Model, target: Target): Model {
  const copy = model.clone();
  if (target !== 'tfjs-uint8') foldAllBatchNorms(copy);
  return copy;
}

/** What {@link plainModel} is called. */
export function plainText(target: Target): string {
  return target === 'tfjs-uint8' ? 'as it is' : 'folded only';
}
