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
import { keepStatistics, shiftedStatistics } from '../model/statistics.ts';
import type { ClsSetInfo, ClsSetLayerPairInfo } from './cls-set-info.ts';
import type { SkipReason, StepOptions } from './skip-reason.ts';

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
    for (const info of clsSetInfoList) {
      for (const pair of info.clsPairInfoList) {
        const reason = skipReason(pair, bnLayers);
        if (reason) options.onSkip?.(reason);
        else absorb(pair, bnLayers.get(pair.layer1) as Layer);
      }
    }
  }
}

function skipReason(
  { layer1, layer2 }: ClsSetLayerPairInfo,
  bnLayers: ReadonlyMap<Layer, Layer>,
): SkipReason | undefined {
  const layers = [layer1.path, layer2.path];
  for (const layer of [layer1, layer2]) {
    if (!layer.weight('bias')) return { code: 'no-bias', layers, without: layer.path };
  }
  const bn = bnLayers.get(layer1);
  // The statistics must be those of the channels that layer1 writes.
  if (bn === undefined || batchNormChannels(bn) !== channelCount(layer1, 'output')) {
    return { code: 'no-batch-norm', layers };
  }
  return undefined;
}

function absorb(
  { layer1, layer2, scaleFactor, reluActivationBetweenLayers }: ClsSetLayerPairInfo,
  bn: Layer,
): void {
  const gamma = gammaOf(bn);
  const beta = betaOf(bn);
  const absorbed = beta.map((mean, channel) => {
    const s = scaleFactor[channel] ?? 1;
    return reluActivationBetweenLayers
      ? Math.max(0, (mean - 3 * Math.abs(gamma[channel] ?? 1)) / s)
      : mean / s;
  });
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
