import type { Layer } from '../../model/layer.ts';
import type { Model } from '../../model/model.ts';
import { isFloat } from '../../tensor/dtype.ts';
import { packedWidth } from '../../tensor/packed-values.ts';
import type { Tensor } from '../../tensor/tensor.ts';

/**
 * Bytes of the weights of `model` in the files of TF.js: packed ones by their bits, bool by the byte, else four a value.
 *
 * @param counts which weights count; all where it is left out
 */
export function weightBytes(
  model: Model,
  counts: (layer: Layer, name: string) => boolean = () => true,
): number {
  const tensors = new Set(
    [...model.allLayers()].flatMap(({ layer }) =>
      [...layer.weights].flatMap(([name, tensor]) => (counts(layer, name) ? [tensor] : [])),
    ),
  );
  return [...tensors].reduce((sum, tensor) => sum + tensor.size * bytesPerValue(tensor), 0);
}

function bytesPerValue({ dtype, packed }: Tensor): number {
  if (packed && isFloat(dtype)) return packedWidth(packed.packing);
  return dtype === 'bool' ? 1 : 4;
}
