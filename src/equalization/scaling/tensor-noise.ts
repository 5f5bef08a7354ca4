/**
 * The noise of tensors on grids, and how it changes with the factors of channels.
 *
 * @module
 */

import { largestOf } from '../../tensor/extremes.ts';
import { TENSOR_COUNT } from '../noise/rounded-tensors.ts';
import type { TensorTerm } from './tensor-terms.ts';

/**
 * The noise of a tensor beside that of a kernel: the squares of their steps, of 255 on a width and of 127 on the largest
 * weight, and by how much less tensors count than their terms say.
 */
const TENSOR_WEIGHT = TENSOR_COUNT * (127 / 255) ** 2;

/**
 * The noise of the tensors of a grid at factors, whose derivatives by the logarithms of the factors are added to `gradient`.
 *
 * @param squarings the maximum stands for `(sum of v^p)^(1/p)` with p = 2^squarings
 * @param scales by class: tensors of the class are divided by it
 */
export function addTensorNoise(
  { classes, up, down, sensitivities }: TensorTerm,
  squarings: number,
  scales: Float64Array,
  gradient: Float64Array,
): number {
  const scaled = (values: Float64Array): Float64Array =>
    values.map((value, index) => value / (scales[classes[index] as number] as number));
  const [above, below] = [softLargest(scaled(up), squarings), softLargest(scaled(down), squarings)];
  const heard = sensitivities.map((one, index) => one * (scales[classes[index] as number] as number) ** 2);
  const [width, all] = [above.value + below.value, sumOf(heard)];
  if (width === 0 || all === 0) return 0;
  const noise = TENSOR_WEIGHT * width ** 2 * all;
  for (let index = 0; index < classes.length; index++) {
    const at = classes[index] as number;
    const wider =
      (above.value * (above.shares[index] as number) + below.value * (below.shares[index] as number)) / width;
    gradient[at] = (gradient[at] as number) + 2 * noise * ((heard[index] as number) / all - wider);
  }
  return noise;
}

/** `(sum of v^p)^(1/p)` with p = 2^squarings, and the part that each of the values has in it. */
function softLargest(
  values: Float64Array,
  squarings: number,
): { readonly value: number; readonly shares: Float64Array } {
  const largest = largestOf(values);
  if (!(largest > 0)) return { value: 0, shares: new Float64Array(values.length) };
  const powers = values.map((value) => (value / largest) ** (2 ** squarings));
  const sum = sumOf(powers);
  return { value: largest * sum ** (1 / 2 ** squarings), shares: powers.map((power) => power / sum) };
}

/** All values added up. */
export function sumOf(values: Float64Array): number {
  return values.reduce((sum, one) => sum + one, 0);
}
