/**
 * Weights packed in 8 or 16 bits.
 *
 * @module
 */

import type { Layer } from '../../model/layer.ts';
import type { WeightName } from '../../model/layer-weights.ts';
import type { Model } from '../../model/model.ts';
import { keepStatistics } from '../../model/statistics.ts';
import type { Pass } from '../../primitives/pass.ts';
import { packableWeights, weightKey } from '../../quantization/packing/packable-weights.ts';
import { PACKED_BYTES, type PackedDType, packedWeight } from '../../quantization/packing/packed-dtypes.ts';
import { parseQuantizer } from '../../quantization/quantizer.ts';
import { packedWidth } from '../../tensor/packed-values.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type ActivationMoments, activationMoments } from '../moments/activation-moments.ts';
import type { KernelQuantizer } from '../noise/quantized-kernels.ts';
import { cancellingQuantizer } from '../rounding/cancelling-quantizer.ts';
import { planWeights, type WeightPlan } from './weight-plan.ts';

/** How weights are packed. */
export interface PackOptions {
  /** What weights are packed as; `uint8` where it is left out. */
  readonly dtype?: PackedDType;
  /** Instead of one dtype for all: bytes that all weights may take together. That of each kernel is chosen. */
  readonly budget?: number;
  /** Patterns of names of layers, of which one has to match; all layers where it is left out. `*` stands for any characters. */
  readonly include?: readonly string[];
  /** Patterns of names of layers that stay in float32. */
  readonly exclude?: readonly string[];
  /** Whether kernels come onto a grid of 8 bits such that errors cancel; false where it is left out. */
  readonly cancels?: boolean;
  /** Whether biases are corrected for it, which gives one to layers that have none; false where it is left out. */
  readonly corrects?: boolean;
}

/** What became of a weight that may be packed. */
export interface PackedWeight {
  /** {@link Layer.path}. */
  readonly layer: string;
  readonly weight: string;
  /** `float32`: it stays as it is, because a pattern left it out or a plan did. */
  readonly dtype: PackedDType | 'float32';
  readonly values: number;
  readonly bytes: number;
  /** Whether it came packed, and keeps its bytes. */
  readonly kept: boolean;
}

/** What {@link packPass} did. */
export interface PackRecord {
  readonly packed: readonly PackedWeight[];
  /** The dtypes that were chosen for a budget; null where none was given. */
  readonly plan: WeightPlan | null;
}

/**
 * What the weights of `model` are packed as: decided for all kernels when the first of them is asked for, so that a correction
 * of biases and the packing itself have the same.
 */
export class WeightPacker {
  readonly #model: Model;
  readonly #options: PackOptions;
  /** `weightKey` of what is packed; layers are not told by identity, as corrections work on copies of the model. */
  readonly chosen: ReadonlySet<string>;
  #kernels: KernelQuantizer | undefined;
  #planned: ReadonlyMap<string, PackedDType | 'float32'> = new Map();
  #plan: WeightPlan | null = null;

  /** @throws RangeError where a pattern matches nothing. */
  constructor(model: Model, options: PackOptions = {}) {
    this.#model = model;
    this.#options = options;
    this.chosen = new Set(packableWeights(model, options).map(weightKey));
  }

  /** What each kernel becomes: one that is not to be packed, or came in as few bits, stays the tensor that it is. */
  kernels(moments?: ActivationMoments): KernelQuantizer {
    this.#kernels ??= this.#decide(moments);
    return this.#kernels;
  }

  /** The dtypes that were chosen for a budget, once {@link kernels} were asked for. */
  get plan(): WeightPlan | null {
    return this.#plan;
  }

  /** A weight as it is packed. */
  packed(layer: Layer, name: string, tensor: Tensor): Tensor {
    const dtype = this.#dtypeOf(layer, name);
    if (dtype === 'float32') return tensor;
    // What came in as few bits already would only lose more.
    const isSmall = tensor.packed && packedWidth(tensor.packed.packing) <= PACKED_BYTES[dtype];
    return isSmall ? tensor : packedWeight(layer, name, tensor, dtype);
  }

  #decide(given: ActivationMoments | undefined): KernelQuantizer {
    const { budget, cancels = false, corrects = false } = this.#options;
    const moments = given ?? (budget !== undefined || cancels ? activationMoments(this.#model) : undefined);
    if (moments && budget !== undefined) {
      this.#plan = planWeights(this.#model, moments, this.chosen, { budget, corrects });
      this.#planned = new Map(
        this.#plan.weights.map(({ layer, weight, dtype }) => [`${layer}/${weight}`, dtype]),
      );
    }
    const cancelling =
      cancels && moments && cancellingQuantizer(this.#model, parseQuantizer('tfjs-uint8'), moments);
    const made = new Map<Tensor, Tensor>();
    return (layer, name) => {
      const tensor = layer.requireWeight(name);
      const known = made.get(tensor);
      if (known) return known;
      const isRounded = cancelling && this.#dtypeOf(layer, name) === 'uint8';
      const result = this.packed(layer, name, isRounded ? cancelling(layer, name) : tensor);
      made.set(tensor, result);
      return result;
    };
  }

  #dtypeOf(layer: Layer, name: string): PackedDType | 'float32' {
    const key = weightKey({ layer, name });
    if (!this.chosen.has(key)) return 'float32';
    return this.#planned.get(key) ?? this.#options.dtype ?? 'uint8';
  }
}

/**
 * Packs weights.
 *
 * ```ts
 * await runPasses(model, [packPass(new WeightPacker(model, { dtype: 'float16' }))]);
 * ```
 *
 * @param weights of the model that the pass is run on, or what decides for it
 */
export function packPass(weights: WeightPacker): Pass<'pack', PackRecord> {
  return {
    name: 'pack',
    keepsFunction: false,
    run(model, { onProgress }) {
      const kernels = weights.kernels();
      // All are made before the first is set: some are told from others.
      const packable = packableWeights(model);
      const made = packable.map(({ layer, name, isKernel }, index) => {
        onProgress(index, packable.length);
        const before = layer.weights.get(name) as Tensor;
        const tensor = isKernel ? kernels(layer, name as WeightName) : weights.packed(layer, name, before);
        return { layer, name, before, tensor };
      });
      for (const { layer, name, tensor } of made) {
        keepStatistics(layer, () => layer.weights.set(name, tensor));
      }
      const packed = made.map(({ layer, name, before, tensor }): PackedWeight => {
        const dtype = tensor.packed?.packing.dtype ?? 'float32';
        const kept = before.packed !== undefined && tensor === before;
        const bytes = tensor.size * PACKED_BYTES[dtype];
        return { layer: layer.path, weight: name, dtype, values: tensor.size, bytes, kept };
      });
      return { packed, plan: weights.plan };
    },
  };
}
