import { type Model, seededInputs, type Tensor } from 'crosslayer';
import { count } from 'crosslayer/report';
import {
  describeScaling,
  guessNormalization,
  modelInputs,
  type Normalization,
} from 'crosslayer/verification';

/**
 * Samples from a seed, and what they are in words.
 *
 * @throws CannotRunError where none can be made up.
 */
export function madeUpInputs(
  model: Model,
  samples: number,
  normalization: Normalization | undefined,
): { readonly tensors: readonly Tensor[]; readonly description: string } {
  return {
    tensors: seededInputs(model, { samples, normalization }),
    description: describeInputs(model, samples, normalization),
  };
}

function describeInputs(model: Model, samples: number, chosen: Normalization | undefined): string {
  const made = count(samples, 'made-up sample');
  if (!modelInputs(model).some(({ image }) => image !== undefined)) return made;
  return `${made}: the range of ${scalingText(model, chosen)}`;
}

/** How inputs are scaled, and why where that is a guess. */
export function scalingText(model: Model, chosen: Normalization | undefined): string {
  const inputs = modelInputs(model);
  if (chosen !== undefined) return describeScaling(inputs, chosen);
  const { normalization, reason } = guessNormalization(model);
  return `${describeScaling(inputs, normalization)} (a guess: ${reason})`;
}
