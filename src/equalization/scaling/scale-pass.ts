import { UnsupportedModelError } from '../../errors.ts';
import { kerasQuantizedReasons } from '../../model/keras-quantized.ts';
import type { Model } from '../../model/model.ts';
import type { SkipReason } from '../../model/skip-reason.ts';
import { takeSnapshot } from '../../model/snapshot.ts';
import type { Pass, StepOptions } from '../../primitives/pass.ts';
import { type ActivationCap, capActivations, describeCap } from '../caps/relu6-caps.ts';
import { type Objective, type RegionRecord, scaleRegions } from './scale-regions.ts';

/** How {@link scalePass} scales. */
export interface ScalePassOptions {
  /** What factors are looked for; `equal-ranges` where it is left out. */
  readonly objective?: Objective;
  /** Whether tensors get grids of 8 bits too, see `scaleRegions`. */
  readonly tensors?: boolean;
  /** Whether factors go through ReLUs with a maximum, each channel of which then gets one of its own; true where it is left out. */
  readonly throughBounded?: boolean;
}

/** What {@link scalePass} did. */
export interface ScaleRecord extends Omit<RegionRecord, 'left' | 'bounded'> {
  /** What became of ReLUs with a maximum. Layers by their paths. */
  readonly caps: readonly (ActivationCap & { readonly message: string })[];
  /** How many layers were added for that. */
  readonly addedLayers: number;
}

/**
 * `scaleRegions` as a pass, with the maxima of ReLUs brought into the model; where that cannot be done, regions end at them.
 *
 * ```ts
 * await runPasses(model, [foldPass(), scalePass({ objective: 'least-noise' })]);
 * ```
 */
export function scalePass(options: ScalePassOptions = {}): Pass<'scale', ScaleRecord> {
  const { throughBounded = true } = options;
  return {
    name: 'scale',
    keepsFunction: true,
    run(model, context) {
      const { record, left } = throughBounded
        ? throughMaxima(model, options, context)
        : scaled(model, options, context);
      for (const { sources, sinks } of record.regions) context.onEdit([...sources, ...sinks]);
      for (const reason of left) context.onSkip(reason);
      return record;
    },
  };
}

interface Scaled {
  readonly record: ScaleRecord;
  readonly left: readonly SkipReason[];
}

function throughMaxima(model: Model, options: ScalePassOptions, context: StepOptions): Scaled {
  const restore = takeSnapshot(model);
  try {
    return scaled(model, { ...options, throughBounded: true }, context);
  } catch (error) {
    if (!(error instanceof UnsupportedModelError)) throw error;
    restore();
    return scaled(model, { ...options, throughBounded: false }, context);
  }
}

function scaled(model: Model, options: ScalePassOptions, { veto, onProgress }: StepOptions): Scaled {
  const vetoed: SkipReason[] = [];
  const { bounded, left, ...record } = scaleRegions(model, {
    ...options,
    ...(veto ? { veto } : {}),
    ...(onProgress ? { onProgress } : {}),
    onSkip: (reason) => void vetoed.push(reason),
  });
  const { caps, addedLayers } = capActivations(model, bounded);
  return {
    record: { ...record, caps: caps.map((cap) => ({ ...cap, message: describeCap(cap) })), addedLayers },
    left: [...kerasQuantizedReasons(model), ...vetoed, ...left],
  };
}
