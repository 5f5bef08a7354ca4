/**
 * Which layer hurts: what quantizing the kernels of each, and the tensors that it writes, is expected to do to the outputs,
 * before and after equalization.
 *
 * @module
 */

import { equalize } from '../equalization/equalize.ts';
import { activationMoments } from '../equalization/moments/activation-moments.ts';
import { type KernelNoise, kernelNoise } from '../equalization/noise/kernel-noise.ts';
import type { Target } from '../equalization/options.ts';
import { CrosslayerError } from '../errors.ts';
import type { Model } from '../model/model.ts';
import { type WatchOptions, watchOf } from '../model/progress.ts';
import { layersQuantizedBefore } from '../quantization/packing/quantized-before.ts';
import { parseQuantizer } from '../quantization/quantizer.ts';
import { named } from '../text/names.ts';
import { inputRanges } from '../verification/inputs/input-ranges.ts';
import { plainModel } from './plain-model.ts';
import { type DamagedTensor, type PlacedDamage, type TensorDamage, tensorDamages } from './tensor-damage.ts';

/** Targets that quantize weights. */
export type DamageTarget = Exclude<Target, 'float'>;

/** All of them. */
export const DAMAGE_TARGETS: readonly DamageTarget[] = [
  'int8-per-tensor',
  'int8-per-tensor-symmetric',
  'tfjs-uint8',
  'int8-per-channel',
];

/** What quantizing the kernels of a layer, or a tensor, and no others, is expected to do. */
export interface LayerDamage {
  /** The squared error of the outputs for a sample, as `KernelNoise` has it: good for comparing, not for its size. */
  readonly damage: number;
  /** Its part of that of all kernels and tensors together; 0 where they do none. */
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
     * where that was not possible or not asked for.
     */
    readonly after: LayerDamage | null;
  }[];
  /** Tensors that decide grids, those first that hurt most before; none for a target whose activations stay in float. */
  readonly tensors: readonly DamagedTensor[];
  /**
   * By how many dB less all kernels and tensors together are expected to do; null where one of them is not known or lies on a
   * grid of 8 bits already, and where nothing can be compared.
   */
  readonly improvementDb: number | null;
  /** What could not be told, in sentences. */
  readonly notes: readonly string[];
}

/**
 * Looks at what quantizing `model` for a target would do to its outputs, kernel by kernel and tensor by tensor. The model is not changed and not run:
 * the errors of the kernels are the real ones, what becomes of them is predicted from the statistics of batch norms. Of
 * MobileNets, beside what was measured with one kernel quantized after the other, the order is much the same (Spearman 0.74 to
 * 0.94 before, 0.5 to 0.8 after, where layers differ less), the improvement of kernels within 8 dB, and the size of the damage
 * unreliable. Of tensors rounding alone counts, at ranges that statistics tell, and one with another it is right within a factor of 5.
 *
 * @param options.equalized the model equalized in another way than the usual, for the same target, with weights that were not
 *   rounded and biases that were not corrected; false looks at the model as it is alone, which takes half the time
 */
export async function damageReport(
  model: Model,
  target: DamageTarget = 'int8-per-tensor',
  options: WatchOptions & { readonly equalized?: Model | false } = {},
): Promise<DamageReport> {
  const { equalized } = options;
  const pixels = pixelRanges(model);
  const before = await attempt(() => sideOf(plainModel(model, target), target, { pixels }));
  const after =
    equalized === false
      ? {}
      : await attempt(async () =>
          sideOf(equalized ?? (await equalizedUnrounded(model, target, options)), target, {
            pixels,
            corrected: true,
          }),
        );
  const [first, last] = [before.side, after.side];
  const layers = rowsOf(first?.kernels, last?.kernels).map(({ key, ...sides }) => ({ layer: key, ...sides }));
  const tensors = rowsOf(first?.tensors, last?.tensors).map(({ key, ...sides }) => {
    const { layer = '', tensor = '' } = first?.places.get(key) ?? last?.places.get(key) ?? {};
    return { layer, tensor, ...sides };
  });
  const gridded = layersQuantizedBefore(model);
  const guessed = layers.filter((one) => one.before?.isKnown === false || one.after?.isKnown === false);
  const unknown = new Set([...(first?.unknown ?? []), ...(last?.unknown ?? [])]);
  const reasons = new Set([first?.reason ?? [], last?.reason ?? []].flat());
  const isKnown = guessed.length + gridded.length + unknown.size + reasons.size === 0;
  return {
    target,
    layers,
    tensors,
    improvementDb: isKnown ? improvement(first?.total ?? 0, last?.total ?? 0) : null,
    notes: [
      ...(before.reason === undefined ? [] : [`not looked at as it is: ${before.reason}`]),
      ...(after.reason === undefined ? [] : [`not equalized: ${after.reason}`]),
      ...[...reasons].map((reason) => `tensors are not looked at: ${reason}`),
      ...(gridded.length === 0 ? [] : [griddedNote(gridded.length)]),
      ...(guessed.length === 0 ? [] : [guessedNote(guessed.map(({ layer }) => layer))]),
      ...(unknown.size === 0 ? [] : [unknownNote([...unknown])]),
    ],
  };
}

