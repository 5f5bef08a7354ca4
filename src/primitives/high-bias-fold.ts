/**
 * High-bias fold, as AIMET's `aimet_tensorflow.keras.cross_layer_equalization.HighBiasFold` has it. The DFQ paper
 * (section 4.1.3) calls it bias absorption.
 *
 * @module
 */

import { batchNormChannels, betaOf, gammaOf } from '../model/batch-norm.ts';
import { biasOf, setBias } from '../model/bias.ts';
import { channelCount, constantResponse } from '../model/channels.ts';
import type { Layer } from '../model/layer.ts';
import type { Model } from '../model/model.ts';
import { keepStatistics, shiftedStatistics } from '../model/statistics.ts';
import type { FoldedPair, foldPass } from './batch-norm-fold.ts';
import type { ClsSetInfo, ClsSetLayerPairInfo } from './cls-set-info.ts';
import { CrossLayerScaling, type ScaledSet, type scaleSetsPass } from './cross-layer-scaling.ts';
import { findClsSets } from './layer-groups.ts';
import { allIn, type Pass, type RecordOf, type StepOptions } from './pass.ts';

/** High-bias fold, by the name of the reference: AIMET's class `HighBiasFold` has a static method too. */
// biome-ignore lint/complexity/noStaticOnlyClass: the reference's form, so that its programs port line by line
export class HighBiasFold {
  /**
   * Moves what is always positive in the output of a layer into the bias of the next, so that activations need a smaller
   * range. Edits the layers.
   *
   * For each pair whose layers both have a bias and whose first layer had a batch norm folded backward into it: with
   * gamma and beta divided by the pair's scale factor, `c = max(0, beta - 3 |gamma|)` where a ReLU stands between, else
   * `c = beta`; then `b1 -= c` and `b2 += sum over k, i of W2 c`. It may change the function: it is exact only where the
   * output of the first layer stays above c and the second layer adds no padding.
   *
   * @param clsSetInfoList the scaled sets, in the order in which they were scaled
   * @param bnLayers for each layer the batch norm that was folded backward into it. As in the reference it is taken at its
   * word: a batch norm that was folded forward into the layer tells nothing of its output, and does not belong in here.
   */
  static biasFold(
    clsSetInfoList: readonly ClsSetInfo[],
    bnLayers: ReadonlyMap<Layer, Layer>,
    options: StepOptions = {},
  ): void {
    if (!(bnLayers instanceof Map)) {
      throw new TypeError('bnLayers: a Map of layers to batch norms, such as new Map(foldedPairs)');
    }
    foldHighBiases(clsSetInfoList, (pair) => toldByBatchNorm(pair, bnLayers.get(pair.layer1)), options);
  }
}

/** For each layer the batch norm folded backward into it; the last of several, which shaped its output. */
export function backwardBatchNorms(foldedPairs: readonly FoldedPair[]): Map<Layer, Layer> {
  return new Map(
    foldedPairs.filter(([, bn]) => bn.foldedInto?.direction !== 'forward').map(([layer, bn]) => [layer, bn]),
  );
}

/** Two layers of which the first gave of its bias to the second, by their paths. */
export interface MovedBias {
  readonly from: string;
  readonly into: string;
}

/**
 * High-bias fold as a pass: between the sets that a `scaleSetsPass` before it scaled, or, where there was none, those that it
 * would have scaled. It goes by the batch norms that a `foldPass` before it folded; of layers that had none by their
 * {@link Layer.statistics}, which a side-car may have brought back. It may change the function.
 *
 * ```ts
 * await runPasses(model, [foldPass(), scaleSetsPass(), highBiasFoldPass()]);
 * ```
 */
export function highBiasFoldPass(): Pass<'bias', { readonly absorbed: readonly MovedBias[] }> {
  return {
    name: 'bias',
    keepsFunction: false,
    run(model, { earlier, layers, onSkip }) {
      const known = earlier as readonly RecordOf<ReturnType<typeof foldPass | typeof scaleSetsPass>>[];
      const batchNorms = allIn(known, 'folded').flatMap(({ layer, batchNorm }): FoldedPair[] => {
        const bn = layers.get(batchNorm);
        return bn ? [[model.layer(layer), bn]] : [];
      });
      const bnLayers = backwardBatchNorms(batchNorms);
      const isScaled = known.some(({ pass }) => pass === 'scale');
      const sets = isScaled ? setsAgain(model, allIn(known, 'clsSets')) : unscaledSets(model);
      const moved = foldHighBiases(
        sets,
        // A model that came folded may know its statistics from elsewhere.
        (pair) => toldByBatchNorm(pair, bnLayers.get(pair.layer1)) ?? toldByLayer(pair),
        { onSkip },
      );
      return { absorbed: moved.map(({ layer1, layer2 }) => ({ from: layer1.path, into: layer2.path })) };
    },
  };
}

