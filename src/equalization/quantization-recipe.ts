/**
 * The stages that make a model one of 8-bit or 16-bit weights.
 *
 * @module
 */

import type { Layer } from '../model/layer.ts';
import type { WeightName } from '../model/layer-weights.ts';
import type { Model } from '../model/model.ts';
import type { SkipReason } from '../model/skip-reason.ts';
import { keepStatistics } from '../model/statistics.ts';
import type { Stage } from '../primitives/stage.ts';
import { packableWeights, weightKey } from '../quantization/packing/packable-weights.ts';
import { PACKED_BYTES, type PackedDType, packedWeight } from '../quantization/packing/packed-dtypes.ts';
import {
  type CoarseWeight,
  layersQuantizedBefore,
  storedCoarsely,
} from '../quantization/packing/quantized-before.ts';
import { parseQuantizer } from '../quantization/quantizer.ts';
import { packedWidth } from '../tensor/packed-values.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type BiasCorrectionRecord, correctBias } from './biases/bias-correction.ts';
import { correctBiasWithInputs } from './biases/measured-correction.ts';
import { type CarryRecord, carryScales } from './carriers/scale-carriers.ts';
import { type ActivationMoments, activationMoments } from './moments/activation-moments.ts';
import type { KernelQuantizer } from './noise/quantized-kernels.ts';
import { checkBudget, planWeights, type WeightPlan } from './packing/weight-plan.ts';
import { checkQuantizeOptions, type QuantizeOptions } from './quantize-options.ts';
import { cancellingQuantizer } from './rounding/cancelling-quantizer.ts';

/** The stages of `quantize`, of which the first two prepare. */
export type QuantizationStage = 'carry' | 'correct' | 'pack';

/** What became of a weight that may be packed. */
export interface PackedWeight {
  readonly layer: Layer;
  readonly name: string;
  /** `float32`: it stays as it is, because a pattern left it out. */
  readonly dtype: PackedDType | 'float32';
  /** Whether it came packed, and keeps its bytes. */
  readonly isKept: boolean;
}

/** What was done. Parts are undefined where their stage did not run. */
export interface QuantizationRecord {
  readonly stages: readonly QuantizationStage[];
  /** Layers whose kernels lay on a grid of 8 bits before anything was done. */
  readonly quantizedBefore: readonly Layer[];
  /** Weights besides kernels that came in 8 or 16 bits. */
  readonly storedCoarsely: readonly CoarseWeight[];
  readonly carried: CarryRecord | undefined;
  readonly correction: BiasCorrectionRecord | undefined;
  /** The dtypes that were chosen for a budget; undefined where none was given. */
  readonly plan: WeightPlan | undefined;
  /** Why a stage was taken back. */
  readonly skipped: readonly (SkipReason & { readonly stage: QuantizationStage })[];
  readonly packed: readonly PackedWeight[];
}

/**
 * The stages that `quantize` runs, as a recipe for `model`, which they edit, and what they did so far. Nothing is tried:
 * settings that are left out are the usual ones.
 *
 * @throws RangeError where an option is none, a pattern matches nothing, or a budget is too small.
 */
export function quantizationStages(
  model: Model,
  options: QuantizeOptions = {},
): { readonly stages: readonly Stage<QuantizationStage>[]; readonly record: () => QuantizationRecord } {
  const recipe = new Recipe(model, options);
  return { stages: recipe.stages(), record: () => recipe.record() };
}

/** What stands in for the edits of a stage that are undone together. */
const WHOLE: readonly string[] = ['all layers'];

class Recipe {
  readonly #model: Model;
  readonly #options: QuantizeOptions;
  readonly #quantizedBefore: readonly Layer[];
  readonly #storedCoarsely: readonly CoarseWeight[];
  /** {@link weightKey} of what is packed; layers are not told by identity, as corrections work on copies of the model. */
  readonly #chosen: ReadonlySet<string>;
  readonly #prepares: boolean;
  #carried: CarryRecord | undefined;
  #corrected: BiasCorrectionRecord | undefined;
  #skipped: (SkipReason & { readonly stage: QuantizationStage })[] = [];
  #packed: readonly PackedWeight[] = [];
  #plan: WeightPlan | undefined;
  #planned: ReadonlyMap<string, PackedDType | 'float32'> = new Map();
  /** What each kernel becomes, decided once all of them have the scale that they keep. */
  #kernels: KernelQuantizer | undefined;

  constructor(model: Model, options: QuantizeOptions) {
    checkQuantizeOptions(options);
    this.#model = model;
    this.#options = options;
    this.#quantizedBefore = layersQuantizedBefore(model);
    this.#storedCoarsely = storedCoarsely(model);
    this.#chosen = new Set(packableWeights(model, options).map(weightKey));
    const { dtype = 'uint8', prepare } = options;
    this.#prepares = prepare ?? (dtype === 'uint8' && this.#quantizedBefore.length === 0);
    if (options.plan) this.#checkBudget(options.plan.budget);
  }

