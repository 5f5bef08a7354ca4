/**
 * Any subset of the reference's steps on one model, with a record of what was done.
 *
 * @module
 */

import { channelCount } from '../model/channels.ts';
import type { Layer } from '../model/layer.ts';
import type { Model } from '../model/model.ts';
import { type FoldedPair, foldAllBatchNorms } from './batch-norm-fold.ts';
import type { ClsSetInfo } from './cls-set-info.ts';
import { CrossLayerScaling } from './cross-layer-scaling.ts';
import { backwardBatchNorms } from './equalize-model.ts';
import { HighBiasFold } from './high-bias-fold.ts';
import { findClsSets, reluFlagsOf } from './layer-groups.ts';
import { replaceRelu6WithRelu } from './replace-relu6.ts';
import type { SkipReason } from './skip-reason.ts';

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

/** Called around each step of {@link runSteps}. */
export interface StepWatch {
  readonly before?: (step: Step) => void;
  readonly after?: (step: Step) => void;
}

/**
 * Runs `steps` in the order of {@link STEPS}, whatever the order given. Edits `model`.
 *
 * `fold` and `scale` keep the function; `relu6` and `bias` may change it, as in the reference. `bias` without `scale`
 * absorbs between the layers that would have been scaled.
 *
 * @param watch called around each step, for progress and measurements
 */
export function runSteps(model: Model, steps: readonly Step[], watch: StepWatch = {}): StepRecord {
  const skipped: (SkipReason & { step: Step })[] = [];
  const run = STEPS.filter((step) => steps.includes(step));
  let replacedRelu6: readonly Layer[] = [];
  let foldedPairs: readonly FoldedPair[] = [];
  let clsSets: readonly ClsSetInfo[] = [];
  let absorbedBiases = 0;
  for (const step of run) {
    watch.before?.(step);
    const onSkip = (reason: SkipReason): void => {
      skipped.push({ ...reason, step });
    };
    switch (step) {
      case 'relu6':
        [, replacedRelu6] = replaceRelu6WithRelu(model, { onSkip });
        break;
      case 'fold':
        [foldedPairs] = foldAllBatchNorms(model, { onSkip });
        break;
      case 'scale':
        clsSets = CrossLayerScaling.scaleModel(model, { onSkip });
        break;
      case 'bias': {
        const sets = run.includes('scale') ? clsSets : unscaledSets(model);
        const before = skipped.length;
        HighBiasFold.biasFold(sets, backwardBatchNorms(foldedPairs), { onSkip });
        const pairs = sets.reduce((count, { clsPairInfoList }) => count + clsPairInfoList.length, 0);
        absorbedBiases = pairs - (skipped.length - before);
        break;
      }
    }
    watch.after?.(step);
  }
  return { steps: run, replacedRelu6, foldedPairs, clsSets, absorbedBiases, skipped };
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
