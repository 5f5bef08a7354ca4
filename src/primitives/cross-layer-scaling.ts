/**
 * Cross-layer scaling, as AIMET's `aimet_tensorflow.keras.cross_layer_equalization.CrossLayerScaling` has it.
 *
 * @module
 */

import { pairScaleFactors, tripleScaleFactors } from '../kernels/scale-factors.ts';
import { biasOf, setBias } from '../model/bias.ts';
import { channelCount, channelRange, scaleKernel, weightFault } from '../model/channels.ts';
import { Layer } from '../model/layer.ts';
import type { Model } from '../model/model.ts';
import { isConvolution } from '../model/operation.ts';
import { dividedStatistics, keepStatistics } from '../model/statistics.ts';
import { largestFinite } from '../tensor/dtype.ts';
import { ClsSetInfo, ClsSetLayerPairInfo } from './cls-set-info.ts';
import { type ClsSet, findClsSets, type ReluFlags, reluFlagsOf } from './layer-groups.ts';
import type { Pass, StepOptions } from './pass.ts';

/** Factors of a scaled set: a vector for a pair, two for a triple; `[channels]` each. */
export type ScaleFactors = Float64Array | readonly [Float64Array, Float64Array];

/** Cross-layer scaling, by the names of the reference: AIMET's class `CrossLayerScaling` has static methods too. */
// biome-ignore lint/complexity/noStaticOnlyClass: the reference's form, so that its programs port line by line
export class CrossLayerScaling {
  /**
   * Scales all sets of a model so that the ranges of consecutive layers match. Edits `model`; its function stays, up to
   * rounding.
   *
   * @returns what was scaled, in the order of the model's layers. `options.onSkip` is told of every layer left alone.
   */
  static scaleModel(model: Model, options: StepOptions = {}): ClsSetInfo[] {
    const sets = findClsSets(model, options).filter(({ paths }) => {
      const reason = options.veto?.(paths);
      if (reason) options.onSkip?.(reason);
      return reason === undefined;
    });
    const scaleFactors = CrossLayerScaling.scaleClsSets(sets.map(({ layers }) => layers));
    const flags = sets.map(reluFlagsOf);
    return CrossLayerScaling.createClsSetInfoList(
      sets.map(({ layers }) => layers),
      scaleFactors,
      flags,
    );
  }

  /**
   * Scales sets of layers in the order given. Edits their layers.
   *
   * @returns the factors of each set.
   * @throws TypeError where a set is no pair, or triple with a depthwise layer in the middle, of convolutions whose
   * channels match, or has a NaN or infinite weight; the message says which entry. Nothing is scaled then.
   */
  static scaleClsSets(clsSets: readonly ClsSet[]): ScaleFactors[] {
    for (const [index, set] of clsSets.entries()) checkSet(set, `clsSets[${index}]`);
    return clsSets.map((set) => (set.length === 3 ? scaleTriple(set) : scalePair(set)));
  }

  /**
   * Scales a pair: `s = r1 / sqrt(r1 r2)`, `W1[o] /= s`, `b1 /= s`, `W2[i] *= s`. Edits the layers.
   *
   * @returns s, `[channels]`.
   * @throws TypeError as {@link CrossLayerScaling.scaleClsSets}.
   */
  static scaleClsSetWithConvLayers(clsSet: readonly [Layer, Layer]): Float64Array {
    checkSet(clsSet, 'clsSet');
    return scalePair(clsSet);
  }

  /**
   * Scales a triple with a depthwise layer in the middle: `c = cbrt(r1 r2 r3)`, `s12 = r1 / c`, `s23 = c / r3`;
   * `W1 /= s12`, `b1 /= s12`, `W2 *= s12 / s23`, `b2 /= s23`, `W3[i] *= s23`. Edits the layers.
   *
   * @returns s12 and s23, `[channels]` each.
   * @throws TypeError as {@link CrossLayerScaling.scaleClsSets}.
   */
  static scaleClsSetWithDepthwiseConvLayers(
    clsSet: readonly [Layer, Layer, Layer],
  ): readonly [Float64Array, Float64Array] {
    checkSet(clsSet, 'clsSet');
    if (clsSet.length !== 3) throw new TypeError('clsSet: 2 layers instead of 3');
    return scaleTriple(clsSet);
  }

