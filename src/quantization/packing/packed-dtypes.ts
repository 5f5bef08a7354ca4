/**
 * Weights in 8 or 16 bits, as TF.js files hold them.
 *
 * @module
 */

import { InvalidModelError } from '../../errors.ts';
import { tfjsLevels } from '../../kernels/quantize.ts';
import type { Layer } from '../../model/layer.ts';
import { type FloatValues, isFloat } from '../../tensor/dtype.ts';
import { float16ToNumber, numberToFloat16 } from '../../tensor/half.ts';
import type { PackedValues } from '../../tensor/packed-values.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { quantizedTensor } from '../quantized-tensor.ts';
import { parseQuantizer } from '../quantizer.ts';
import { weightGrid } from '../tensor-grid.ts';

/** What a weight can be packed as. */
export const PACKED_DTYPES = ['uint8', 'uint16', 'float16'] as const;

/** One of the {@link PACKED_DTYPES}. */
export type PackedDType = (typeof PACKED_DTYPES)[number];

/** Bytes that a value takes as that; `float32` is not packed. */
export const PACKED_BYTES: Readonly<Record<PackedDType | 'float32', number>> = {
  uint8: 1,
  uint16: 2,
  float16: 2,
  float32: 4,
};

const LARGEST_HALF = 65504;

/**
 * A weight of a layer with the values that packing leaves of it, which the writer of TF.js files writes in so many bits:
 * `uint8` and `uint16` on the grid of `tensorflowjs_converter --quantize_uint8` and `--quantize_uint16`, bit for bit as with
 * NumPy 1 (NumPy 2 computes in float64 there, which moves a weight in 100,000 by a level);
 * `float16` rounded to the nearest half float. Lazy: read once for its grid, and packed while it is read.
 *
 * @throws InvalidModelError where the weight is no float, has a NaN or an infinite value, or one past the half floats.
 */
export function packedWeight(layer: Layer, name: string, tensor: Tensor, dtype: PackedDType): Tensor {
  if (!isFloat(tensor.dtype)) {
    throw new InvalidModelError(
      layer.path,
      `${name}: the weights are ${tensor.dtype}; only floats are packed`,
    );
  }
  if (dtype === 'float16') return halfTensor(layer, name, tensor);
  const grid = weightGrid(layer, name, tensor, parseQuantizer(`tfjs-${dtype}`));
  if (grid.scheme !== 'tfjs') throw new TypeError(`tfjs-${dtype} has the grid of TF.js`);
  const { scale, min } = grid.grid;
  const packed: PackedValues = {
    packing: { dtype, scale, min },
    *pieces() {
      for (const { values } of tensor.blocks()) {
        const levels = dtype === 'uint8' ? new Uint8Array(values.length) : new Uint16Array(values.length);
        tfjsLevels(values as FloatValues, grid.grid, levels);
        yield levels;
      }
    },
  };
  return quantizedTensor(tensor, grid, packed);
}

function halfTensor(layer: Layer, name: string, tensor: Tensor): Tensor {
  checkHalf(layer, name, tensor);
  const bits = new Uint16Array(tensor.size);
  const values = new Float32Array(tensor.size);
  for (const piece of tensor.blocks()) {
    for (const [index, value] of (piece.values as FloatValues).entries()) {
      const half = numberToFloat16(value);
      bits[piece.start + index] = half;
      values[piece.start + index] = float16ToNumber(half);
    }
  }
  const source = {
    isStable: true,
    read: (start: number, count: number) => values.subarray(start, start + count),
  };
  return Tensor.lazy('float32', tensor.shape, source, {
    packing: { dtype: 'float16' },
    pieces: () => [bits],
  });
}

function checkHalf(layer: Layer, name: string, tensor: Tensor): void {
  let [low, high] = [0, 0];
  for (const { values } of tensor.blocks()) {
    for (const value of values as FloatValues) {
      if (!Number.isFinite(value)) throw unfit(layer, name, value);
      if (value < low) low = value;
      else if (value > high) high = value;
    }
  }
  if (low < -LARGEST_HALF || high > LARGEST_HALF) {
    throw unfit(layer, name, high > LARGEST_HALF ? high : low);
  }
}

function unfit(layer: Layer, name: string, value: number): InvalidModelError {
  if (!Number.isFinite(value)) {
    return new InvalidModelError(
      layer.path,
      `${name}: a weight is ${value}; only finite ones are packed, so train the layer again or leave it out`,
    );
  }
  return new InvalidModelError(
    layer.path,
    `${name}: the weight ${value} is no half float, which end at ${LARGEST_HALF}; choose uint16, or leave the layer out`,
  );
}
