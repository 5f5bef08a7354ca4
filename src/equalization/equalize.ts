/**
 * Equalization in one call, for what the weights are going to be quantized with.
 *
 * @module
 */

import { UnsupportedModelError } from '../errors.ts';
import type { Layer } from '../model/layer.ts';
import type { Model } from '../model/model.ts';
import type { ModelRunner } from '../model/model-runner.ts';
import { takeSnapshot } from '../model/snapshot.ts';
import { type FoldedPair, foldAllBatchNorms } from '../primitives/batch-norm-fold.ts';
import { replaceRelu6WithRelu } from '../primitives/replace-relu6.ts';
import type { SkipReason } from '../primitives/skip-reason.ts';
import type { Stage, Veto } from '../primitives/stage.ts';
import { parseQuantizer, type QuantizerName } from '../quantization/quantizer.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { activationMoments } from './activation-moments.ts';
import { type BiasCorrectionRecord, correctBias } from './bias-correction.ts';
import { cancellingQuantizer, quantizeKernels } from './cancelling-quantizer.ts';
import { correctBiasWithInputs } from './measured-correction.ts';
import { type CapRecord, capActivations } from './relu6-caps.ts';
import { type CarryRecord, carryScales } from './scale-carriers.ts';
import { type RegionRecord, scaleRegions } from './scale-regions.ts';

/**
 * What a model is made ready for:
 * - `int8-per-tensor`: integer converters and NPUs with one range for each kernel. Folded, scaled across the whole graph, with
 *   corrected biases.
 * - `tfjs-uint8`: TF.js layers models with 8-bit kernels. Batch norms stay and carry the scales of the channels.
 * - `int8-per-channel`: converters with a range for each output channel. Folded, with corrected biases.
 * - `float`: no quantizer in particular. Folded and scaled across the whole graph.
 */
export const TARGETS = ['int8-per-tensor', 'tfjs-uint8', 'int8-per-channel', 'float'] as const;

/** One of the {@link TARGETS}. */
export type Target = (typeof TARGETS)[number];

/**
 * What happens where a factor meets a ReLU6:
 * - `keep`: scaling ends there.
 * - `relu`: it becomes a ReLU first, as in the reference, which changes the function wherever an activation exceeds 6.
 * - `exact`: each channel gets a maximum of its own, in stock layers; the function stays.
 */
export const RELU6_POLICIES = ['keep', 'relu', 'exact'] as const;

/** One of the {@link RELU6_POLICIES}. */
export type Relu6Policy = (typeof RELU6_POLICIES)[number];

/** What biases are corrected with: statistics of batch norms, given inputs, or not at all. */
export type BiasCorrection = 'analytic' | 'measured' | 'none';

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

/** How a model is equalized. */
export interface EqualizeOptions {
  /** `int8-per-tensor` where it is left out. */
  readonly target?: Target;
  /** `exact` where it is left out. */
  readonly relu6?: Relu6Policy;
  /** Left out: `measured` where there are samples, else `analytic`; `none` for the target `float`. */
  readonly biasCorrection?: BiasCorrection;
  /** `nearest` where it is left out; the target `float` has no grid. */
  readonly rounding?: WeightRounding;
  /** What the model is run on for measured corrections; one tensor for each input, with the samples first. */
  readonly samples?: { readonly runner: ModelRunner; readonly inputs: readonly Tensor[] };
  /** Looks at the kernels until ranges count as equal; 50 where it is left out. */
  readonly rounds?: number;
}

/** The stages of a recipe, of which a target takes some. */
export type StageName = 'relu6' | 'fold' | 'scale' | 'carry' | 'correct';

