/**
 * Kernels that were rounded to 8 bits on the way from one model to another, as `quantize` for TF.js and `--rounding cancelling` do.
 *
 * @module
 */

import type { Model } from '../../model/model.ts';
import { parseQuantizer, type QuantizerName } from '../../quantization/quantizer.ts';
import { weightSqnr } from '../../quantization/weight-sqnr.ts';
import type { Tensor } from '../../tensor/tensor.ts';

const GRIDS: readonly QuantizerName[] = [
  'int8-per-tensor',
  'int8-per-tensor-symmetric',
  'int8-per-channel',
  'tfjs-uint8',
];
/** Rounding to 8 bits leaves 30 to 60 dB of a kernel, and all of one that is rounded already, but for float32: 130 dB. */
const ON_GRID_DB = 80;
/** Fewer different values may lie on a grid by chance. */
const FEWEST_VALUES = 16;

/** The paths of the layers with a kernel that lies on a grid of 8 bits in `candidate`, and on none in `original`. */
export function layersRounded(original: Model, candidate: Model): string[] {
  const rounded = GRIDS.flatMap((name) => {
    const after = layersOnGrid(candidate, name);
    if (after.size === 0) return [];
    const before = layersOnGrid(original, name);
    return [...after].filter((layer) => !before.has(layer));
  });
  return [...new Set(rounded)];
}

function layersOnGrid(model: Model, quantizer: QuantizerName): Set<string> {
  const onGrid = weightSqnr(model, parseQuantizer(quantizer)).filter(({ sqnr }) => sqnr > ON_GRID_DB);
  const layers = new Map([...model.allLayers()].map(({ path, layer }) => [path, layer]));
  return new Set(
    onGrid
      .filter(({ layer, weight }) => hasManyValues(layers.get(layer)?.weights.get(weight)))
      .map(({ layer }) => layer),
  );
}

function hasManyValues(tensor: Tensor | undefined): boolean {
  const values = new Set<unknown>();
  for (const block of tensor?.blocks() ?? []) {
    for (const value of block.values) {
      if (values.add(value).size >= FEWEST_VALUES) return true;
    }
  }
  return false;
}
