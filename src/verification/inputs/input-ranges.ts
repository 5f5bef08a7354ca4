import type { Model } from '../../model/model.ts';
import type { TensorRange } from '../../quantization/integer/range-grid.ts';
import { largestOf, smallestOf } from '../../tensor/extremes.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { guessNormalization } from './guess-normalization.ts';
import { modelInputs } from './model-inputs.ts';
import { type Normalization, pixelScaling, suitsChannels } from './normalization.ts';

/**
 * The ranges of the inputs of `model`, in their order: of one that takes pictures, what becomes of bytes; undefined for any
 * other.
 *
 * @param normalization guessed where it is left out, which takes the batch norms of the model: see {@link guessNormalization}
 * @throws CannotRunError as {@link modelInputs} does.
 */
export function inputRanges(model: Model, normalization?: Normalization): (TensorRange | undefined)[] {
  const chosen = normalization ?? guessNormalization(model).normalization;
  return modelInputs(model).map(({ image }) => {
    if (!image || !suitsChannels(chosen, image.channels)) return undefined;
    const { scale, offset } = pixelScaling(chosen, image.channels);
    return {
      min: smallestOf(offset),
      max: largestOf(scale.map((factor, channel) => 255 * factor + (offset[channel] ?? 0))),
    };
  });
}

/** The {@link inputRanges} of `model`, and what `inputs` has beyond them: floats may be scaled otherwise than is guessed. */
export function inputRangesOn(
  model: Model,
  inputs: readonly Tensor[],
  normalization?: Normalization,
): (TensorRange | undefined)[] {
  return inputRanges(model, normalization).map((range, index) => {
    const values = inputs[index]?.toFloat64() ?? [];
    return range && { min: Math.min(range.min, smallestOf(values)), max: largestOf(values, range.max) };
  });
}
