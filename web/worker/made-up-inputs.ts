import { type Model, seededInputs, type Tensor } from 'crosslayer';
import { count } from 'crosslayer/report';
import { describeNormalization, guessNormalization, modelInputs } from 'crosslayer/verification';

/**
 * Samples from a seed, and what they are in words.
 *
 * @throws CannotRunError where none can be made up.
 */
export function madeUpInputs(
  model: Model,
  samples: number,
): { readonly tensors: readonly Tensor[]; readonly description: string } {
  return { tensors: seededInputs(model, { samples }), description: describeInputs(model, samples) };
}

function describeInputs(model: Model, samples: number): string {
  const made = count(samples, 'made-up sample');
  if (!modelInputs(model).some(({ image }) => image !== undefined)) return made;
  const { normalization, reason } = guessNormalization(model);
  return `${made}: the range of pixels as ${describeNormalization(normalization)} (a guess: ${reason})`;
}