/** What was done. Parts are undefined where their stage did not run. */
export interface EqualizationRecord {
  readonly target: Target;
  readonly relu6: Relu6Policy;
  readonly stages: readonly StageName[];
  /** Layers whose ReLU6 became a ReLU. */
  readonly replacedRelu6: readonly Layer[];
  readonly foldedPairs: readonly FoldedPair[];
  readonly regions: RegionRecord | undefined;
  readonly caps: CapRecord | undefined;
  readonly carried: CarryRecord | undefined;
  readonly correction: BiasCorrectionRecord | undefined;
  readonly skipped: readonly (SkipReason & { readonly stage: StageName })[];
}

/**
 * Equalizes a copy of `model` for a target. The same for the same model and options.
 *
 * The copy computes what the model does, up to rounding, but for ReLU6 with the policy `relu`, and for corrected biases: they
 * make up for what the quantizer of the target is going to change, and are off by as much before it does.
 *
 * @throws RangeError where an option is none; CannotRunError where samples are given and the model cannot be run.
 */
export async function equalize(
  model: Model,
  options: EqualizeOptions = {},
): Promise<{ readonly model: Model; readonly report: EqualizationRecord }> {
  const copy = model.clone();
  const { stages, record } = equalizationStages(copy, options);
  for (const stage of stages) await stage.run();
  return { model: copy, report: record() };
}

/**
 * The stages that {@link equalize} runs, as a recipe for `model`, which they edit, and what they did so far.
 *
 * @throws RangeError where an option is none.
 */
export function equalizationStages(
  model: Model,
  options: EqualizeOptions = {},
): { readonly stages: readonly Stage<StageName>[]; readonly record: () => EqualizationRecord } {
  const recipe = new Recipe(model, options);
  return { stages: recipe.stages(), record: () => recipe.record() };
}

const STAGES: Readonly<Record<Target, readonly StageName[]>> = {
  'int8-per-tensor': ['fold', 'scale', 'correct'],
  'tfjs-uint8': ['carry', 'correct'],
  'int8-per-channel': ['fold', 'correct'],
  float: ['fold', 'scale'],
};

/** What stands in for the edits of a stage that are undone together. */
const WHOLE: readonly string[] = ['all layers'];

type Skips = (SkipReason & { readonly stage: StageName })[];

class Recipe {
  readonly #model: Model;
  readonly #options: EqualizeOptions;
  readonly #target: Target;
  readonly #relu6: Relu6Policy;
  readonly #correction: BiasCorrection;
  readonly #rounding: WeightRounding;
  #replacedRelu6: readonly Layer[] = [];
  #foldedPairs: readonly FoldedPair[] = [];
  #regions: RegionRecord | undefined;
  #caps: CapRecord | undefined;
  #carried: CarryRecord | undefined;
  #corrected: BiasCorrectionRecord | undefined;
  readonly #skipped = new Map<StageName, Skips>();

  constructor(model: Model, options: EqualizeOptions) {
    const { target = 'int8-per-tensor', relu6 = 'exact', biasCorrection, samples } = options;
    if (!TARGETS.includes(target))
      throw new RangeError(`target: '${target}'; choose from ${TARGETS.join(', ')}`);
    if (!RELU6_POLICIES.includes(relu6)) {
      throw new RangeError(`relu6: '${relu6}'; choose from ${RELU6_POLICIES.join(', ')}`);
    }
    const { rounding = 'nearest' } = options;
    if (!ROUNDINGS.includes(rounding)) {
      throw new RangeError(`rounding: '${rounding}'; choose from ${ROUNDINGS.join(', ')}`);
    }
    if (rounding === 'cancelling' && target === 'float') {
      throw new RangeError("rounding: 'cancelling' takes a target with a grid, which 'float' has not");
    }
    if (biasCorrection === 'measured' && !samples) {
      throw new RangeError("biasCorrection: 'measured' takes samples to measure with");
    }
    this.#model = model;
    this.#options = options;
    this.#target = target;
    this.#relu6 = relu6;
    this.#rounding = rounding;
    this.#correction = target === 'float' ? 'none' : (biasCorrection ?? (samples ? 'measured' : 'analytic'));
  }

