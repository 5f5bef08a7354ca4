/**
 * Tensors with the values of another one in other places; what was packed stays packed.
 *
 * @module
 */

import { allocate, type DType, type FloatValues, sizeOf, type TensorValues } from './dtype.ts';
import type { PackedValues, Packing } from './packed-values.ts';
import { Tensor } from './tensor.ts';

/** The same values in the same order, in another shape. */
export function reshaped(tensor: Tensor, shape: readonly number[]): Tensor {
  if (sizeOf(shape) !== tensor.size) {
    throw new RangeError(`${tensor.size} values do not fill the shape [${shape.join(', ')}]`);
  }
  return lazy(tensor.dtype, shape, () => tensor.values(), tensor.packed);
}

/**
 * A tensor whose value at each flat index is the one that `tensor` has at `sourceOf` that index, or 0 where that is negative.
 * It is packed where `tensor` is and its grid has a 0.
 */
export function gathered(
  tensor: Tensor,
  shape: readonly number[],
  sourceOf: (index: number) => number,
): Tensor {
  const size = sizeOf(shape);
  const { packed } = tensor;
  const zero = packed && zeroOf(packed.packing);
  const place = <Values extends TensorValues | Uint16Array>(
    from: Values,
    to: Values,
    empty: number,
  ): Values => {
    for (let index = 0; index < size; index++) {
      const source = sourceOf(index);
      // Only floats are moved, whose arrays hold numbers.
      (to as FloatValues)[index] = source < 0 ? empty : ((from as FloatValues)[source] as number);
    }
    return to;
  };
  return lazy(
    tensor.dtype,
    shape,
    () => place(tensor.values(), allocate(tensor.dtype, size), 0),
    zero === undefined
      ? undefined
      : {
          packing: (packed as PackedValues).packing,
          *pieces() {
            const codes = wholeOf(packed as PackedValues, tensor.size);
            yield place(
              codes,
              codes instanceof Uint8Array ? new Uint8Array(size) : new Uint16Array(size),
              zero,
            );
          },
        },
  );
}

/** The values are found when they are first read. */
function lazy(
  dtype: DType,
  shape: readonly number[],
  make: () => TensorValues,
  packed: PackedValues | undefined,
): Tensor {
  let values: TensorValues | undefined;
  const read = (start: number, count: number): TensorValues => {
    values ??= make();
    return values.subarray(start, start + count);
  };
  return Tensor.lazy(dtype, shape, { isStable: true, read }, packed);
}

/** The packed number that stands for 0; undefined where none does. */
function zeroOf(packing: Packing): number | undefined {
  if (packing.dtype === 'float16') return 0;
  const { scale, min, dtype } = packing;
  const zero = scale === 0 ? 0 : Math.round(-min / scale);
  const isThere = zero >= 0 && zero <= (dtype === 'uint8' ? 0xff : 0xffff);
  return isThere && Math.fround(zero * scale + min) === 0 ? zero : undefined;
}

function wholeOf(packed: PackedValues, size: number): Uint8Array | Uint16Array {
  const whole = packed.packing.dtype === 'uint8' ? new Uint8Array(size) : new Uint16Array(size);
  let filled = 0;
  for (const piece of packed.pieces()) {
    whole.set(piece, filled);
    filled += piece.length;
  }
  return whole;
}