/** The sets of a record with the layers that they are of. */
function setsAgain(model: Model, sets: readonly ScaledSet[]): ClsSetInfo[] {
  return sets.flatMap(({ layers, scaleFactors, reluBetween }) => {
    const found = layers.map((path) => model.layer(path)) as [Layer, Layer, Layer];
    const factors = scaleFactors.map((each) => Float64Array.from(each)) as [Float64Array, Float64Array];
    return CrossLayerScaling.createClsSetInfoList([found], [factors], [reluBetween as [boolean, boolean]]);
  });
}

/** The sets that could be scaled, with factors of 1. */
function unscaledSets(model: Model): ClsSetInfo[] {
  const sets = findClsSets(model);
  return setsAgain(
    model,
    sets.map(({ paths, layers, reluBetween }) => ({
      layers: paths,
      scaleFactors: layers
        .slice(0, -1)
        .map((layer) => new Array<number>(channelCount(layer, 'output')).fill(1)),
      reluBetween,
    })),
  );
}

/** How the output of the first layer of a pair is distributed now, `[channels]` each. */
interface OutputDistribution {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

/**
 * {@link HighBiasFold.biasFold}, with distributions from wherever they are known.
 *
 * @returns the pairs whose bias was absorbed.
 */
function foldHighBiases(
  clsSetInfoList: readonly ClsSetInfo[],
  distributionOf: (pair: ClsSetLayerPairInfo) => OutputDistribution | undefined,
  options: StepOptions,
): ClsSetLayerPairInfo[] {
  const moved: ClsSetLayerPairInfo[] = [];
  for (const pair of clsSetInfoList.flatMap((info) => info.clsPairInfoList)) {
    const { layer1, layer2 } = pair;
    const layers = [layer1.path, layer2.path];
    const without = [layer1, layer2].find((layer) => !layer.weight('bias'));
    const distribution = distributionOf(pair);
    if (without) options.onSkip?.({ code: 'no-bias', layers, without: without.path });
    else if (!distribution) options.onSkip?.({ code: 'no-batch-norm', layers });
    else {
      absorb(pair, distribution);
      moved.push(pair);
    }
  }
  return moved;
}

/** What the batch norm that was folded into the first layer tells, which knows nothing of scaling. */
function toldByBatchNorm(
  { layer1, scaleFactor }: ClsSetLayerPairInfo,
  bn: Layer | undefined,
): OutputDistribution | undefined {
  // The statistics must be those of the channels that layer1 writes.
  if (bn === undefined || batchNormChannels(bn) !== channelCount(layer1, 'output')) return undefined;
  const scaled = (value: number, channel: number): number => value / (scaleFactor[channel] ?? 1);
  return { mean: betaOf(bn).map(scaled), deviation: gammaOf(bn).map(Math.abs).map(scaled) };
}

/** What the first layer keeps of itself, which has followed all edits. */
function toldByLayer({ layer1 }: ClsSetLayerPairInfo): OutputDistribution | undefined {
  const { statistics } = layer1;
  return statistics && { mean: statistics.mean, deviation: statistics.variance.map(Math.sqrt) };
}

function absorb(
  { layer1, layer2, reluActivationBetweenLayers }: ClsSetLayerPairInfo,
  { mean, deviation }: OutputDistribution,
): void {
  const absorbed = mean.map((value, channel) =>
    reluActivationBetweenLayers ? Math.max(0, value - 3 * (deviation[channel] ?? 1)) : value,
  );
  const response = constantResponse(layer2, absorbed);
  const lowered = biasOf(layer1).map((bias, channel) => bias - (absorbed[channel] ?? 0));
  keepStatistics(
    layer1,
    () => setBias(layer1, lowered),
    (statistics) => shiftedStatistics(statistics, absorbed, -1),
  );
  const raised = biasOf(layer2).map((bias, channel) => bias + (response[channel] ?? 0));
  keepStatistics(layer2, () => setBias(layer2, raised));
}
