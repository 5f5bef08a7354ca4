/**
 * Which weights of a model are packed.
 *
 * @module
 */

import type { Layer } from '../../model/layer.ts';
import { layerPattern } from '../../model/layer-pattern.ts';
import type { Model } from '../../model/model.ts';
import { isFloat } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { named } from '../../text/names.ts';
import { isKernel } from '../kernel-layout.ts';

/** A weight that may be packed. */
export interface PackableWeight {
  readonly layer: Layer;
  readonly name: string;
  /** Whether it is a kernel of a convolution or Dense, and not that of another layer, such as an embedding. */
  readonly isKernel: boolean;
}

/** A name for a weight that is the same in every copy of a model. */
export function weightKey({ layer, name }: Pick<PackableWeight, 'layer' | 'name'>): string {
  return `${layer.path}/${name}`;
}

/** Other weights than kernels are packed from this many values on: 64 kB in float32. */
const SMALLEST_OTHER = 1 << 14;

/**
 * The weights of `model` that are packed: kernels of convolutions and Dense, and of layers that Crosslayer does not compute
 * with (embeddings, recurrent layers) the matrices of at least 16,384 values. Biases, batch norms and the alphas of a PReLU
 * stay in float32, and so does what is no float.
 *
 * @param patterns of names of layers, as {@link layerPattern} reads them.
 * @throws RangeError where a pattern matches nothing that could be packed.
 */
export function packableWeights(
  model: Model,
  patterns: { readonly include?: readonly string[]; readonly exclude?: readonly string[] } = {},
): PackableWeight[] {
  const { include, exclude = [] } = patterns;
  const candidates = [...model.allLayers()].flatMap(({ layer }) =>
    [...layer.weights]
      .filter(([name, tensor]) => isKernel(layer, name) || isLargeMatrix(layer, tensor))
      .filter(([, { dtype }]) => isFloat(dtype))
      .map(([name]) => ({ layer, name, isKernel: isKernel(layer, name) })),
  );
  const matching = (pattern: string): Set<PackableWeight> => {
    const matches = layerPattern(pattern);
    const found = candidates.filter(({ layer, name }) => matches(layer, name));
    if (found.length > 0) return new Set(found);
    throw new RangeError(
      `the pattern '${pattern}' matches no layer with a kernel; they are ${namesOf(candidates)}`,
    );
  };
  const included = include?.map(matching);
  const excluded = exclude.map(matching);
  return candidates.filter(
    (one) => (included?.some((set) => set.has(one)) ?? true) && !excluded.some((set) => set.has(one)),
  );
}

function isLargeMatrix({ operation }: Layer, { shape, size }: Tensor): boolean {
  return operation.kind === 'opaque' && shape.length >= 2 && size >= SMALLEST_OTHER;
}

function namesOf(candidates: readonly PackableWeight[]): string {
  const names = [...new Set(candidates.map(({ layer }) => layer.path))];
  return named(names) || 'none';
}
