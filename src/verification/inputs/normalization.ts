/**
 * What models are given instead of pixels 0..255: the `preprocess_input` of keras.applications, and its like.
 *
 * @module
 */

import { UnsupportedModelError } from '../../errors.ts';
import type { DataFormat } from '../../model/operation.ts';
import { sizeOf } from '../../tensor/dtype.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { dimensionsText } from '../../text/numbers.ts';

/** The names of all normalizations. */
export const NORMALIZATIONS = ['tf', 'torch', 'caffe', '0..1', 'raw'] as const;

/**
 * How pixels are scaled before a model sees them; `tf`, `torch` and `caffe` are the modes of keras.applications.
 *
 * `tf`: x / 127.5 - 1. `torch`: x / 255, minus the mean of ImageNet, over its standard deviation. `caffe`: RGB becomes
 * BGR, minus the mean of ImageNet. `0..1`: x / 255. `raw`: 0..255 as they are.
 */
export type Normalization = (typeof NORMALIZATIONS)[number];

/** @throws RangeError, which lists the names, where there is no such normalization; undefined is one to be guessed. */
export function checkNormalization(normalization: Normalization | undefined): void {
  if (normalization === undefined || NORMALIZATIONS.includes(normalization)) return;
  throw new RangeError(
    `there is no normalization ${String(normalization)}; there are ${NORMALIZATIONS.join(', ')}`,
  );
}

/** Pixels to what a model gets: `x * scale + offset`, a number for each of its channels. */
export interface PixelScaling {
  readonly scale: readonly number[];
  readonly offset: readonly number[];
  /** Whether the model's first channel is the picture's last: BGR. */
  readonly isReversed: boolean;
}

/** Means and deviations of ImageNet as keras.applications has them: of x / 255 in RGB, and of x in BGR. */
const TORCH_MEAN = [0.485, 0.456, 0.406];
const TORCH_DEVIATION = [0.229, 0.224, 0.225];
const CAFFE_MEAN = [103.939, 116.779, 123.68];

/** In words, and `x * scale + offset`: one number for channels of any number, or one for each of RGB. */
interface Formula {
  readonly text: string;
  readonly scale: number | readonly number[];
  readonly offset: number | readonly number[];
}

const FORMULAS: Readonly<Record<Normalization, Formula>> = {
  tf: { text: 'x/127.5 - 1', scale: 1 / 127.5, offset: -1 },
  torch: {
    text: 'x/255, then the mean and deviation of ImageNet',
    scale: TORCH_DEVIATION.map((deviation) => 1 / (255 * deviation)),
    offset: TORCH_MEAN.map((mean, channel) => -mean / (TORCH_DEVIATION[channel] ?? 1)),
  },
  caffe: { text: 'BGR minus the mean of ImageNet', scale: 1, offset: CAFFE_MEAN.map((mean) => -mean) },
  '0..1': { text: 'x/255', scale: 1 / 255, offset: 0 },
  raw: { text: '0..255 as they are', scale: 1, offset: 0 },
};

/** Whether pictures of so many channels can be normalized so: means and deviations of RGB say nothing of others. */
export function suitsChannels(normalization: Normalization, channels: number): boolean {
  return channels === 3 || typeof FORMULAS[normalization].offset === 'number';
}

/** What was guessed for a model, for one of its inputs: `0..1` where the guess does not suit its channels. */
export function guessFor(channels: number, guessed: Normalization): Normalization {
  return suitsChannels(guessed, channels) ? guessed : '0..1';
}

/**
 * The scaling of a normalization for pictures of `channels` channels.
 *
 * @throws UnsupportedModelError where it is defined for RGB alone and the pictures have another number of channels.
 */
export function pixelScaling(normalization: Normalization, channels: number): PixelScaling {
  if (!suitsChannels(normalization, channels)) {
    throw new UnsupportedModelError(
      'normalization',
      `the normalization ${normalization} is for RGB, but the input has ${channels} channels; use tf, 0..1 or raw`,
    );
  }
  const { scale, offset } = FORMULAS[normalization];
  const all = (value: number | readonly number[]): readonly number[] =>
    typeof value === 'number' ? new Array<number>(channels).fill(value) : value;
  return { scale: all(scale), offset: all(offset), isReversed: normalization === 'caffe' };
}

/** A formula or a few words for people. */
export function describeNormalization(normalization: Normalization): string {
  return FORMULAS[normalization].text;
}

/**
 * Pixels 0..255 as a model is given them, in float32.
 *
 * @param pixels `[samples, height, width, channels]` in C order.
 * @param dataFormat of the result.
 * @throws RangeError where `shape` is none of four dimensions that `pixels` fill; UnsupportedModelError as
 * {@link pixelScaling}.
 */
export function normalizePixels(
  pixels: ArrayLike<number>,
  shape: readonly number[],
  normalization: Normalization,
  dataFormat: DataFormat = 'channels_last',
): Tensor {
  const [samples = 0, height = 0, width = 0, channels = 0] = shape;
  if (shape.length !== 4 || pixels.length !== sizeOf(shape)) {
    throw new RangeError(`${pixels.length} pixels are no pictures of the shape ${dimensionsText(shape)}`);
  }
  const { scale, offset, isReversed } = pixelScaling(normalization, channels);
  const isFirst = dataFormat === 'channels_first';
  const positions = height * width;
  const values = new Float32Array(pixels.length);
  for (let channel = 0; channel < channels; channel++) {
    const factor = scale[channel] ?? 1;
    const shift = offset[channel] ?? 0;
    let from = isReversed ? channels - 1 - channel : channel;
    for (let sample = 0; sample < samples; sample++) {
      let to = sample * positions * channels + (isFirst ? channel * positions : channel);
      for (let position = 0; position < positions; position++) {
        values[to] = (pixels[from] ?? 0) * factor + shift;
        from += channels;
        to += isFirst ? 1 : channels;
      }
    }
  }
  const result = isFirst ? [samples, channels, height, width] : [samples, height, width, channels];
  return Tensor.of('float32', result, values);
}
