import type { Layer } from '../model/layer.ts';

/** Two layers that were scaled together, and by how much. AIMET: `ClsSetInfo.ClsSetLayerPairInfo`. */
export class ClsSetLayerPairInfo {
  readonly layer1: Layer;
  readonly layer2: Layer;
  /** `[channels]`: the output of `layer1` was divided by it, the input of `layer2` multiplied. */
  readonly scaleFactor: Float64Array;
  /** Whether a ReLU or PReLU stands between the two. */
  readonly reluActivationBetweenLayers: boolean;

  constructor(
    layer1: Layer,
    layer2: Layer,
    scaleFactor: ArrayLike<number>,
    reluActivationBetweenLayers: boolean,
  ) {
    this.layer1 = layer1;
    this.layer2 = layer2;
    this.scaleFactor = Float64Array.from(scaleFactor);
    this.reluActivationBetweenLayers = reluActivationBetweenLayers;
  }

  /** Whether `other` has the same layers, factors and flag. */
  equals(other: ClsSetLayerPairInfo): boolean {
    return (
      this.layer1 === other.layer1 &&
      this.layer2 === other.layer2 &&
      this.reluActivationBetweenLayers === other.reluActivationBetweenLayers &&
      this.scaleFactor.length === other.scaleFactor.length &&
      this.scaleFactor.every((factor, channel) => factor === other.scaleFactor[channel])
    );
  }
}

/** A scaled set: one pair of layers, or the two pairs of a depthwise triple. AIMET: `ClsSetInfo`. */
export class ClsSetInfo {
  readonly clsPairInfoList: readonly ClsSetLayerPairInfo[];

  constructor(clsPair1: ClsSetLayerPairInfo, clsPair2?: ClsSetLayerPairInfo) {
    this.clsPairInfoList = clsPair2 === undefined ? [clsPair1] : [clsPair1, clsPair2];
  }

  /** Whether `other` holds equal pairs in the same order. */
  equals(other: ClsSetInfo): boolean {
    return (
      this.clsPairInfoList.length === other.clsPairInfoList.length &&
      this.clsPairInfoList.every((pair, index) => {
        const counterpart = other.clsPairInfoList[index];
        return counterpart !== undefined && pair.equals(counterpart);
      })
    );
  }
}