/** What is expected of a model: before equalization, or after it. */
interface Side {
  /** The kernels of each layer together, by its path. */
  readonly kernels: ReadonlyMap<string, LayerDamage>;
  /** By `tensorKey`. */
  readonly tensors: ReadonlyMap<string, TensorDamage>;
  readonly places: ReadonlyMap<string, PlacedDamage>;
  readonly total: number;
  /** Tensors of which the range is not known. */
  readonly unknown: readonly string[];
  /** Why tensors cannot be looked at. */
  readonly reason: string | undefined;
}

/** What cannot be looked at is told, not thrown. */
async function attempt(
  look: () => Side | Promise<Side>,
): Promise<{ readonly side?: Side; readonly reason?: string }> {
  try {
    return { side: await look() };
  } catch (error) {
    if (error instanceof CrosslayerError) return { reason: error.message };
    throw error;
  }
}

function sideOf(
  model: Model,
  target: DamageTarget,
  { pixels, corrected = false }: { readonly pixels: PixelRanges; readonly corrected?: boolean },
): Side {
  const noises = kernelNoise(model, activationMoments(model), parseQuantizer(target), { corrected });
  const kernels = byLayer(noises);
  const found = target === 'tfjs-uint8' ? NO_TENSORS : tensorsOf(model, pixels);
  const rounded = new Map([...found.damages].map(([key, { damage }]) => [key, damage]));
  const total = [...kernels.values(), ...rounded.values()].reduce((sum, { damage }) => sum + damage, 0);
  const { damages: places, unknown, reason } = found;
  return {
    kernels: withShares(kernels, total),
    tensors: withShares(rounded, total),
    ...{ places, total, unknown, reason },
  };
}

interface FoundTensors extends ReturnType<typeof tensorDamages> {
  readonly reason?: string;
}

const NO_TENSORS: FoundTensors = { damages: new Map(), unknown: [] };

function tensorsOf(model: Model, pixels: PixelRanges): FoundTensors {
  try {
    return tensorDamages(model, { inputRanges: pixels });
  } catch (error) {
    if (error instanceof CrosslayerError) return { ...NO_TENSORS, reason: error.message };
    throw error;
  }
}

type PixelRanges = ReturnType<typeof inputRanges> | undefined;

/** Undefined where the shapes of inputs are not known. */
function pixelRanges(model: Model): PixelRanges {
  try {
    return inputRanges(model);
  } catch (error) {
    if (error instanceof CrosslayerError) return undefined;
    throw error;
  }
}

/** What is on either side, that first that hurts most before. */
function rowsOf<Damage extends LayerDamage>(
  first: ReadonlyMap<string, Damage> = new Map(),
  last: ReadonlyMap<string, Damage> = new Map(),
): { readonly key: string; readonly before: Damage | null; readonly after: Damage | null }[] {
  return [...new Set([...first.keys(), ...last.keys()])]
    .map((key) => ({ key, before: first.get(key) ?? null, after: last.get(key) ?? null }))
    .sort((a, b) => (b.before?.damage ?? -1) - (a.before?.damage ?? -1));
}

async function equalizedUnrounded(model: Model, target: DamageTarget, options: WatchOptions): Promise<Model> {
  // Kernels that are put on their grid here would have no errors any more, and of large models it takes long.
  const equalized = await equalize(model, {
    target,
    rounding: 'nearest',
    biasCorrection: 'none',
    ...watchOf(options),
  });
  return equalized.model;
}

function byLayer(noises: readonly KernelNoise[]): Map<string, Omit<LayerDamage, 'share'>> {
  const found = new Map<string, Omit<LayerDamage, 'share'>>();
  for (const { layer, damage, isKnown } of noises) {
    const other = found.get(layer.path) ?? { damage: 0, isKnown: true };
    found.set(layer.path, { damage: other.damage + damage, isKnown: other.isKnown && isKnown });
  }
  return found;
}

function withShares<Damage extends Omit<LayerDamage, 'share'>>(
  damages: ReadonlyMap<string, Damage>,
  total: number,
): ReadonlyMap<string, Damage & { readonly share: number }> {
  return new Map(
    [...damages].map(([key, one]) => [key, { ...one, share: total > 0 ? one.damage / total : 0 }]),
  );
}

function improvement(first: number, last: number): number | null {
  return first && last && first < Infinity && last < Infinity ? 10 * Math.log10(first / last) : null;
}

function griddedNote(layers: number): string {
  return (
    `${layers} ${layers === 1 ? 'layer has its kernel' : 'layers have their kernels'} on a grid of 8 bits already: ` +
    'what that cost is not counted, and equalizing rounds them a second time'
  );
}

function guessedNote(layers: readonly string[]): string {
  return `no batch norm tells how what these layers read varies, so that all channels count alike: ${named(layers)}`;
}

function unknownNote(tensors: readonly string[]): string {
  return `nothing tells the range of these tensors, so that rounding them is not counted: ${named(tensors)}`;
}
