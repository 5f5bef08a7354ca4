/**
 * What each kernel of a model can be packed as, and what that does to the outputs.
 *
 * @module
 */

import type { Layer } from '../../model/layer.ts';
import type { WeightName } from '../../model/layer-weights.ts';
import type { Model } from '../../model/model.ts';
import { PACKED_BYTES, PACKED_DTYPES, type PackedDType } from '../../quantization/packing/packed-dtypes.ts';
import { QUANTIZER_PRESETS, type WeightQuantizer } from '../../quantization/quantizer.ts';
import type { FloatValues } from '../../tensor/dtype.ts';
import { float16ToNumber, numberToFloat16 } from '../../tensor/half.ts';
import { packedWidth } from '../../tensor/packed-values.ts';
import { Tensor } from '../../tensor/tensor.ts';
import type { ActivationMoments } from '../moments/activation-moments.ts';
import { type KernelNoise, noiseMeter } from '../noise/kernel-noise.ts';
import type { KernelQuantizer } from '../noise/quantized-kernels.ts';
import type { DTypeOption, PlannedWeightOptions } from './dtype-plan.ts';

/** What kernels are packed in. */
export interface DTypeOptionsSettings {
  /** Whether biases make up for the means of errors; they do, where it is left out. */
  readonly corrected?: boolean;
  /** What kernels become in 8 bits; on the nearest level of the grid of TF.js where it is left out. */
  readonly uint8?: WeightQuantizer | KernelQuantizer;
}

/**
 * The dtypes of each kernel of `model` for `planDTypes`, with their bytes in a TF.js file and the damage that {@link kernelNoise}
 * expects of them. A kernel that came packed can stay as it is, and nothing else; half floats are none for a kernel past 65504.
 * Kernels that cannot be quantized, because a weight is no finite number, are left out, and so are other weights.
 *
 * @param moments those of `model` or of the one that it was made from
 * @returns in the order of the graph.
 * @throws RangeError where a quantizer contradicts itself.
 */
export function dtypeOptions(
  model: Model,
  moments: ActivationMoments,
  settings: DTypeOptionsSettings = {},
): PlannedWeightOptions[] {
  const { corrected = true, uint8 = QUANTIZER_PRESETS['tfjs-uint8'] } = settings;
  const quantizers = { uint8, uint16: QUANTIZER_PRESETS['tfjs-uint16'], float16: roundedToHalf };
  const noiseOf = noiseMeter(model, moments);
  const noises = PACKED_DTYPES.map((dtype) => ({
    dtype,
    kernels: noiseOf(quantizers[dtype], { corrected }),
  }));
  const [{ kernels } = { kernels: [] }] = noises;
  return kernels.map(({ layer, name }, index) => ({
    layer,
    name,
    options: optionsOf(
      layer.requireWeight(name),
      noises.map((noise) => ({ dtype: noise.dtype, damage: noise.kernels[index]?.damage ?? NaN })),
    ),
  }));
}

/** Of weights so large that squares of their errors have no number: 8 bits remain possible, and sums stay finite. */
const MOST_DAMAGE = 1e300;

function optionsOf(
  { size, packed }: Tensor,
  noises: readonly { readonly dtype: PackedDType; readonly damage: KernelNoise['damage'] }[],
): DTypeOption[] {
  if (packed) {
    const { packing } = packed;
    return [{ dtype: packing.dtype, bytes: size * packedWidth(packing), damage: 0 }];
  }
  const isUnchanged: DTypeOption = { dtype: 'float32', bytes: size * PACKED_BYTES.float32, damage: 0 };
  // What overflows a half float is infinite.
  const fitting = noises.filter(({ dtype, damage }) => dtype !== 'float16' || Number.isFinite(damage));
  const options = fitting.map(({ dtype, damage }) => ({
    dtype,
    bytes: size * PACKED_BYTES[dtype],
    damage: Number.isFinite(damage) ? Math.min(damage, MOST_DAMAGE) : MOST_DAMAGE,
  }));
  return [...options, isUnchanged];
}

/** A {@link KernelQuantizer}: each weight as the nearest half float. */
function roundedToHalf(layer: Layer, name: WeightName): Tensor {
  const tensor = layer.requireWeight(name);
  const values = Float32Array.from(tensor.values() as FloatValues, (value) =>
    float16ToNumber(numberToFloat16(value)),
  );
  return Tensor.of('float32', tensor.shape, values);
}
