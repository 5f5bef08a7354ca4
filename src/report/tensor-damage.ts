/**
 * Which tensor hurts, and why.
 *
 * @module
 */

import { tensorNoise } from '../equalization/noise/rounded-tensors.ts';
import type { TensorRangeOptions } from '../equalization/ranges/tensor-ranges.ts';
import { type GraphTensor, tensorKey } from '../model/graph.ts';
import type { Model } from '../model/model.ts';
import type { DamageReport, LayerDamage } from './layer-damage.ts';

/** What rounding a tensor to 8 bits, and no other, is expected to do. */
export interface TensorDamage extends LayerDamage {
  /** The smallest and the largest value that are expected, 0 among them. */
  readonly min: number;
  readonly max: number;
  /** The channel that sets this range alone: without it, it would be less than half as wide. Null where there is none. */
  readonly loneChannel: number | null;
}

/** A tensor between layers, before and after equalization. */
export interface DamagedTensor {
  /** The path of the layer that makes it. */
  readonly layer: string;
  /**
   * What it is, in words: `the input image`, `output of conv`, and `output of conv_activation, a part of conv` where the
   * `integerForm` makes layers of its own of what the layer does.
   */
  readonly tensor: string;
  readonly before: TensorDamage | null;
  readonly after: TensorDamage | null;
}

/** A tensor of a model, and what rounding it does. */
export type PlacedDamage = Pick<DamagedTensor, 'layer' | 'tensor'> & {
  readonly damage: Omit<TensorDamage, 'share'>;
};

/** The tensors of `model` that decide grids, by their keys, and in words those of which the range is not known. */
export function tensorDamages(
  model: Model,
  options: { readonly inputRanges?: TensorRangeOptions['inputRanges'] },
): { readonly damages: ReadonlyMap<string, PlacedDamage>; readonly unknown: readonly string[] } {
  const paths = Array.from(model.allLayers(), ({ path }) => path);
  const { known, unknown } = tensorNoise(model, options);
  const damages = new Map<string, PlacedDamage>();
  for (const { tensor, range, damage, loneChannel = null } of known) {
    const { min, max } = range;
    const place = placeOf(tensor, paths);
    damages.set(keyOf(tensor), { ...place, damage: { damage, isKnown: true, min, max, loneChannel } });
  }
  return { damages, unknown: unknown.map((tensor) => placeOf(tensor, paths).tensor) };
}

/** By which a tensor is known: the same before and after caps were put behind ReLUs, which then decide the grid. */
export function keyOf(tensor: GraphTensor): string {
  return tensorKey(uncapped(tensor));
}

function uncapped(tensor: GraphTensor): GraphTensor {
  const { layer, input } = tensor.producer ?? {};
  return layer?.operation.kind === 'cap' && input?.consumers.length === 1 ? input : tensor;
}

/** The layer that makes a tensor of the `integerForm`, and what it is in words; of a cap the ReLU in front of it. */
export function placeOf(
  made: GraphTensor,
  paths: readonly string[],
): Pick<DamagedTensor, 'layer' | 'tensor'> {
  const { producer, isModelInput, index } = uncapped(made);
  if (!producer) return { layer: '', tensor: 'the input' };
  const { path, outputs } = producer;
  if (isModelInput) return { layer: path, tensor: `the input ${path}` };
  const what = outputs.length > 1 ? `output ${index} of ${path}` : `output of ${path}`;
  if (paths.includes(path)) return { layer: path, tensor: what };
  const wholes = paths.filter((one) => path.startsWith(`${one}_`)).sort((a, b) => b.length - a.length);
  return { layer: wholes[0] ?? path, tensor: wholes[0] ? `${what}, a part of ${wholes[0]}` : what };
}

/** What makes the range of a tensor wide, and whether equalizing mends it; null where no channel stands out. */
export function tensorRemedy({ before, after }: DamagedTensor): string | null {
  if (!before || before.loneChannel === null) return null;
  const cause = `its range is set by channel ${before.loneChannel} alone`;
  if (!after) return cause;
  return after.loneChannel === null || after.damage < before.damage / 4
    ? `${cause}; equalize cures that`
    : `${cause}, and equalize leaves it so`;
}

/** A kernel or a tensor in the ranking of what hurts. */
export interface RankedDamage {
  readonly kind: 'kernel' | 'tensor';
  /** The path of the layer. */
  readonly layer: string;
  /** The layer of a kernel, or what tensor it is. */
  readonly name: string;
  readonly before: LayerDamage | null;
  readonly after: LayerDamage | null;
  /** See {@link tensorRemedy}. */
  readonly remedy: string | null;
}

/** Kernels and tensors in one list, those first that hurt most before. */
export function damageRanking({ layers, tensors }: Pick<DamageReport, 'layers' | 'tensors'>): RankedDamage[] {
  const ranked: RankedDamage[] = [
    ...layers.map((one) => ({ kind: 'kernel' as const, name: one.layer, remedy: null, ...one })),
    ...tensors.map(({ layer, tensor, before, after }) => {
      const remedy = tensorRemedy({ layer, tensor, before, after });
      return { kind: 'tensor' as const, layer, name: tensor, before, after, remedy };
    }),
  ];
  return ranked.sort((a, b) => (b.before?.damage ?? -1) - (a.before?.damage ?? -1));
}
