/**
 * Any subset of the reference's steps on one model, with a record of what was done.
 *
 * @module
 */

import { channelCount } from '../model/channels.ts';
import type { Layer } from '../model/layer.ts';
import type { Model } from '../model/model.ts';
import type { SkipReason } from '../model/skip-reason.ts';
import { type FoldedPair, foldAllBatchNorms } from './batch-norm-fold.ts';
import type { ClsSetInfo } from './cls-set-info.ts';
import { CrossLayerScaling } from './cross-layer-scaling.ts';
import { backwardBatchNorms } from './equalize-model.ts';
import { foldHighBiases, toldByBatchNorm, toldByLayer } from './high-bias-fold.ts';
import { findClsSets, reluFlagsOf } from './layer-groups.ts';
import { replaceRelu6WithRelu } from './replace-relu6.ts';
import type { StageWatch, StepOptions, Veto } from './stage.ts';

/** The steps of the reference in the order in which they run. */
export const STEPS = ['relu6', 'fold', 'scale', 'bias'] as const;

/** One of the {@link STEPS}. */
export type Step = (typeof STEPS)[number];

/** What {@link runSteps} did. */
export interface StepRecord {
  /** In the order in which they ran. */
  readonly steps: readonly Step[];
  /** Layers whose ReLU6 became a ReLU. */
  readonly replacedRelu6: readonly Layer[];
  readonly foldedPairs: readonly FoldedPair[];
  /** The scaled sets; empty where `scale` was not asked for. */
  readonly clsSets: readonly ClsSetInfo[];
  /** Pairs of layers whose bias was absorbed. */
  readonly absorbedBiases: number;
  readonly skipped: readonly (SkipReason & { readonly step: Step })[];
}

/**
 * Runs `steps` in the order of {@link STEPS}, whatever the order given. Edits `model`.
 *
 * `fold` and `scale` keep the function; `relu6` and `bias` may change it, as in the reference. `bias` without `scale`
 * absorbs between the layers that would have been scaled. It goes by the batch norms that `fold` folded; of layers that had
 * none by their {@link Layer.statistics}, which a side-car may have brought back.
 *
 * @param watch called around each step, for progress and measurements
 */
export function runSteps(model: Model, steps: readonly Step[], watch: StageWatch<Step> = {}): StepRecord {
  let record = NOTHING_DONE;
  for (const step of inOrder(steps)) {
    watch.before?.(step);
    record = runStep(model, step, record);
    watch.after?.(step);
  }
  return record;
}

/** Each of `steps` once, in the order in which they run. */
export function inOrder(steps: readonly Step[]): Step[] {
  return STEPS.filter((step) => steps.includes(step));
}

/** The record of a model to which nothing was done. */
export const NOTHING_DONE: StepRecord = {
  steps: [],
  replacedRelu6: [],
  foldedPairs: [],
  clsSets: [],
  absorbedBiases: 0,
  skipped: [],
};

/**
 * Runs one step. Edits `model`.
 *
 * @param done what was done to the model before
 * @param veto edits that are not made, see {@link StepOptions}
 * @returns what was done before, and the step.
 */
export function runStep(model: Model, step: Step, done: StepRecord, veto?: Veto): StepRecord {
  const skipped: StepRecord['skipped'][number][] = [];
  const options: StepOptions = {
    onSkip: (reason) => void skipped.push({ ...reason, step }),
    ...(veto ? { veto } : {}),
  };
  const changes = doStep(model, step, done, options);
  return { ...done, ...changes, steps: [...done.steps, step], skipped: [...done.skipped, ...skipped] };
}

/** Does a step and returns what it changes in the record. */
function doStep(model: Model, step: Step, done: StepRecord, options: StepOptions): Partial<StepRecord> {
  switch (step) {
    case 'relu6':
      return { replacedRelu6: replaceRelu6WithRelu(model, options)[1] };
    case 'fold':
      return { foldedPairs: foldAllBatchNorms(model, options)[0] };
    case 'scale':
      return { clsSets: CrossLayerScaling.scaleModel(model, options) };
    case 'bias': {
      const sets = done.steps.includes('scale') ? done.clsSets : unscaledSets(model);
      let absorbedBiases = sets.reduce((count, { clsPairInfoList }) => count + clsPairInfoList.length, 0);
      const onSkip = (reason: SkipReason): void => {
        absorbedBiases--;
        options.onSkip?.(reason);
      };
      const bnLayers = backwardBatchNorms(done.foldedPairs);
      // A model that came folded may know its statistics from elsewhere.
      foldHighBiases(sets, (pair) => toldByBatchNorm(pair, bnLayers.get(pair.layer1)) ?? toldByLayer(pair), {
        onSkip,
      });
      return { absorbedBiases };
    }
  }
}

/** The sets that could be scaled, with factors of 1. */
function unscaledSets(model: Model): ClsSetInfo[] {
  const sets = findClsSets(model);
  return CrossLayerScaling.createClsSetInfoList(
    sets.map(({ layers }) => layers),
    sets.map(({ layers: [first, second, third] }) => {
      const ones = (layer: Layer): Float64Array => new Float64Array(channelCount(layer, 'output')).fill(1);
      return third === undefined ? ones(first) : [ones(first), ones(second)];
    }),
    sets.map(reluFlagsOf),
  );
}