  stages(): Stage<QuantizationStage>[] {
    const pack: Stage<QuantizationStage> = { name: 'pack', run: () => this.#pack(), edits: () => [] };
    if (!this.#prepares) return [pack];
    const carry: Stage<QuantizationStage> = {
      name: 'carry',
      run: (veto) => {
        const reason = veto?.(WHOLE);
        this.#carried = reason ? undefined : carryScales(this.#model);
        this.#skipped = reason ? [{ ...reason, stage: 'carry' }] : [];
        this.#kernels = undefined;
      },
      edits: () => (this.#carried ? [WHOLE] : []),
    };
    if (!this.#corrects) return [carry, pack];
    return [carry, { name: 'correct', run: () => this.#correct(), edits: () => [] }, pack];
  }

  record(): QuantizationRecord {
    return {
      stages: this.stages().map(({ name }) => name),
      quantizedBefore: this.#quantizedBefore,
      storedCoarsely: this.#storedCoarsely,
      carried: this.#carried,
      correction: this.#corrected,
      plan: this.#plan,
      skipped: this.#skipped,
      packed: this.#packed,
    };
  }

  async #correct(): Promise<void> {
    const { samples, biasCorrection = samples ? 'measured' : 'analytic' } = this.#options;
    const moments = activationMoments(this.#model);
    this.#kernels = this.#kernelQuantizer(moments);
    this.#corrected =
      biasCorrection === 'measured' && samples
        ? await correctBiasWithInputs(this.#model, this.#kernels, samples)
        : correctBias(this.#model, this.#kernels, moments);
  }

  #pack(): void {
    const kernels = this.#kernels ?? this.#kernelQuantizer();
    const packed: PackedWeight[] = [];
    const made: { layer: Layer; name: string; tensor: Tensor }[] = [];
    for (const { layer, name, isKernel } of packableWeights(this.#model)) {
      const before = layer.weights.get(name) as Tensor;
      const tensor = isKernel ? kernels(layer, name as WeightName) : this.#packedAs(layer, name, before);
      packed.push({
        layer,
        name,
        dtype: tensor.packed?.packing.dtype ?? 'float32',
        isKept: before.packed !== undefined && tensor === before,
      });
      made.push({ layer, name, tensor });
    }
    for (const { layer, name, tensor } of made) {
      keepStatistics(layer, () => layer.weights.set(name, tensor));
    }
    this.#packed = packed;
  }

  /** What becomes of kernels: one that is not to be packed, or came in as few bits, stays the tensor that it is. */
  #kernelQuantizer(given?: ActivationMoments): KernelQuantizer {
    const { plan, rounding = 'cancelling' } = this.#options;
    const cancels = this.#prepares && rounding === 'cancelling';
    const moments = given ?? (plan || cancels ? activationMoments(this.#model) : undefined);
    if (moments) this.#makePlan(moments);
    const cancelling =
      cancels && moments && cancellingQuantizer(this.#model, parseQuantizer('tfjs-uint8'), moments);
    const made = new Map<Tensor, Tensor>();
    return (layer, name) => {
      const tensor = layer.requireWeight(name);
      const known = made.get(tensor);
      if (known) return known;
      const isRounded = cancelling && this.#dtypeOf(layer, name) === 'uint8';
      const result = this.#packedAs(layer, name, isRounded ? cancelling(layer, name) : tensor);
      made.set(tensor, result);
      return result;
    };
  }

  #packedAs(layer: Layer, name: string, tensor: Tensor): Tensor {
    const dtype = this.#dtypeOf(layer, name);
    if (dtype === 'float32') return tensor;
    // What came in as few bits already would only lose more.
    const isSmall = tensor.packed && packedWidth(tensor.packed.packing) <= PACKED_BYTES[dtype];
    return isSmall ? tensor : packedWeight(layer, name, tensor, dtype);
  }

  #dtypeOf(layer: Layer, name: string): PackedDType | 'float32' {
    if (!this.#chosen.has(weightKey({ layer, name }))) return 'float32';
    return this.#planned.get(weightKey({ layer, name })) ?? this.#options.dtype ?? 'uint8';
  }

  /** Before anything is done, on a copy with what preparing will add. */
  #checkBudget(budget: number): void {
    const copy = this.#model.clone();
    if (this.#prepares) carryScales(copy);
    checkBudget(copy, this.#chosen, { budget, corrects: this.#corrects });
  }

  #makePlan(moments: ActivationMoments): void {
    const { plan } = this.#options;
    if (!plan) return;
    this.#plan = planWeights(this.#model, moments, this.#chosen, { ...plan, corrects: this.#corrects });
    this.#planned = new Map(this.#plan.weights.map((one) => [weightKey(one), one.dtype]));
  }

  get #corrects(): boolean {
    return this.#prepares && this.#options.biasCorrection !== 'none';
  }
}
