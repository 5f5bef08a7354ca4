/**
 * The stages that make a model ready for a target.
 *
 * @module
 */

import { UnsupportedModelError } from '../errors.ts';
import type { Layer } from '../model/layer.ts';
import type { Model } from '../model/model.ts';
import type { SkipReason } from '../model/skip-reason.ts';
import { takeSnapshot } from '../model/snapshot.ts';
import { type FoldedPair, foldAllBatchNorms } from '../primitives/batch-norm-fold.ts';
import { replaceRelu6WithRelu } from '../primitives/replace-relu6.ts';
import type { Stage, Veto } from '../primitives/stage.ts';
import { parseQuantizer, type QuantizerName } from '../quantization/quantizer.ts';
import { type AbsorptionRecord, absorbBiases } from './biases/bias-absorption.ts';
import { type BiasCorrectionRecord, correctBias } from './biases/bias-correction.ts';
import { correctBiasWithInputs } from './biases/measured-correction.ts';
import { type CapRecord, capActivations } from './caps/relu6-caps.ts';
import { type CarryRecord, carryScales } from './carriers/scale-carriers.ts';
import type { Trial } from './judge.ts';
import { activationMoments } from './moments/activation-moments.ts';
import { type EqualizeOptions, type Settings, settingsOf, type Target } from './options.ts';
import { cancellingQuantizer, quantizeKernels } from './rounding/cancelling-quantizer.ts';
import { type RegionRecord, scaleRegions } from './scaling/scale-regions.ts';

/** The stages of a recipe, of which a target takes some. */
export type StageName = 'relu6' | 'fold' | 'scale' | 'carry' | 'absorb' | 'correct';

/** What was done. Parts are undefined where their stage did not run. */
export interface EqualizationRecord extends Settings {
  readonly stages: readonly StageName[];
  /** What was tried, with what was taken first; empty where nothing was. */
  readonly trials: readonly Trial[];
  /** Layers whose ReLU6 became a ReLU. */
  readonly replacedRelu6: readonly Layer[];
  readonly foldedPairs: readonly FoldedPair[];
  readonly regions: RegionRecord | undefined;
  readonly caps: CapRecord | undefined;
  readonly carried: CarryRecord | undefined;
  readonly absorption: AbsorptionRecord | undefined;
  readonly correction: BiasCorrectionRecord | undefined;
  readonly skipped: readonly (SkipReason & { readonly stage: StageName })[];
}

/**
 * The stages that `equalize` runs, as a recipe for `model`, which they edit, and what they did so far. Nothing is
 * tried: settings that are left out are the usual ones.
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
  'int8-per-tensor': ['fold', 'scale', 'absorb', 'correct'],
  'int8-per-tensor-symmetric': ['fold', 'scale', 'absorb', 'correct'],
  'tfjs-uint8': ['carry', 'correct'],
  'int8-per-channel': ['fold', 'absorb', 'correct'],
  float: ['fold', 'scale'],
};

/** What stands in for the edits of a stage that are undone together. */
const WHOLE: readonly string[] = ['all layers'];

type Skips = (SkipReason & { readonly stage: StageName })[];

class Recipe {
  readonly #model: Model;
  readonly #options: EqualizeOptions;
  readonly #settings: Settings;
  #replacedRelu6: readonly Layer[] = [];
  #foldedPairs: readonly FoldedPair[] = [];
  #regions: RegionRecord | undefined;
  #caps: CapRecord | undefined;
  #carried: CarryRecord | undefined;
  #absorbed: AbsorptionRecord | undefined;
  #corrected: BiasCorrectionRecord | undefined;
  readonly #skipped = new Map<StageName, Skips>();

  constructor(model: Model, options: EqualizeOptions) {
    this.#model = model;
    this.#options = options;
    this.#settings = settingsOf(options);
  }

  stages(): Stage<StageName>[] {
    const corrects = this.#settings.biasCorrection !== 'none' || this.#settings.rounding === 'cancelling';
    const runs: Partial<Record<StageName, boolean>> = {
      absorb: this.#settings.activations !== undefined,
      correct: corrects,
    };
    const names = STAGES[this.#settings.target].filter((name) => runs[name] ?? true);
    return [...(this.#settings.relu6 === 'relu' ? (['relu6'] as const) : []), ...names].map((name) =>
      this.#stage(name),
    );
  }

  record(): EqualizationRecord {
    return {
      ...this.#settings,
      trials: [],
      stages: this.stages().map(({ name }) => name),
      replacedRelu6: this.#replacedRelu6,
      foldedPairs: this.#foldedPairs,
      regions: this.#regions,
      caps: this.#caps,
      carried: this.#carried,
      absorption: this.#absorbed,
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
      case 'absorb': {
        const { activations } = this.#settings;
        return {
          name,
          run: () => {
            this.#absorbed = activations && absorbBiases(model, { activations });
          },
          // Through a ReLU the function is not quite kept, so that nothing is to be undone.
          edits: () => [],
        };
      }
      case 'correct':
        return { name, run: () => this.#correct(), edits: () => [] };
    }
  }

  /** Scales all regions. Where the maxima of ReLUs cannot be brought into the model, regions end at them. */
  #scale(veto: Veto | undefined, onSkip: (reason: SkipReason) => void): void {
    const { iterations: rounds } = this.#options;
    const options = {
      objective: this.#settings.objective,
      ...(rounds === undefined ? {} : { rounds }),
      ...(veto ? { veto } : {}),
      onSkip,
    };
    const restore = takeSnapshot(this.#model);
    this.#caps = undefined;
    if (this.#settings.relu6 === 'exact') {
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
    const quantizer = parseQuantizer(this.#settings.target as QuantizerName);
    const moments = activationMoments(model);
    const isCancelling = this.#settings.rounding === 'cancelling';
    const used = isCancelling ? cancellingQuantizer(model, quantizer, moments) : quantizer;
    if (this.#settings.biasCorrection === 'measured' && samples) {
      this.#corrected = await correctBiasWithInputs(model, used, samples);
    } else if (this.#settings.biasCorrection === 'analytic') {
      this.#corrected = correctBias(model, used, moments);
    }
    if (typeof used === 'function') quantizeKernels(model, used);
  }
}
