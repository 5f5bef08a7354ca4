/**
 * What `equalize` and `quantize` can be told, and what is usual where they are not.
 *
 * @module
 */

import type { Model } from '../model/model.ts';
import type { ModelRunner } from '../model/model-runner.ts';
import type { WatchOptions } from '../model/progress.ts';
import { PACKED_DTYPES, type PackedDType } from '../quantization/packing/packed-dtypes.ts';
import {
  type ActivationQuantizer,
  checkActivationQuantizer,
  INT8_ACTIVATIONS,
  parseQuantizer,
  type WeightQuantizer,
} from '../quantization/quantizer.ts';
import type { QuantizationSimOptions } from '../quantization/simulation/quantization-sim-model.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { OBJECTIVES, type Objective } from './scaling/scale-regions.ts';

/**
 * What a model is made ready for:
 * - `int8-per-tensor`: integer converters and NPUs with one range for each kernel. Folded, scaled across the whole graph for
 *   kernels and activations of 8 bits, with corrected biases.
 * - `int8-per-tensor-symmetric`: the same for grids from -127 to 127, as TensorFlow Lite has them with ranges for channels
 *   switched off.
 * - `tfjs-uint8`: TF.js layers models with 8-bit kernels. Batch norms stay and carry the scales of the channels.
 * - `int8-per-channel`: converters with a range for each output channel. Folded, with corrected biases.
 * - `float`: no quantizer in particular. Folded and scaled across the whole graph.
 */
export const TARGETS = [
  'int8-per-tensor',
  'int8-per-tensor-symmetric',
  'tfjs-uint8',
  'int8-per-channel',
  'float',
] as const;

/** One of the {@link TARGETS}. */
export type Target = (typeof TARGETS)[number];

/**
 * What happens where a factor meets a ReLU6:
 * - `keep`: scaling ends there.
 * - `relu`: it becomes a ReLU first, as in the reference, which changes the function wherever an activation exceeds 6.
 * - `exact`: each channel gets a maximum of its own, in an operator behind it; the function stays.
 */
export const RELU6_POLICIES = ['keep', 'relu', 'exact'] as const;

/** One of the {@link RELU6_POLICIES}. */
export type Relu6Policy = (typeof RELU6_POLICIES)[number];

/** What biases are corrected with: statistics of batch norms, given inputs, or not at all. */
export const BIAS_CORRECTIONS = ['analytic', 'measured', 'none'] as const;

/** One of the {@link BIAS_CORRECTIONS}. */
export type BiasCorrection = (typeof BIAS_CORRECTIONS)[number];

/**
 * How weights come onto the grid of the target:
 * - `nearest`: whatever quantizes them later rounds them. The kernels stay as they are.
 * - `cancelling`: they are put on it here, on the level above or below, such that the errors of a channel cancel each other. A
 *   tool that quantizes on the same grid keeps them; the float function changes by what quantizing changes. On published
 *   MobileNets it gained 2 to 7 dB, on the example of this package it lost 4: measure it.
 */
export const ROUNDINGS = ['nearest', 'cancelling'] as const;

/** One of the {@link ROUNDINGS}. */
export type WeightRounding = (typeof ROUNDINGS)[number];

/** How near a quantized model comes to the float original. */
export interface Judgement {
  /** Of the scores behind the output that suffers most, in dB. */
  readonly sqnrDb: number;
  /** Share of samples with the same largest class, null where there are no classes. */
  readonly top1Agreement: number | null;
}

/** Judges models as they will run; see `sqnrJudge`. */
export interface Judge {
  /**
   * @param model one whose kernels are quantized
   * @param grids what kernels and tensors are put on, where tensors are too; then the kernels of `model` are those before
   */
  judge(model: Model, grids?: Required<QuantizationSimOptions>): Promise<Judgement>;
  /** By how much, in dB, settings have to be better than the usual ones to be taken: as far as the inputs can be trusted. */
  readonly margin: number;
}