  /**
   * Puts sets, their factors and their ReLU flags into the form that {@link HighBiasFold.biasFold} takes.
   *
   * @throws RangeError where the three lists, or the entries at one place in them, do not have the same number of parts;
   * the message says which entry.
   */
  static createClsSetInfoList(
    clsSets: readonly ClsSet[],
    scaleFactors: readonly ScaleFactors[],
    isReluActivationInClsSets: readonly ReluFlags[],
  ): ClsSetInfo[] {
    if (scaleFactors.length !== clsSets.length || isReluActivationInClsSets.length !== clsSets.length) {
      throw new RangeError(
        `${clsSets.length} sets, but ${scaleFactors.length} scale factors and ${isReluActivationInClsSets.length} ReLU flags`,
      );
    }
    return clsSets.map((set, index) => {
      const [layer1, layer2, layer3] = set;
      const factors = partsOf(scaleFactors[index]);
      const flags = partsOf(isReluActivationInClsSets[index]);
      const pairs = set.length - 1;
      if (factors.length !== pairs || flags.length !== pairs) {
        throw new RangeError(
          `entry ${index} (${set.map(({ name }) => name).join(', ')}): a set of ${set.length} layers needs ${pairs} ` +
            `scale factors and ReLU flags, not ${factors.length} and ${flags.length}`,
        );
      }
      const pair = (first: Layer, second: Layer, at: number): ClsSetLayerPairInfo => {
        const factor = factors[at] as Float64Array;
        const channels = channelCount(first, 'output');
        if (factor.length !== channels) {
          throw new RangeError(
            `entry ${index}: ${factor.length} scale factors for the ${channels} output channels of ${first.name}`,
          );
        }
        return new ClsSetLayerPairInfo(first, second, factor, flags[at] ?? false);
      };
      return new ClsSetInfo(
        pair(layer1, layer2, 0),
        layer3 === undefined ? undefined : pair(layer2, layer3, 1),
      );
    });
  }
}

/** A set that was scaled. Its layers by their paths. */
export interface ScaledSet {
  /** Two layers, or three with a depthwise in the middle. */
  readonly layers: readonly string[];
  /** A vector for each pair of neighbours. */
  readonly scaleFactors: readonly (readonly number[])[];
  /** Whether a ReLU stands between, for each pair of neighbours. */
  readonly reluBetween: readonly boolean[];
}

/**
 * {@link CrossLayerScaling.scaleModel} as a pass.
 *
 * ```ts
 * const [, { clsSets }] = await runPasses(model, [foldPass(), scaleSetsPass()]);
 * ```
 */
export function scaleSetsPass(): Pass<'scale', { readonly clsSets: readonly ScaledSet[] }> {
  return {
    name: 'scale',
    keepsFunction: true,
    run(model, context) {
      const clsSets = CrossLayerScaling.scaleModel(model, context).map(({ clsPairInfoList: pairs }) => ({
        layers: [
          ...pairs.slice(0, 1).map(({ layer1 }) => layer1.path),
          ...pairs.map(({ layer2 }) => layer2.path),
        ],
        scaleFactors: pairs.map(({ scaleFactor }) => [...scaleFactor]),
        reluBetween: pairs.map(({ reluActivationBetweenLayers }) => reluActivationBetweenLayers),
      }));
      for (const { layers } of clsSets) context.onEdit(layers);
      return { clsSets };
    },
  };
}

