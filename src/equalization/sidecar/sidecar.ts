/**
 * What equalization knows of a model and its file cannot hold, as JSON beside it: which batch norms were folded where, what
 * outputs were divided by, how they are distributed, what biases make up for, what was left alone.
 *
 * @module
 */

import { FormatError, LimitError, messageOf } from '../../errors.ts';
import { channelCount } from '../../model/channels.ts';
import type { Layer, LayerStatistics } from '../../model/layer.ts';
import type { Model } from '../../model/model.ts';
import { isWeighted } from '../../model/operation.ts';
import type { FoldedBatchNorm } from '../../primitives/batch-norm-fold.ts';
import { layersByPath } from '../../primitives/pass.ts';
import { shiftOutput } from '../biases/output-shift.ts';
import { isSha256, parseSidecar, SIDECAR_VERSION } from './sidecar-json.ts';

/** What was added to an output for kernels that are not quantized yet: until they are, it is off by that. */
export interface SidecarCorrection {
  /** The layer by its path. */
  readonly layer: string;
  /** What the kernels are going to be quantized with, such as `int8-per-tensor`. */
  readonly quantizer: string;
  /** `[channels]`. */
  readonly shift: Float64Array;
  /** The paths of the batch norms in whose beta it is; empty where it is in the bias of the layer. */
  readonly batchNorms: readonly string[];
}

/** Something that was left alone. */
export interface SidecarSkip {
  /** Of the reason, such as `padding`. */
  readonly code: string;
  /** The layer left alone first. */
  readonly layers: readonly string[];
  /** The reason in a sentence. */
  readonly message: string;
}

/** What stands in a side-car. */
export interface Sidecar {
  readonly version: typeof SIDECAR_VERSION;
  /** SHA-256 of the file that was equalized, in hexadecimal digits; null for a model that came from none. */
  readonly inputSha256: string | null;
  /** SHA-256 of the file that the side-car belongs to; of a model of TF.js that of `model.json` and its shards in order. */
  readonly outputSha256: string;
  readonly folds: readonly FoldedBatchNorm[];
  /** What the output of a layer was divided by, `[channels]`. */
  readonly scales: ReadonlyMap<string, Float64Array>;
  /** {@link Layer.statistics} of the equalized model. */
  readonly statistics: ReadonlyMap<string, LayerStatistics>;
  readonly corrections: readonly SidecarCorrection[];
  readonly skipped: readonly SidecarSkip[];
}

/** What is known of how a model was equalized, besides the statistics of its layers. */
export interface SidecarRecord {
  /** As `foldsOf` makes them of what `foldAllBatchNorms` returns. */
  readonly folded?: readonly FoldedBatchNorm[];
  /** By the paths of layers, as the record of `scaleRegions` has them. */
  readonly outputScales?: ReadonlyMap<string, Float64Array>;
  readonly corrections?: readonly SidecarCorrection[];
  readonly skipped?: readonly SidecarSkip[];
}

/** What the caller knows of how a model was equalized, and of its files. */
export interface SidecarOptions extends SidecarRecord {
  /** As {@link Sidecar} has it. */
  readonly inputSha256: string | null;
  /** As {@link Sidecar} has it. */
  readonly outputSha256: string;
}

/**
 * The side-car of an equalized model.
 *
 * @throws RangeError where a hash is none.
 */
export function crosslayerSidecar(model: Model, options: SidecarOptions): Sidecar {
  const { inputSha256, outputSha256, folded = [], outputScales = new Map() } = options;
  for (const [name, hash] of Object.entries({ inputSha256, outputSha256 })) {
    if (hash !== null && !isSha256(hash)) {
      throw new RangeError(`${name}: ${JSON.stringify(hash)} is not 64 hexadecimal digits`);
    }
  }
  const statistics = [...model.allLayers()].flatMap(({ layer, path }): [string, LayerStatistics][] =>
    layer.statistics && isSound(layer.statistics) ? [[path, layer.statistics]] : [],
  );
  return {
    version: SIDECAR_VERSION,
    inputSha256,
    outputSha256,
    folds: folded,
    scales: outputScales,
    statistics: new Map(statistics),
    corrections: (options.corrections ?? []).filter(({ shift }) => shift.every(Number.isFinite)),
    skipped: options.skipped ?? [],
  };
}

function isSound({ mean, variance }: LayerStatistics): boolean {
  return mean.every(Number.isFinite) && variance.every((value) => Number.isFinite(value) && value >= 0);
}

/** The side-car as JSON text, the same for the same side-car. */
export function writeSidecar(sidecar: Sidecar): string {
  const { scales, statistics, corrections } = sidecar;
  const document = {
    ...sidecar,
    scales: [...scales].map(([layer, factors]) => ({ layer, factors: [...factors] })),
    statistics: [...statistics].map(([layer, { mean, variance }]) => ({
      layer,
      mean: [...mean],
      variance: [...variance],
    })),
    corrections: corrections.map((one) => ({ ...one, shift: [...one.shift] })),
  };
  return `${JSON.stringify(document)}\n`;
}

/** Past this no side-car is read: 10 million numbers, where the largest networks have some 100 thousand channels. */
export const MAX_SIDECAR_CHARACTERS: number = 1 << 28;

/**
 * The side-car in JSON text.
 *
 * @param source what messages call it, such as the name of its file
 * @throws FormatError where it is none, or of another version; LimitError where it is too long for one.
 */
export function readSidecar(text: string, source: string): Sidecar {
  if (text.length > MAX_SIDECAR_CHARACTERS) {
    throw new LimitError(`${source}: characters`, text.length, MAX_SIDECAR_CHARACTERS);
  }
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw new FormatError(source, '', `not valid JSON: ${messageOf(cause)}`, { cause });
  }
  return parseSidecar(document, source);
}

/**
 * Gives the layers of a model, read again from its file, the statistics of its side-car. Edits `model`.
 *
 * @returns the paths in the side-car that name no layer with a kernel and as many channels, nor a batch norm with as many: a
 * side-car of another model.
 */
export function restoreStatistics(model: Model, sidecar: Sidecar): string[] {
  const layers = layersByPath(model);
  return [...sidecar.statistics].flatMap(([path, statistics]) => {
    const layer = layers.get(path);
    if (!layer || channelsOf(layer) !== statistics.mean.length) return [path];
    layer.statistics = statistics;
    return [];
  });
}

/**
 * Takes what biases were corrected by out of them again, up to rounding: kernels that are edited once more need other
 * corrections, and the same twice would be one too many. Edits `model`, which computes then what it did before them.
 *
 * @returns the paths of the layers whose bias was brought back.
 */
export function takeBackCorrections(model: Model, sidecar: Sidecar): string[] {
  const layers = layersByPath(model);
  return sidecar.corrections.flatMap(({ layer: path, shift, batchNorms: paths }) => {
    const layer = layers.get(path);
    const batchNorms = paths.flatMap((one) => layers.get(one) ?? []);
    const takers = paths.length === 0 ? [layer?.weight('bias')] : batchNorms.map((bn) => bn.weight('beta'));
    if (!layer || !isWeighted(layer.operation) || batchNorms.length < paths.length) return [];
    if (takers.some((taker) => taker?.size !== shift.length)) return [];
    shiftOutput(
      layer,
      batchNorms,
      shift.map((value) => -value),
    );
    return [path];
  });
}

function channelsOf(layer: Layer): number | undefined {
  if (layer.operation.kind === 'batchNorm') return layer.weight('movingMean')?.size;
  return isWeighted(layer.operation) ? channelCount(layer, 'output') : undefined;
}
