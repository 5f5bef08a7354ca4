/**
 * Arrays that users have, as the inputs of a model.
 *
 * @module
 */

import { UnsupportedModelError } from '../../errors.ts';
import type { Shape } from '../../model/operation.ts';
import { type FloatValues, isFloat } from '../../tensor/dtype.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { dimensionsText } from '../../text/numbers.ts';
import { checkValues } from './check-values.ts';
import { type ModelInput, unfit } from './model-inputs.ts';
import { guessFor, type Normalization, normalizePixels } from './normalization.ts';
import { fitsShape, shapeAdvice } from './shape-advice.ts';

/** Past what x/255, x/127.5 - 1 and the mean and deviation of ImageNet make of 255. */
const LARGEST_NORMALIZED = 3;

/** An array made ready for an input. */
export interface FittedArray {
  readonly tensor: Tensor;
  /** What was done to its pixels; undefined where the values went in as they are. */
  readonly normalization: Normalization | undefined;
}

/**
 * An array as the input that it is for: uint8 for a picture are pixels, and are normalized; floats go in as they are,
 * unless a normalization is asked for, which takes them for pixels 0..255.
 *
 * Pixels may lie as `[samples, height, width, channels]` whatever the model takes, and grey ones without channels.
 *
 * @param name of the array, for messages.
 * @param normalization what was asked for, and what is guessed where nothing was.
 * @throws UnsupportedModelError where it does not fit, has no values, or one that is not finite or no entry of the
 * Embedding that reads it, with what to do.
 */
export function fitArray(
  array: Tensor,
  name: string,
  input: ModelInput,
  normalization: { readonly asked: Normalization | undefined; readonly guessed: Normalization },
): FittedArray {
  const { image } = input;
  requireValues(array, name);
  if (!image || !takesPixels(input) || (array.dtype !== 'uint8' && normalization.asked === undefined)) {
    if (normalization.asked !== undefined && normalization.asked !== 'raw') {
      const reason = `${input.name}: takes no picture of real numbers, so ${name} cannot be normalized; leave --normalize out`;
      throw new UnsupportedModelError('normalization', reason);
    }
    requireShape(array.shape, input.shape, name, input);
    checkValues(array, name, input);
    return {
      tensor: takesFloats(input) ? asFloat(array, name, input) : asWhole(array, name, input),
      normalization: undefined,
    };
  }
  const scaling = normalization.asked ?? guessFor(image.channels, normalization.guessed);
  const { shape, isMoved } = pixelLayout(array.shape, name, input);
  checkValues(array, name, input);
  const pixels = isMoved ? channelsLast(numbersOf(array), shape) : numbersOf(array);
  return { tensor: normalizePixels(pixels, shape, scaling, image.dataFormat), normalization: scaling };
}

/** Whether what goes into the input can be pixels that were normalized. */
export function takesPixels(input: ModelInput): boolean {
  return input.image !== undefined && takesFloats(input);
}

/**
 * Whether an array that goes into the input as it is looks like pixels 0..255 that nobody normalized: floats for a
 * picture, none below 0, and some above 3, where no normalization gets without values below 0.
 */
export function looksUnscaled(array: Tensor, input: ModelInput): boolean {
  if (!takesPixels(input) || !isFloat(array.dtype)) return false;
  let most = 0;
  for (const value of array.values() as FloatValues) {
    if (value < 0 || value > 255) return false;
    if (value > most) most = value;
  }
  return most > LARGEST_NORMALIZED;
}

function takesFloats({ dtype }: ModelInput): boolean {
  return /float|double|half/.test(dtype);
}

/** The shape of pixels with their channels last, and whether these have to be moved there. */
function pixelLayout(
  shape: readonly number[],
  name: string,
  input: ModelInput,
): { readonly shape: readonly number[]; readonly isMoved: boolean } {
  const { image } = input;
  const wanted: Shape = [null, image?.height ?? null, image?.width ?? null, image?.channels ?? null];
  if (fitsShape(shape, wanted)) return { shape, isMoved: false };
  const grey = [...shape, 1];
  if (image?.channels === 1 && fitsShape(grey, wanted)) return { shape: grey, isMoved: false };
  requireShape(shape, image?.dataFormat === 'channels_first' ? input.shape : wanted, name, input);
  const [samples = 0, channels = 0, height = 0, width = 0] = shape;
  return { shape: [samples, height, width, channels], isMoved: true };
}

function requireShape(shape: readonly number[], wanted: Shape, name: string, input: ModelInput): void {
  if (fitsShape(shape, wanted)) return;
  throw unfit(
    `${name}: is of shape ${dimensionsText(shape)}, but the input ${input.name} takes ${shapeText(wanted)}; ` +
      shapeAdvice(shape, wanted, input),
  );
}

function requireValues({ shape, size }: Tensor, name: string): void {
  if (shape[0] === 0) {
    throw unfit(`${name}: has no samples (its shape is ${dimensionsText(shape)}); save it with one or more`);
  }
  if (size > 0) return;
  throw unfit(
    `${name}: is of shape ${dimensionsText(shape)}, which holds no values; save it without dimensions of length 0`,
  );
}

function asFloat(array: Tensor, name: string, input: ModelInput): Tensor {
  if (array.dtype === 'float32') return array;
  // Whole numbers of other types could be pixels or not; an Embedding takes them whatever the model says of its input.
  if (input.image && !isFloat(array.dtype) && array.dtype !== 'bool' && array.dtype !== 'uint8') {
    throw unfit(
      `${name}: is ${array.dtype}; save pixels 0..255 as uint8 (array.astype('uint8')), and values that are scaled ` +
        "already as float (array.astype('float32'))",
    );
  }
  return Tensor.fromNumbers('float32', array.shape, numbersOf(array));
}

function asWhole(array: Tensor, name: string, input: ModelInput): Tensor {
  const isFlag = input.dtype === 'bool';
  if (isFloat(array.dtype) || (isFlag && array.dtype !== 'bool')) {
    throw unfit(
      `${name}: is ${array.dtype}, but the input ${input.name} takes ${input.dtype}; convert it: ` +
        `array.astype('${input.dtype}')`,
    );
  }
  if (isFlag || array.dtype === 'int32') return array;
  const numbers = numbersOf(array);
  for (let index = 0; index < numbers.length; index++) {
    const number = numbers[index] ?? 0;
    if (number !== (number | 0))
      throw unfit(`${name}: ${number} is no int32, the largest type that models are run with`);
  }
  return Tensor.of('int32', array.shape, Int32Array.from(numbers));
}

/** The values as numbers; those of 64-bit integers past 2^53 are rounded. */
function numbersOf(array: Tensor): ArrayLike<number> {
  const values = array.values();
  if (values instanceof BigInt64Array || values instanceof BigUint64Array)
    return Float64Array.from(values, Number);
  return values as FloatValues;
}

/** Values of channels first in the order of `shape`, which has them last. */
function channelsLast(values: ArrayLike<number>, shape: readonly number[]): Float64Array {
  const [samples = 0, height = 0, width = 0, channels = 0] = shape;
  const size = height * width * channels;
  const moved = new Float64Array(values.length);
  let from = 0;
  for (let sample = 0; sample < samples; sample++) {
    for (let channel = 0; channel < channels; channel++) {
      const end = (sample + 1) * size;
      for (let to = sample * size + channel; to < end; to += channels) moved[to] = values[from++] ?? 0;
    }
  }
  return moved;
}

function shapeText(shape: Shape): string {
  return `[${shape.map((size, axis) => (axis === 0 ? 'samples' : (size ?? 'any'))).join(', ')}]`;
}
