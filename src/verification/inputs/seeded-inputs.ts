/**
 * Inputs for models made from a seed, where nobody has real ones at hand.
 *
 * @module
 */

import { CannotRunError, LimitError } from '../../errors.ts';
import { MAX_ARRAY_BYTES } from '../../formats/limits.ts';
import type { Model } from '../../model/model.ts';
import { allocate, type DType, sizeOf } from '../../tensor/dtype.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { embeddingEntries } from './embedding-entries.ts';
import { guessNormalization } from './guess-normalization.ts';
import { type ImageLayout, type ModelInput, modelInputs } from './model-inputs.ts';
import { checkNormalization, guessFor, type Normalization, normalizePixels } from './normalization.ts';
import { type SeededRandom, seededRandom } from './seeded-random.ts';
import { fillSmooth } from './smooth-picture.ts';

/** How seeded inputs are made. */
export interface SeededInputOptions {
  /** 4 where it is left out. */
  readonly samples?: number;
  /** 1 where it is left out. */
  readonly seed?: number;
  /** Guessed where it is left out; see {@link guessNormalization}. */
  readonly normalization?: Normalization | undefined;
}

/** Height and width of pictures for a model that takes any. */
export const SEEDED_IMAGE_SIZE = 64;
/** Every other dimension for a model that takes any, such as the steps of a sequence. */
export const SEEDED_SIZE = 16;

/**
 * A tensor for each input of `model`, `[samples, ...]`; the same ones for the same model and options.
 *
 * Pictures are smooth in the first half of the samples, which drives the filters that look for shapes and colours to
 * their largest values, and noise in the second, which reaches those that look for edges; both fill the range that the
 * normalization gives. What an Embedding reads is whole numbers that it has an entry for. Other whole numbers are 0 or 1,
 * and other real ones standard normal. Where the model takes any size, pictures are 64 x 64 and other dimensions 16.
 *
 * @throws RangeError where `samples` is no positive whole number or there is no such normalization; UnsupportedModelError
 * where the normalization that is asked for does not suit the channels; LimitError where the inputs are too large for
 * memory; CannotRunError where a shape is not known or an input takes text.
 */
export function seededInputs(model: Model, options: SeededInputOptions = {}): Tensor[] {
  const { samples = 4, seed = 1 } = options;
  if (!Number.isSafeInteger(samples) || samples < 1)
    throw new RangeError(`${samples} samples; ask for one or more`);
  checkNormalization(options.normalization);
  const guessed = guessNormalization(model).normalization;
  return modelInputs(model).map((input, index) => {
    // A sequence of its own, so that one input does not depend on the size of those before it.
    const random = seededRandom(Math.imul(seed, 0x9e3779b1) + index);
    const normalization = options.normalization ?? guessFor(input.image?.channels ?? 3, guessed);
    return seededInput(input, samples, normalization, random);
  });
}

function seededInput(
  input: ModelInput,
  samples: number,
  normalization: Normalization,
  random: SeededRandom,
): Tensor {
  const { name, image, dtype } = input;
  const unknown = image ? SEEDED_IMAGE_SIZE : SEEDED_SIZE;
  const shape = [samples, ...input.shape.slice(1).map((size) => size ?? unknown)];
  const bytes = 4 * sizeOf(shape);
  if (bytes > MAX_ARRAY_BYTES) {
    throw new LimitError(
      `${name}: bytes of ${samples} samples`,
      bytes,
      MAX_ARRAY_BYTES,
      'ask for fewer samples',
    );
  }
  const entries = embeddingEntries(input.tensor)?.entries;
  const family = dtypeFamily(dtype, name);
  if (entries !== undefined) {
    return filled(family === 'bool' ? 'int32' : family, shape, () => Math.floor(random.uniform() * entries));
  }
  if (image && family !== 'bool') {
    const tensor = picture(image, shape, normalization, random);
    return family === 'float32'
      ? tensor
      : Tensor.fromNumbers('int32', shape, tensor.toFloat64().map(Math.round));
  }
  if (family !== 'float32') return filled(family, shape, () => (random.uniform() < 0.5 ? 0 : 1));
  return filled('float32', shape, random.normal);
}

/** What the values are held in: TF.js has one type of real and one of whole numbers. */
function dtypeFamily(dtype: string, input: string): 'float32' | 'int32' | 'bool' {
  if (/^b?float|^double|^half/.test(dtype)) return 'float32';
  if (/^u?int/.test(dtype)) return 'int32';
  if (dtype === 'bool') return 'bool';
  throw new CannotRunError(input, `takes ${dtype}, and only numbers can be made up`);
}

function filled(dtype: DType, shape: readonly number[], next: () => number): Tensor {
  const values = allocate(dtype, sizeOf(shape)) as Float32Array | Int32Array | Uint8Array;
  for (let index = 0; index < values.length; index++) values[index] = next();
  return Tensor.of(dtype, shape, values);
}

function picture(
  { channels, dataFormat }: ImageLayout,
  shape: readonly number[],
  normalization: Normalization,
  random: SeededRandom,
): Tensor {
  const [samples = 0] = shape;
  const [height = 0, width = 0] = dataFormat === 'channels_first' ? shape.slice(2) : shape.slice(1);
  const pixels = new Float32Array(sizeOf(shape));
  const size = height * width * channels;
  for (let sample = 0; sample < samples; sample++) {
    const part = pixels.subarray(sample * size, (sample + 1) * size);
    if (sample < samples / 2) fillSmooth(part, { height, width, channels }, random);
    else for (let index = 0; index < size; index++) part[index] = noisePixel(random);
  }
  return normalizePixels(pixels, [samples, height, width, channels], normalization, dataFormat);
}

/** Normal around the middle; one in twenty is at an end of the range. */
function noisePixel(random: SeededRandom): number {
  return Math.min(255, Math.max(0, 127.5 + 64 * random.normal()));
}
