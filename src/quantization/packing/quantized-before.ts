/**
 * What quantizers before took from a model.
 *
 * @module
 */

import type { Layer } from '../../model/layer.ts';
import type { Model } from '../../model/model.ts';
import { isFloat } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { isKernel } from '../kernel-layout.ts';
import { packableWeights, weightKey } from './packable-weights.ts';
import type { PackedDType } from './packed-dtypes.ts';

/** A grid of 8 bits has so many steps between its ends, one less where a zero was moved or a number is left out. */
const STEPS = [255, 254, 253];
/** Fewer different values may lie on such a grid by chance, or because somebody wrote them by hand. */
const FEWEST_VALUES = 16;
/** Of a step: float32 rounds levels that lie far from zero. */
const TOLERANCE = 0.01;
/** Values read at a time; of a kernel that was not quantized, most are never read. */
const PIECE = 1 << 14;

/**
 * The layers with a kernel whose values lie on a grid of 8 bits, as of a TF.js model of uint8 weights, whatever file it
 * was brought to since. What scaled or folded such a kernel channel by channel hides it.
 */
export function layersQuantizedBefore(model: Model): Layer[] {
  return [...model.allLayers()]
    .map(({ layer }) => layer)
    .filter((layer) =>
      [...layer.weights].some(
        ([name, tensor]) => isKernel(layer, name) && isFloat(tensor.dtype) && isKnownOnGrid(tensor),
      ),
    );
}

/** Asked for more than once, by a command and by the recipe that it runs; copies of a model share their tensors. */
const known = new WeakMap<Tensor, boolean>();

function isKnownOnGrid(tensor: Tensor): boolean {
  const found = known.get(tensor) ?? isOnGrid(tensor);
  known.set(tensor, found);
  return found;
}

function isOnGrid(tensor: Tensor): boolean {
  const values = new Set<number>();
  const most = Math.max(...STEPS) + 1;
  for (const piece of tensor.blocks(PIECE)) {
    for (const value of piece.values) {
      values.add(Number(value));
      if (values.size > most) return false;
    }
  }
  if (values.size < FEWEST_VALUES) return false;
  const lowest = Math.min(...values);
  const range = Math.max(...values) - lowest;
  return STEPS.some((steps) => {
    const step = range / steps;
    return [...values].every((value) => {
      const level = (value - lowest) / step;
      return Math.abs(level - Math.round(level)) <= TOLERANCE;
    });
  });
}

/** A weight besides kernels that a file holds in 8 or 16 bits. */
export interface CoarseWeight {
  /** {@link Layer.path}. */
  readonly layer: string;
  readonly weight: string;
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
        ? [{ layer: layer.path, weight: name, dtype: packed.packing.dtype }]
        : [],
    ),
  );
}
