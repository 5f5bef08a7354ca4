/**
 * What quantizers took from weights that should have stayed in float32.
 *
 * @module
 */

import type { Layer } from '../../model/layer.ts';
import type { Model } from '../../model/model.ts';
import { packableWeights, weightKey } from './packable-weights.ts';
import type { PackedDType } from './packed-dtypes.ts';

/** A weight besides kernels that a file holds in 8 or 16 bits. */
export interface CoarseWeight {
  readonly layer: Layer;
  readonly name: string;
  readonly dtype: PackedDType;
}

/**
 * The weights of `model` that came packed although they are no kernels, such as the variances of batch norms: what that
 * changed in them is gone. `tensorflowjs_converter --quantize_uint8` packs all weights if it is not told otherwise.
 */
export function storedCoarsely(model: Model): CoarseWeight[] {
  const packable = new Set(packableWeights(model).map(weightKey));
  return [...model.allLayers()].flatMap(({ layer }) =>
    [...layer.weights].flatMap(([name, { packed }]) =>
      packed && !packable.has(weightKey({ layer, name }))
        ? [{ layer, name, dtype: packed.packing.dtype }]
        : [],
    ),
  );
}
