import type { Operation } from './operation.ts';

/**
 * Names of the weights of layers whose {@link Operation} is known; an opaque layer's are as its file has them.
 * SeparableConv has `depthwiseKernel` and `pointwiseKernel`, DepthwiseConv `depthwiseKernel`, all others `kernel`.
 */
export type WeightName =
  | 'kernel'
  | 'depthwiseKernel'
  | 'pointwiseKernel'
  | 'bias'
  | 'gamma'
  | 'beta'
  | 'movingMean'
  | 'movingVariance'
  | 'alpha';

/**
 * The names of a layer's weights in Keras' order; undefined for layers whose weights nobody here knows.
 *
 * The order is that of `layer.weights` in every Keras version, and so of datasets and variables in every format.
 */
export function weightNamesOf(operation: Operation): readonly WeightName[] | undefined {
  switch (operation.kind) {
    case 'conv':
    case 'convTranspose':
    case 'dense':
      return operation.useBias ? ['kernel', 'bias'] : ['kernel'];
    case 'depthwiseConv':
      return operation.useBias ? ['depthwiseKernel', 'bias'] : ['depthwiseKernel'];
    case 'separableConv':
      return operation.useBias
        ? ['depthwiseKernel', 'pointwiseKernel', 'bias']
        : ['depthwiseKernel', 'pointwiseKernel'];
    case 'batchNorm': {
      const names: WeightName[] = [];
      if (operation.scale) names.push('gamma');
      if (operation.center) names.push('beta');
      return [...names, 'movingMean', 'movingVariance'];
    }
    case 'activation':
      return operation.activation.kind === 'prelu' ? ['alpha'] : [];
    case 'opaque':
    case 'model':
      return undefined;
    default:
      return [];
  }
}
