/**
 * What is done to a network before its kernels are quantized.
 *
 * @module
 */

import { correctBias } from '../../src/equalization/biases/bias-correction.ts';
import { capActivations } from '../../src/equalization/caps/relu6-caps.ts';
import { carryScales } from '../../src/equalization/carriers/scale-carriers.ts';
import { activationMoments } from '../../src/equalization/moments/activation-moments.ts';
import {
  cancellingQuantizer,
  quantizeKernels,
} from '../../src/equalization/rounding/cancelling-quantizer.ts';
import { type Objective, scaleRegions } from '../../src/equalization/scaling/scale-regions.ts';
import type { Model } from '../../src/model/model.ts';
import { foldAllBatchNorms } from '../../src/primitives/batch-norm-fold.ts';
import { equalizeBnFoldedModel } from '../../src/primitives/equalize-model.ts';
import { replaceRelu6WithRelu } from '../../src/primitives/replace-relu6.ts';
import { fakeQuantize } from '../../src/quantization/fake-quantize.ts';
import { QUANTIZER_PRESETS, type WeightQuantizer } from '../../src/quantization/quantizer.ts';

/** A way from a network to one with quantized kernels. */
export interface Recipe {
  readonly name: string;
  readonly quantizer: WeightQuantizer;
  /** Edits a copy of the network, all weights of which stay in float. */
  readonly prepare: (model: Model) => void;
  /** Whether biases are corrected for the quantizer, from the statistics of batch norms. */
  readonly corrects: boolean;
  /** How weights are rounded: to the nearest level, or so that errors cancel each other. */
  readonly rounding: 'nearest' | 'cancelling';
}

const PER_TENSOR = QUANTIZER_PRESETS['int8-per-tensor'];
const PER_CHANNEL = QUANTIZER_PRESETS['int8-per-channel'];
const TFJS = QUANTIZER_PRESETS['tfjs-uint8'];

const CORRECTED = { corrects: true } as const;
const CANCELLING = { rounding: 'cancelling' } as const;

/** All recipes, in the order of the tables. */
export const RECIPES: readonly Recipe[] = [
  recipe('batch norms folded, nothing else', PER_TENSOR, fold),
  recipe('reference: ReLU for ReLU6, fold, scale, absorb', PER_TENSOR, (model) => {
    replaceRelu6WithRelu(model);
    const [foldedPairs] = foldAllBatchNorms(model);
    equalizeBnFoldedModel(model, foldedPairs);
  }),
  recipe('folded, bias correction', PER_TENSOR, fold, { ...CORRECTED }),
  recipe('equal ranges, exact caps', PER_TENSOR, scaleTo('equal-ranges')),
  recipe('equal ranges, exact caps, bias correction', PER_TENSOR, scaleTo('equal-ranges'), {
    ...CORRECTED,
  }),
  recipe('least noise, exact caps', PER_TENSOR, scaleTo('least-noise')),
  recipe('least noise, ReLU6 kept, bias correction', PER_TENSOR, scaleTo('least-noise', false), {
    ...CORRECTED,
  }),
  recipe('least noise, exact caps, bias correction', PER_TENSOR, scaleTo('least-noise'), {
    ...CORRECTED,
  }),
  recipe(
    'least noise, exact caps, bias correction, cancelling rounding',
    PER_TENSOR,
    scaleTo('least-noise'),
    {
      ...CORRECTED,
      ...CANCELLING,
    },
  ),
  recipe('scale carriers', TFJS, carry),
  recipe('scale carriers, bias correction', TFJS, carry, CORRECTED),
  recipe('scale carriers, bias correction, cancelling rounding', TFJS, carry, {
    ...CORRECTED,
    ...CANCELLING,
  }),
  recipe('per channel: folded', PER_CHANNEL, fold),
  recipe('per channel: folded, bias correction', PER_CHANNEL, fold, { ...CORRECTED }),
  recipe('per channel: folded, bias correction, cancelling rounding', PER_CHANNEL, fold, {
    ...CORRECTED,
    ...CANCELLING,
  }),
];

function recipe(
  name: string,
  quantizer: WeightQuantizer,
  prepare: (model: Model) => void,
  options: Partial<Recipe> = {},
): Recipe {
  const plain = { corrects: false, rounding: 'nearest' } as const;
  return { name, quantizer, prepare, ...plain, ...options };
}

/** What becomes of a prepared model; the given one is left as it is. */
export function quantized(
  prepared: Model,
  { corrects, rounding }: Recipe,
  quantizer: WeightQuantizer,
): Model {
  const model = prepared.clone();
  const moments = activationMoments(prepared);
  const kernelOf = rounding === 'cancelling' ? cancellingQuantizer(model, quantizer, moments) : undefined;
  if (corrects) correctBias(model, kernelOf ?? quantizer, moments);
  if (kernelOf) quantizeKernels(model, kernelOf);
  return fakeQuantize(model, quantizer);
}

function fold(model: Model): void {
  foldAllBatchNorms(model);
}

function carry(model: Model): void {
  carryScales(model);
}

function scaleTo(objective: Objective, throughBounded = true): (model: Model) => void {
  return (model) => {
    foldAllBatchNorms(model);
    const { bounded } = scaleRegions(model, { throughBounded, objective });
    capActivations(model, bounded);
  };
}
