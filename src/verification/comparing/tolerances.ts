import type { Layer } from '../../model/layer.ts';
import type { Model } from '../../model/model.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { OutputComparison } from './compare-outputs.ts';

/** How far outputs may lie apart and still be the same: `max |a - b| <= atol + rtol * max |a|`, over each output. */
export interface Tolerances {
  /** As a part of the largest value of the original's output. */
  readonly rtol: number;
  /** In the unit of the output. */
  readonly atol: number;
}

/** Whether an output that differs by so much is within the tolerances. */
export function isWithin(
  { maxAbsolute, largest }: Pick<OutputComparison, 'maxAbsolute' | 'largest'>,
  { rtol, atol }: Tolerances,
): boolean {
  return maxAbsolute <= atol + rtol * largest;
}

/** What edited weights are rounded to, coarsest last. */
export type WeightPrecision = 'float32' | 'uint16' | 'float16' | 'bfloat16' | 'int8';

/**
 * The relative difference that rounding alone may make; docs/verification.md has the measurements that these are drawn
 * from. The half floats have 11 and 8 binary digits against 24.
 */
const RTOL: Readonly<Record<WeightPrecision, number>> = {
  ...{ float32: 1e-4, uint16: 1e-1, float16: 1e-1, bfloat16: 3e-1 },
  // What has 8 bits is not the same function: judged by LEAST_SQNR_DB, unless a tolerance is given.
  int8: 0,
};

/**
 * What 8 bits have to leave of each output, in dB: errors of a tenth of its power. Rounding is spread over all values,
 * so that it is told by their power and not by the largest of them, which grows with the number of samples. Outputs that have nothing to do with each other
 * have 0 dB or less.
 */
export const LEAST_SQNR_DB = 10;

/** About the distance of float32 numbers at 1: room for outputs that are all but zero. */
const ATOL = 1e-7;

/** The tolerances for models that compute with float32 and were not rounded to anything coarser. */
export const FLOAT32_TOLERANCES: Tolerances = { rtol: RTOL.float32, atol: ATOL };

/** The tolerances for a `.tflite` file, and for kernels that were rounded to 8 bits. */
export function roundedTolerances(
  weights: 'float32' | 'int8',
  { rtol = RTOL[weights], atol = ATOL }: Partial<Tolerances>,
): DefaultTolerances {
  return { rtol, atol, weights };
}

/** What {@link defaultTolerances} gives. */
export interface DefaultTolerances extends Tolerances {
  /** The coarsest type of the weights that were edited; float32 where that is finer. */
  readonly weights: WeightPrecision;
}

/**
 * The tolerances for a candidate that was made of `original` by steps that keep the function: by the coarsest type of
 * the weights that differ between the two, since it is that type that they were rounded to.
 *
 * Weights of 16 bits are read to see whether they differ.
 */
export function defaultTolerances(original: Model, candidate: Model): DefaultTolerances {
  const before = new Map([...original.allLayers()].map(({ path, layer }) => [path, layer]));
  let weights: WeightPrecision = 'float32';
  for (const { path, layer } of candidate.allLayers()) {
    for (const precision of editedTypes(before.get(path), layer)) {
      if (RTOL[precision] > RTOL[weights]) weights = precision;
    }
  }
  return { rtol: RTOL[weights], atol: ATOL, weights };
}

/** The types of 16 bits in a layer that hold something else than before; TF.js files hold them packed. */
function* editedTypes(before: Layer | undefined, { weights }: Layer): Generator<WeightPrecision> {
  for (const [name, tensor] of weights) {
    const type = tensor.packed?.packing.dtype ?? tensor.dtype;
    if (type !== 'float16' && type !== 'bfloat16' && type !== 'uint16') continue;
    if (!isSameTensor(before?.weights.get(name), tensor)) yield type;
  }
}

function isSameTensor(one: Tensor | undefined, other: Tensor): boolean {
  if (one === other) return true;
  if (one?.dtype !== other.dtype || one.shape.join() !== other.shape.join()) return false;
  // Tensors of one shape are read in the same pieces.
  const blocks = one.blocks();
  for (const { values } of other.blocks()) {
    const block = blocks.next();
    if (block.done === true || !values.every((value, index) => Object.is(value, block.value.values[index])))
      return false;
  }
  return true;
}