function partsOf<Part extends Float64Array | boolean>(
  value: Part | readonly [Part, Part] | undefined,
): Part[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? [...(value as readonly [Part, Part])] : [value as Part];
}

function checkSet(set: readonly Layer[], where: string): void {
  if (!Array.isArray(set) || !set.every((layer) => layer instanceof Layer)) {
    throw new TypeError(`${where}: a set is a list of two or three layers of the model`);
  }
  if (set.length !== 2 && set.length !== 3)
    throw new TypeError(`${where}: ${set.length} layers instead of 2 or 3`);
  for (const layer of set) {
    if (!isConvolution(layer.operation) || layer.operation.kind === 'separableConv') {
      throw new TypeError(
        `${where}: ${layer.name} is a ${layer.className}; only Conv, depthwise and transposed Conv layers are scaled`,
      );
    }
    const fault = weightFault(layer);
    if (fault?.kind === 'not-float') {
      throw new TypeError(
        `${where}: ${layer.name}/${fault.where} is ${fault.dtype}; only real numbers can be scaled`,
      );
    }
    if (fault) throw new TypeError(`${where}: NaN or Inf in ${layer.name}/${fault.where}`);
  }
  const [first, second, third] = set as [Layer, Layer, Layer | undefined];
  checkChannels(first, second, where);
  if (third === undefined) return;
  if (second.operation.kind !== 'depthwiseConv' || second.operation.depthMultiplier !== 1) {
    throw new TypeError(
      `${where}: ${second.name} in the middle is no depthwise layer with a multiplier of 1`,
    );
  }
  checkChannels(second, third, where);
}

function checkChannels(first: Layer, second: Layer, where: string): void {
  const written = channelCount(first, 'output');
  const read = channelCount(second, 'input');
  if (written !== read) {
    throw new TypeError(`${where}: ${first.name} writes ${written} channels, ${second.name} reads ${read}`);
  }
}

function scalePair([first, second]: readonly [Layer, Layer]): Float64Array {
  const s = withFiniteBias(
    first,
    pairScaleFactors(channelRange(first, 'output'), channelRange(second, 'input')),
  );
  divideOutput(first, s);
  scaleInput(second, s);
  return s;
}

function scaleTriple([first, middle, last]: readonly [Layer, Layer, Layer]): readonly [
  Float64Array,
  Float64Array,
] {
  const factors = tripleScaleFactors(
    channelRange(first, 'output'),
    channelRange(middle, 'output'),
    channelRange(last, 'input'),
  );
  const s12 = withFiniteBias(first, factors[0]);
  const s23 = withFiniteBias(middle, factors[1]);
  divideOutput(first, s12);
  scaleInput(middle, s12);
  divideOutput(middle, s23);
  scaleInput(last, s23);
  return [s12, s23];
}

/** The factors, with 1 for the nearly dead channels whose bias, divided by them, would not be finite any more. */
function withFiniteBias(layer: Layer, s: Float64Array): Float64Array {
  const bias = layer.weight('bias');
  if (!bias) return s;
  const largest = largestFinite(bias.dtype);
  const values = bias.toFloat64();
  return s.map((factor, channel) => (Math.abs(values[channel] ?? 0) / factor > largest ? 1 : factor));
}

/** Multiplies the kernel by a factor for each input channel; the input is divided by it, so the output stays. */
function scaleInput(layer: Layer, s: Float64Array): void {
  keepStatistics(layer, () => scaleKernel(layer, 'input', s));
}

/** Divides kernel and bias by a factor for each output channel. */
function divideOutput(layer: Layer, s: Float64Array): void {
  const divide = (): void => {
    scaleKernel(
      layer,
      'output',
      s.map((factor) => 1 / factor),
    );
    if (layer.weight('bias'))
      setBias(
        layer,
        biasOf(layer).map((bias, channel) => bias / (s[channel] ?? 1)),
      );
  };
  keepStatistics(layer, divide, (statistics) => dividedStatistics(statistics, s));
}
