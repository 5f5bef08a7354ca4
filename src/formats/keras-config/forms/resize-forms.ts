/**
 * Pictures cut and resized. TF.js fails to run the layers for it in a model, and takes other sample positions than Keras in
 * upsampling; but each axis is resized by a matrix, which is what a Dense is.
 *
 * @module
 */

import type { JsonValue } from '../../../json/value.ts';
import type { Layer } from '../../../model/layer.ts';
import type { ModelTensor } from '../../../model/model.ts';
import type { Operation, Shape } from '../../../model/operation.ts';
import {
  type Interpolation,
  isInterpolation,
  resamplingMatrix,
  type Sampling,
} from '../../../tensor/resampling.ts';
import { Tensor } from '../../../tensor/tensor.ts';
import type { Compute, LayerForm } from './layer-form.ts';
import { movedLast, undone } from './moved-axes.ts';

/** An upsampling between samples. */
export function upSamplingForm(operation: Operation, input: Shape): Compute | undefined {
  if (operation.kind !== 'upSampling' || operation.interpolation === 'nearest') return undefined;
  const { interpolation } = operation;
  if (!isInterpolation(interpolation)) return undefined;
  const pictures = picturesOf(input, operation.dataFormat === 'channels_first');
  const [down = 1, across = 1] = operation.size;
  return (
    pictures &&
    resized(pictures, [whole(pictures.rows, down), whole(pictures.columns, across)], interpolation)
  );
}

function whole(size: number, factor: number): Sampling {
  return { size, first: 0, part: size, samples: size * factor };
}

/**
 * Resizing, CenterCrop and RandomCrop, where it is known what they do: the last one, unless it has nothing to cut, does
 * something else in every version of Keras 3.
 */
export function pictureForm({ className, readConfig }: Layer, input: Shape): Compute | undefined {
  const { height, width, data_format: format, interpolation = 'bilinear' } = readConfig;
  const pictures = picturesOf(input, format === 'channels_first');
  if (!pictures || typeof height !== 'number' || typeof width !== 'number') return undefined;
  const { rows, columns, order } = pictures;
  if (rows === height && columns === width) return (form, x) => form.activated(x, 'linear');
  if (className === 'RandomCrop') return undefined;
  if (className === 'CenterCrop' && rows >= height && columns >= width) {
    const cropping = [sides(rows - height), sides(columns - width)];
    return (form, x) =>
      form.permuted(form.add('Cropping2D', { cropping }, form.permuted(x, order)), undone(order));
  }
  const isPlain = [readConfig['antialias'], readConfig['pad_to_aspect_ratio']].every((one) => one !== true);
  if (!isPlain || !isInterpolation(interpolation)) return undefined;
  const isCut = className === 'CenterCrop' || readConfig['crop_to_aspect_ratio'] === true;
  const middle = (size: number, wanted: number, samples: number): Sampling => {
    const part = isCut ? Math.max(1, Math.min(size, Math.floor(wanted))) : size;
    return { size, first: Math.floor((size - part) / 2), part, samples };
  };
  const samplings = [
    middle(rows, (columns * height) / width, height),
    middle(columns, (rows * width) / height, width),
  ] as const;
  return resized(pictures, samplings, interpolation);
}

function sides(extra: number): JsonValue {
  return [Math.floor(extra / 2), extra - Math.floor(extra / 2)];
}

/** Pictures of known size, and the order of axes in which their channels are the last. */
interface Pictures {
  readonly rows: number;
  readonly columns: number;
  readonly order: readonly number[];
}

function picturesOf(input: Shape, isFirst: boolean): Pictures | undefined {
  const order = movedLast(input.length, isFirst ? [1] : []);
  const [rows, columns] = order.map((axis) => input[axis]);
  return input.length === 4 && typeof rows === 'number' && typeof columns === 'number'
    ? { rows, columns, order }
    : undefined;
}

function resized(
  { order }: Pictures,
  [down, across]: readonly [Sampling, Sampling],
  interpolation: Interpolation,
): Compute {
  const along = (form: LayerForm, x: ModelTensor, sampling: Sampling): ModelTensor =>
    form.add(
      'Dense',
      { units: sampling.samples, use_bias: false, activation: 'linear' },
      x,
      new Map([['kernel', kernelFor(sampling, interpolation)]]),
    );
  return (form, x) => {
    const wide = along(form, form.permuted(form.permuted(x, order), [1, 3, 2]), across);
    const tall = along(form, form.permuted(wide, [3, 2, 1]), down);
    return form.permuted(form.permuted(tall, [3, 1, 2]), undone(order));
  };
}

function kernelFor(sampling: Sampling, interpolation: Interpolation): Tensor {
  const { size, samples } = sampling;
  return Tensor.of('float32', [size, samples], resamplingMatrix(sampling, interpolation));
}