/** How a model is equalized. Stages: `measure` and `try` with samples and a judge, then the passes by their names. */
export interface EqualizeOptions extends WatchOptions {
  /** `int8-per-tensor` where it is left out. */
  readonly target?: Target;
  /** `exact` where it is left out. */
  readonly relu6?: Relu6Policy;
  /** Left out: `measured` where there are samples, else `analytic`; `none` for the target `float`. */
  readonly biasCorrection?: BiasCorrection;
  /** Left out: `least-noise` for `int8-per-tensor`, `equal-ranges` for `float`; other targets do not scale regions. */
  readonly objective?: Objective;
  /** Left out: `cancelling` for `tfjs-uint8`, else `nearest`; the target `float` has no grid. */
  readonly rounding?: WeightRounding;
  /**
   * What activations will be quantized with, or that they stay in `float`, as for `tfjs-uint8` and `float` they always do. Left
   * out: 8 bits for the other targets, as integer converters have them. Factors are then looked for that suit tensors as well
   * as kernels, and settings are judged with both on grids.
   */
  readonly activations?: ActivationQuantizer | 'float';
  /** With the target `int8-per-channel`: whether kernels of Dense layers will have one range all the same. */
  readonly densePerTensor?: boolean;
  /** What the model is run on for measured corrections; one tensor for each input, with the samples first. */
  readonly samples?: { readonly runner: ModelRunner; readonly inputs: readonly Tensor[] };
  /**
   * What quantized models are judged by. With it, settings that are left out are tried, as `chooseSettings` does, and
   * those that the judge finds best are taken.
   */
  readonly judge?: Judge;
}

/** What decides a recipe. */
export interface Settings {
  readonly target: Target;
  readonly relu6: Relu6Policy;
  readonly objective: Objective;
  readonly rounding: WeightRounding;
  readonly biasCorrection: BiasCorrection;
  /** Left out where activations stay in float. */
  readonly activations?: ActivationQuantizer;
}

/** Settings that were tried, and what the judge found. */
export interface Trial extends Settings, Judgement {}

/** What the kernels of a target will be quantized with; there is none for `float`. */
export function quantizerOf({
  target = 'int8-per-tensor',
  densePerTensor = false,
}: Pick<EqualizeOptions, 'target' | 'densePerTensor'>): WeightQuantizer {
  const quantizer = parseQuantizer(target);
  return densePerTensor && quantizer.perChannel ? { ...quantizer, densePerTensor } : quantizer;
}

/** Whether kernels get one range of 8 bits each, which is what scaling is for. */
export function hasKernelRanges(target: Target): boolean {
  return target === 'int8-per-tensor' || target === 'int8-per-tensor-symmetric';
}

/** Targets of which activations are quantized too. */
const WITH_ACTIVATIONS: readonly Target[] = [
  'int8-per-tensor',
  'int8-per-tensor-symmetric',
  'int8-per-channel',
];

/**
 * The settings of options, with the usual ones for those that are left out.
 *
 * @throws RangeError where an option is none.
 */
