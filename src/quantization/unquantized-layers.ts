import type { Layer } from '../model/layer.ts';
import type { Model } from '../model/model.ts';
import { isFloat } from '../tensor/dtype.ts';
import { isKernel } from './kernel-layout.ts';

/**
 * The layers whose float weights all stay as they are where kernels are quantized, in the model's order: LSTM, Embedding,
 * layers that nobody here knows. Batch norms are left out, which runtimes fold or keep in float.
 */
export function unquantizedLayers(model: Model): Layer[] {
  return [...model.allLayers()]
    .map(({ layer }) => layer)
    .filter((layer) => {
      if (layer.operation.kind === 'batchNorm') return false;
      const weights = [...layer.weights];
      return (
        weights.some(([, { dtype }]) => isFloat(dtype)) && !weights.some(([name]) => isKernel(layer, name))
      );
    });
}