  stages(): Stage<StageName>[] {
    const corrects = this.#correction !== 'none' || this.#rounding === 'cancelling';
    const names = STAGES[this.#target].filter((name) => name !== 'correct' || corrects);
    return [...(this.#relu6 === 'relu' ? (['relu6'] as const) : []), ...names].map((name) =>
      this.#stage(name),
    );
  }

  record(): EqualizationRecord {
    return {
      target: this.#target,
      relu6: this.#relu6,
      stages: this.stages().map(({ name }) => name),
      replacedRelu6: this.#replacedRelu6,
      foldedPairs: this.#foldedPairs,
      regions: this.#regions,
      caps: this.#caps,
      carried: this.#carried,
      correction: this.#corrected,
      skipped: [...this.#skipped.values()].flat(),
    };
  }

  #stage(name: StageName): Stage<StageName> {
    const model = this.#model;
    /** A new list of reasons for each run of the stage. */
    const skips = (): ((reason: SkipReason) => void) => {
      const list: Skips = [];
      this.#skipped.set(name, list);
      return (reason) => void list.push({ ...reason, stage: name });
    };
    switch (name) {
      case 'relu6':
        return {
          name,
          run: () => {
            [, this.#replacedRelu6] = replaceRelu6WithRelu(model, { onSkip: skips() });
          },
          edits: () => [],
        };
      case 'fold':
        return {
          name,
          run: (veto) => {
            [this.#foldedPairs] = foldAllBatchNorms(model, { onSkip: skips(), ...(veto ? { veto } : {}) });
          },
          edits: () => this.#foldedPairs.map(([layer, bn]) => [bn.path, layer.path]),
        };
      case 'scale':
        return {
          name,
          run: (veto) => this.#scale(veto, skips()),
          edits: () => (this.#regions?.regions ?? []).map(({ sources, sinks }) => [...sources, ...sinks]),
        };
      case 'carry':
        return {
          name,
          run: (veto) => {
            const reason = veto?.(WHOLE);
            const onSkip = skips();
            this.#carried = reason ? undefined : carryScales(model);
            if (reason) onSkip(reason);
          },
          edits: () => (this.#carried ? [WHOLE] : []),
        };
      case 'correct':
        return { name, run: () => this.#correct(), edits: () => [] };
    }
  }

  /** Scales all regions. Where the maxima of ReLUs cannot be brought into the model, regions end at them. */
  #scale(veto: Veto | undefined, onSkip: (reason: SkipReason) => void): void {
    const { rounds } = this.#options;
    const options = { ...(rounds === undefined ? {} : { rounds }), ...(veto ? { veto } : {}), onSkip };
    const restore = takeSnapshot(this.#model);
    this.#caps = undefined;
    if (this.#relu6 === 'exact') {
      try {
        this.#regions = scaleRegions(this.#model, { ...options, throughBounded: true });
        this.#caps = capActivations(this.#model, this.#regions.bounded);
        return;
      } catch (error) {
        if (!(error instanceof UnsupportedModelError)) throw error;
        restore();
      }
    }
    this.#regions = scaleRegions(this.#model, options);
  }

  /** Corrects biases for the quantizer of the target, whose rounding is done here where it is to cancel errors. */
  async #correct(): Promise<void> {
    const model = this.#model;
    const { samples } = this.#options;
    const quantizer = parseQuantizer(this.#target as QuantizerName);
    const moments = activationMoments(model);
    const isCancelling = this.#rounding === 'cancelling';
    const used = isCancelling ? cancellingQuantizer(model, quantizer, moments) : quantizer;
    if (this.#correction === 'measured' && samples) {
      this.#corrected = await correctBiasWithInputs(model, used, samples);
    } else if (this.#correction !== 'none') {
      this.#corrected = correctBias(model, used, moments);
    }
    if (typeof used === 'function') quantizeKernels(model, used);
  }
}