export function settingsOf(options: EqualizeOptions): Settings {
  const { target = 'int8-per-tensor', relu6 = 'exact', biasCorrection, samples, activations } = options;
  const { objective = hasKernelRanges(target) ? 'least-noise' : 'equal-ranges' } = options;
  if (!TARGETS.includes(target))
    throw new RangeError(`target: '${target}'; choose from ${TARGETS.join(', ')}`);
  if (!RELU6_POLICIES.includes(relu6)) {
    throw new RangeError(`relu6: '${relu6}'; choose from ${RELU6_POLICIES.join(', ')}`);
  }
  if (!OBJECTIVES.includes(objective)) {
    throw new RangeError(`objective: '${objective}'; choose from ${OBJECTIVES.join(', ')}`);
  }
  const { rounding = target === 'tfjs-uint8' ? 'cancelling' : 'nearest' } = options;
  if (!ROUNDINGS.includes(rounding)) {
    throw new RangeError(`rounding: '${rounding}'; choose from ${ROUNDINGS.join(', ')}`);
  }
  if (rounding === 'cancelling' && target === 'float') {
    throw new RangeError("rounding: 'cancelling' takes a target with a grid, which 'float' has not");
  }
  if (biasCorrection !== undefined && !BIAS_CORRECTIONS.includes(biasCorrection)) {
    throw new RangeError(`biasCorrection: '${biasCorrection}'; choose from ${BIAS_CORRECTIONS.join(', ')}`);
  }
  if (biasCorrection === 'measured' && !samples) {
    throw new RangeError("biasCorrection: 'measured' takes samples to measure with");
  }
  const isOnIntegers = WITH_ACTIVATIONS.includes(target);
  if (activations && activations !== 'float' && !isOnIntegers) {
    throw new RangeError(
      `activations: with the target '${target}' they stay in float; leave them out, or choose ${WITH_ACTIVATIONS.join(' or ')}`,
    );
  }
  const quantizer = activations ?? (isOnIntegers ? INT8_ACTIVATIONS : 'float');
  if (quantizer !== 'float') checkActivationQuantizer(quantizer);
  return {
    target,
    relu6,
    objective,
    rounding,
    biasCorrection: target === 'float' ? 'none' : (biasCorrection ?? (samples ? 'measured' : 'analytic')),
    ...(quantizer === 'float' ? {} : { activations: quantizer }),
  };
}

/** How a model is quantized. Stages: `measure` and `try` with samples and a judge, then the passes by their names. */
export interface QuantizeOptions extends WatchOptions {
  /** What weights are packed as; `uint8` where it is left out. */
  readonly dtype?: PackedDType;
  /** Instead of one dtype for all: that of each kernel is chosen so that the outputs suffer least of it. */
  readonly plan?: {
    /** Bytes that all weights of the model may take together, those that stay in float32 among them. */
    readonly budget: number;
  };
  /** Patterns of names of layers, of which one has to match; all layers where it is left out. `*` stands for any characters. */
  readonly include?: readonly string[];
  /** Patterns of names of layers that stay in float32. */
  readonly exclude?: readonly string[];
  /**
   * Whether batch norms take the scales of channels and biases are corrected first. Left out: where kernels become uint8,
   * unless they lie on a grid of 8 bits already, which it would have them rounded to a second time.
   */
  readonly prepare?: boolean;
  /** How kernels come onto a grid of 8 bits; `cancelling` where it is left out. */
  readonly rounding?: WeightRounding;
  /** Left out: `measured` where there are samples, else `analytic`. */
  readonly biasCorrection?: BiasCorrection;
  /** What the model is run on for measured corrections; one tensor for each input, with the samples first. */
  readonly samples?: { readonly runner: ModelRunner; readonly inputs: readonly Tensor[] };
  /** What settings that are left out are tried by, as for `equalize`. */
  readonly judge?: Judge;
}

/** @throws RangeError where an option is none. */
export function checkQuantizeOptions(options: QuantizeOptions): void {
  const { dtype, plan, rounding, biasCorrection, samples } = options;
  if (dtype !== undefined && !PACKED_DTYPES.includes(dtype)) {
    throw new RangeError(`dtype: '${dtype}'; choose from ${PACKED_DTYPES.join(', ')}`);
  }
  if (plan && !(plan.budget > 0 && plan.budget < Infinity)) {
    throw new RangeError(`plan: a budget of ${plan.budget} bytes; give a number above 0`);
  }
  if (plan && dtype !== undefined) {
    throw new RangeError(`plan: it chooses the dtype of each kernel; leave the dtype ${dtype} out`);
  }
  if (rounding !== undefined && !ROUNDINGS.includes(rounding)) {
    throw new RangeError(`rounding: '${rounding}'; choose from ${ROUNDINGS.join(', ')}`);
  }
  if (biasCorrection !== undefined && !BIAS_CORRECTIONS.includes(biasCorrection)) {
    throw new RangeError(`biasCorrection: '${biasCorrection}'; choose from ${BIAS_CORRECTIONS.join(', ')}`);
  }
  if (biasCorrection === 'measured' && !samples) {
    throw new RangeError("biasCorrection: 'measured' takes samples to measure with");
  }
}
