/**
 * Which normalization a model wants: no file says, so it is guessed, and the reason is given with it.
 *
 * @module
 */

import type { GraphTensor } from '../../model/graph.ts';
import type { Model } from '../../model/model.ts';
import { small } from '../../text/numbers.ts';
import { firstReader, type InputStatistics, inputStatistics } from './input-statistics.ts';
import { type ModelFamily, modelFamily } from './model-family.ts';
import { type ModelInput, modelInputs } from './model-inputs.ts';
import {
  describeNormalization,
  NORMALIZATIONS,
  type Normalization,
  pixelScaling,
  suitsChannels,
} from './normalization.ts';

/** A guess, and what it rests on. */
export interface NormalizationGuess {
  readonly normalization: Normalization;
  /** A clause to print behind "guessed, because". */
  readonly reason: string;
}

/** Behind a normalization that was guessed, in a line about inputs. */
export const GUESSED = ' (guessed; --normalize overrides it)';

/** Layers before the first convolution that leave values as they are. */
const NEUTRAL_CLASSES = /^(Random|Resizing$|CenterCrop$)/;
/** Layers and operators that may scale the pixels inside of the model, where nobody knows what they do. */
const SCALING_CLASSES =
  /^(Normalization|Lambda|TFOpLambda|SlicingOpLambda|(True)?Divide|Subtract|Multiply|Add|GetItem)$/;

/** What the pixels of photographs are like, as parts of 255; a data set may be this far from it. */
const PIXEL_MEAN = { usual: 0.45, spread: 0.2 };
const PIXEL_DEVIATION = { usual: 0.27, factor: 1.65 };
/** Squared distance, in spreads, up to which statistics are those of pictures at all, and from which one fits better. */
const PLAUSIBLE = 4;
const DISTINCT = 1;

/**
 * Guesses the normalization of the first input that looks like a picture: from layers that scale inside of the model,
 * from what its first batch norm saw in training, from the names of the families of keras.applications. Where none of
 * them tells, it is `0..1`.
 */
export function guessNormalization(model: Model): NormalizationGuess {
  const input = modelInputs(model).find(({ image }) => image !== undefined);
  if (!input?.image) {
    return { normalization: 'raw', reason: 'no input looks like a picture, so values go in as they are' };
  }
  if (input.dtype === 'uint8') return { normalization: 'raw', reason: `the input ${input.name} takes uint8` };
  const scaling = scalingLayer(input.tensor);
  if (scaling !== undefined) {
    return { normalization: 'raw', reason: `the layer ${scaling} scales values inside of the model` };
  }
  return (
    fromStatistics(model, input, input.image.channels) ?? fromNames(model, input.image.channels) ?? DEFAULT
  );
}

const DEFAULT: NormalizationGuess = {
  normalization: '0..1',
  reason: 'nothing in the model tells, and x/255 is the most usual',
};

/** The layer before the first convolution that computes with the pixels. */
function scalingLayer(input: GraphTensor): string | undefined {
  const reader = firstReader(
    input,
    ({ className, operation: { kind } }) =>
      NEUTRAL_CLASSES.test(className) || kind === 'identity' || kind === 'slice',
  );
  if (!reader) return undefined;
  const { className, operation } = reader.layer;
  const scales =
    operation.kind === 'rescaling' || (operation.kind === 'opaque' && SCALING_CLASSES.test(className));
  return scales ? reader.path : undefined;
}

function fromStatistics(model: Model, input: ModelInput, channels: number): NormalizationGuess | undefined {
  const statistics = inputStatistics(input.tensor);
  if (!statistics) return undefined;
  const fits = NORMALIZATIONS.filter((one) => suitsChannels(one, channels))
    .map((normalization) => ({ normalization, distance: distanceFrom(normalization, channels, statistics) }))
    .sort((one, other) => one.distance - other.distance);
  const best = fits[0];
  if (!best || best.distance > PLAUSIBLE) return undefined;
  const close = fits.filter(({ distance }) => distance < best.distance + DISTINCT);
  const family = modelFamily(model);
  const named = close.find(({ normalization }) => normalization === family?.normalization);
  const { normalization } = named ?? best;
  const { batchNorm, mean, deviation } = statistics;
  const told =
    `the statistics of ${batchNorm} say that inputs were about ${small(mean)} with a deviation of ` +
    `${small(deviation)} in training, ` +
    `as ${normalization === 'raw' ? 'values of 0..255 are' : `${describeNormalization(normalization)} gives`}`;
  return { normalization, reason: family ? `${told}; ${familyClause(family, normalization)}` : told };
}

function familyClause({ family, name, normalization }: ModelFamily, found?: Normalization): string {
  const usual = normalization === found ? 'the same' : describeNormalization(normalization);
  return `the name ${name} is of ${family}, which usually gets ${usual}`;
}

function fromNames(model: Model, channels: number): NormalizationGuess | undefined {
  const family = modelFamily(model);
  if (!family || !suitsChannels(family.normalization, channels)) return undefined;
  return { normalization: family.normalization, reason: familyClause(family) };
}

/** How far the pixels that would give these statistics are from those of photographs; Infinity where there are none. */
function distanceFrom(
  normalization: Normalization,
  channels: number,
  { mean, deviation }: InputStatistics,
): number {
  const { scale, offset } = pixelScaling(normalization, channels);
  const average = (values: readonly number[]): number =>
    values.reduce((sum, one) => sum + one, 0) / values.length;
  const range = average(scale) * 255;
  const pixelMean = (mean - average(offset)) / range;
  const pixelDeviation = deviation / range;
  // No values between 0 and 1 deviate more than by this.
  if (pixelDeviation ** 2 > pixelMean * (1 - pixelMean)) return Infinity;
  const byMean = (pixelMean - PIXEL_MEAN.usual) / PIXEL_MEAN.spread;
  const byDeviation = Math.log(pixelDeviation / PIXEL_DEVIATION.usual) / Math.log(PIXEL_DEVIATION.factor);
  return byMean ** 2 + byDeviation ** 2;
}
