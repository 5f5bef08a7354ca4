/**
 * The dtypes of kernels for a model that may take so many bytes.
 *
 * @module
 */

import { channelCount } from '../../model/channels.ts';
import { buildGraph, firstKernelCalls } from '../../model/graph.ts';
import type { Model } from '../../model/model.ts';
import { packableWeights, weightKey } from '../../quantization/packing/packable-weights.ts';
import { PACKED_BYTES } from '../../quantization/packing/packed-dtypes.ts';
import { weightBytes } from '../../quantization/packing/weight-bytes.ts';
import { packedWidth } from '../../tensor/packed-values.ts';
import { shiftedBatchNorms } from '../biases/output-shift.ts';
import type { ActivationMoments } from '../moments/activation-moments.ts';
import { dtypeOptions } from './dtype-options.ts';
import { type DTypeOption, planDTypes, readableBytes } from './dtype-plan.ts';

/** The dtypes that were chosen for a budget. */
export interface WeightPlan {
  /** Bytes that all weights of the model may take together. */
  readonly budget: number;
  /** Bytes that they are going to take, at most. */
  readonly bytes: number;
  /** The kernels that there was a choice for, in the order of the graph. Layers by their paths. */
  readonly weights: readonly (DTypeOption & {
    readonly layer: string;
    readonly weight: string;
    /** Its part of the expected squared error that is left; 0 where nothing is. */
    readonly share: number;
  })[];
  /** The expected squared error of the outputs, all kernels together. */
  readonly damage: number;
  /** The same with the smallest dtype for each kernel. */
  readonly largestDamage: number;
  /** By how many dB the one is below the other; null where either is 0. */
  readonly gainDb: number | null;
}

/** What a plan is made for. */
interface PlanOptions {
  readonly budget: number;
  /** Whether biases will be corrected, which gives one to layers that have neither one nor a batch norm behind them. */
  readonly corrects: boolean;
}

/**
 * Dtypes for the kernels of `model` among the `chosen`, such that the budget is kept and the outputs suffer least. Other
 * matrices that are chosen have nothing that tells what they do to the outputs, and take the smallest dtype.
 *
 * @param chosen `weightKey` of what may be packed
 * @throws RangeError as {@link checkBudget} does.
 */
export function planWeights(
  model: Model,
  moments: ActivationMoments,
  chosen: ReadonlySet<string>,
  options: PlanOptions,
): WeightPlan {
  checkBudget(model, chosen, options);
  const { budget, corrects } = options;
  const kernels = dtypeOptions(model, moments, { corrected: corrects }).filter((one) =>
    chosen.has(weightKey(one)),
  );
  const planned = new Set(kernels.map(weightKey));
  const others = new Set([...chosen].filter((key) => !planned.has(key)));
  const rest = unpackedBytes(model, chosen, corrects) + smallestBytes(model, others);
  const weights = planDTypes(kernels, budget - rest);
  const damages = kernels.map(({ options: each }) => Math.max(...each.map(({ damage }) => damage)));
  const damage = weights.reduce((sum, one) => sum + one.damage, 0);
  const largestDamage = damages.reduce((sum, one) => sum + one, 0);
  return {
    budget,
    bytes: rest + weights.reduce((sum, { bytes }) => sum + bytes, 0),
    weights: weights.map(({ layer, name, ...option }) => ({
      layer: layer.path,
      weight: name,
      ...option,
      share: damage > 0 ? option.damage / damage : 0,
    })),
    damage,
    largestDamage,
    gainDb: damage > 0 && largestDamage > 0 ? 10 * Math.log10(largestDamage / damage) : null,
  };
}

/** @throws RangeError where the weights of `model` take more than the budget however they are packed; it says how much. */
export function checkBudget(
  model: Model,
  chosen: ReadonlySet<string>,
  { budget, corrects }: PlanOptions,
): void {
  const unpacked = unpackedBytes(model, chosen, corrects);
  const least = unpacked + smallestBytes(model, chosen);
  if (least <= budget) return;
  throw new RangeError(
    `plan: a budget of ${readableBytes(budget)} is too small; give ${readableBytes(least)} or more, ` +
      `of which ${readableBytes(unpacked)} are not packed`,
  );
}

/** Bytes of what stays as it is, and of the biases or betas that corrected layers get. */
function unpackedBytes(model: Model, chosen: ReadonlySet<string>, corrects: boolean): number {
  const staying = weightBytes(model, (layer, name) => !chosen.has(weightKey({ layer, name })));
  if (!corrects) return staying;
  const graph = buildGraph(model);
  const added = firstKernelCalls(graph).map(({ layer }) => {
    const batchNorms = shiftedBatchNorms(graph, layer);
    const missing = batchNorms.length > 0 ? batchNorms.filter((bn) => !bn.weight('beta')).length : 1;
    return layer.weight('bias') ? 0 : missing * PACKED_BYTES.float32 * channelCount(layer, 'output');
  });
  return added.reduce((sum, bytes) => sum + bytes, staying);
}

/** Bytes of weights that become as small as they can: what came packed keeps its bits. */
function smallestBytes(model: Model, keys: ReadonlySet<string>): number {
  return packableWeights(model)
    .filter((one) => keys.has(weightKey(one)))
    .map(({ layer, name }) => layer.weights.get(name))
    .reduce((sum, tensor) => sum + (tensor ? tensor.size * smallestWidth(tensor.packed) : 0), 0);
}

function smallestWidth(packed: { readonly packing: Parameters<typeof packedWidth>[0] } | undefined): number {
  return packed ? packedWidth(packed.packing) : PACKED_BYTES.uint8;
}
