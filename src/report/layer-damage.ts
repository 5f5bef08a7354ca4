/**
 * Which layer hurts: what quantizing the kernels of each is expected to do to the outputs, before and after equalization.
 *
 * @module
 */

import { equalize } from '../equalization/equalize.ts';
import { activationMoments } from '../equalization/moments/activation-moments.ts';
import { type KernelNoise, kernelNoise } from '../equalization/noise/kernel-noise.ts';
import type { Target } from '../equalization/options.ts';
import { CrosslayerError } from '../errors.ts';
import type { Model } from '../model/model.ts';
import { layersQuantizedBefore } from '../quantization/packing/quantized-before.ts';
import { parseQuantizer } from '../quantization/quantizer.ts';
import { named } from '../text/names.ts';
import { plainModel } from './plain-model.ts';

/** Targets that quantize weights. */
export type DamageTarget = Exclude<Target, 'float'>;

/** All of them. */
export const DAMAGE_TARGETS: readonly DamageTarget[] = [
  'int8-per-tensor',
  'int8-per-tensor-symmetric',
  'tfjs-uint8',
  'int8-per-channel',
];

/** What quantizing the kernels of a layer, and no others, is expected to do. */
export interface LayerDamage {
  /** The squared error of the outputs for a sample, as `KernelNoise` has it: good for comparing, not for its size. */
  readonly damage: number;
  /** Its part of that of all layers together; 0 where they do none. */
  readonly share: number;
  /** False where nothing tells how what the layer reads varies, so that all of its channels count alike. */
  readonly isKnown: boolean;
}

/** Which layers of a model hurt at 8 bits. */
export interface DamageReport {
  readonly target: DamageTarget;
  /** Layers with kernels by their paths, those first that hurt most before. */
  readonly layers: readonly {
    readonly layer: string;
    /** Quantized as it is, with batch norms folded where the target has them folded; null for a layer that was added. */
    readonly before: LayerDamage | null;
    /**
     * Equalized for the target, with biases corrected and weights rounded to the nearest level; null for a layer that is gone, or
     * where that was not possible.
     */
    readonly after: LayerDamage | null;
  }[];
  /**
   * By how many dB less all layers together are expected to do; null where one of them is not known or lies on a grid of 8
   * bits already, and where nothing can be compared.
   */
  readonly improvementDb: number | null;
  /** What could not be told, in sentences. */
  readonly notes: readonly string[];
}

/**
 * Looks at what quantizing `model` for a target would do to its outputs, layer by layer. The model is not changed and not run:
 * the errors of the kernels are the real ones, what becomes of them is predicted from the statistics of batch norms. Of
 * MobileNets, beside what was measured with one kernel quantized after the other, the order is much the same (Spearman 0.74 to
 * 0.94 before, 0.5 to 0.8 after, where layers differ less), the improvement within 8 dB, and the size of the damage unreliable.
 *
 * @param options.equalized the model equalized in another way than the usual, for the same target, with weights that were not
 *   rounded and biases that were not corrected
 */
export async function damageReport(
  model: Model,
  target: DamageTarget = 'int8-per-tensor',
  options: { readonly equalized?: Model } = {},
): Promise<DamageReport> {
  const before = await attempt(() => damagesBefore(model, target));
  const after = await attempt(() => damagesAfter(model, target, options.equalized));
  const [first, last] = [before, after].map(({ damages }) => withShares(damages ?? new Map()));
  const paths = [...new Set([...(first?.keys() ?? []), ...(last?.keys() ?? [])])];
  const layers = paths
    .map((layer) => ({ layer, before: first?.get(layer) ?? null, after: last?.get(layer) ?? null }))
    .sort((a, b) => (b.before?.damage ?? -1) - (a.before?.damage ?? -1));
  const gridded = layersQuantizedBefore(model);
  const unknown = layers.filter((one) => one.before?.isKnown === false || one.after?.isKnown === false);
  return {
    target,
    layers,
    improvementDb: unknown.length + gridded.length > 0 ? null : improvement(before.damages, after.damages),
    notes: [
      ...(before.reason === undefined ? [] : [`not looked at as it is: ${before.reason}`]),
      ...(after.reason === undefined ? [] : [`not equalized: ${after.reason}`]),
      ...(gridded.length === 0 ? [] : [griddedNote(gridded.length)]),
      ...(unknown.length === 0 ? [] : [unknownNote(unknown.map(({ layer }) => layer))]),
    ],
  };
}

/** The kernels of each layer together. */
type Damages = ReadonlyMap<string, Omit<LayerDamage, 'share'>>;

/** What cannot be looked at is told, not thrown. */
async function attempt(
  look: () => Damages | Promise<Damages>,
): Promise<{ readonly damages?: Damages; readonly reason?: string }> {
  try {
    return { damages: await look() };
  } catch (error) {
    if (error instanceof CrosslayerError) return { reason: error.message };
    throw error;
  }
}

function damagesBefore(model: Model, target: DamageTarget): Damages {
  const copy = plainModel(model, target);
  return byLayer(kernelNoise(copy, activationMoments(copy), parseQuantizer(target)));
}

async function damagesAfter(model: Model, target: DamageTarget, given: Model | undefined): Promise<Damages> {
  const equalized = given ?? (await equalizedUnrounded(model, target));
  const options = { corrected: true };
  return byLayer(kernelNoise(equalized, activationMoments(equalized), parseQuantizer(target), options));
}

async function equalizedUnrounded(model: Model, target: DamageTarget): Promise<Model> {
  // Kernels that are put on their grid here would have no errors any more, and of large models it takes long.
  const equalized = await equalize(model, { target, rounding: 'nearest', biasCorrection: 'none' });
  return equalized.model;
}

function byLayer(noises: readonly KernelNoise[]): Damages {
  const found = new Map<string, Omit<LayerDamage, 'share'>>();
  for (const { layer, damage, isKnown } of noises) {
    const other = found.get(layer.path) ?? { damage: 0, isKnown: true };
    found.set(layer.path, { damage: other.damage + damage, isKnown: other.isKnown && isKnown });
  }
  return found;
}

function withShares(damages: Damages): ReadonlyMap<string, LayerDamage> {
  const total = totalOf(damages);
  return new Map(
    [...damages].map(([layer, one]) => [layer, { ...one, share: total > 0 ? one.damage / total : 0 }]),
  );
}

function totalOf(damages: Damages): number {
  return [...damages.values()].reduce((sum, { damage }) => sum + damage, 0);
}

function improvement(before: Damages | undefined, after: Damages | undefined): number | null {
  const [first, last] = [before, after].map((damages) => (damages ? totalOf(damages) : 0));
  return first && last && first < Infinity && last < Infinity ? 10 * Math.log10(first / last) : null;
}

function griddedNote(layers: number): string {
  return (
    `${layers} ${layers === 1 ? 'layer has its kernel' : 'layers have their kernels'} on a grid of 8 bits already: ` +
    'what that cost is not counted, and equalizing has them rounded a second time'
  );
}

function unknownNote(layers: readonly string[]): string {
  return `no batch norm tells how what these layers read varies, so that all channels count alike: ${named(layers)}`;
}
