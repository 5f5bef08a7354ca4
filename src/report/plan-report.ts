import type { WeightPlan } from '../equalization/packing/weight-plan.ts';
import type { PackedDType } from '../quantization/packing/packed-dtypes.ts';

/** Which kernel was given which dtype, so that a model fits its budget. Layers are named by their paths. */
export interface PlanReport {
  /** Bytes that all weights were allowed to take together. */
  readonly budget: number;
  /** By how many dB the expected squared error of the outputs is below that of the smallest dtypes; null where either is 0. */
  readonly gainDb: number | null;
  /** The kernels that there was a choice for, in the order of the graph. */
  readonly weights: readonly {
    readonly layer: string;
    readonly weight: string;
    readonly dtype: PackedDType | 'float32';
    readonly bytes: number;
    /** Its part of the expected squared error that is left; 0 where nothing is. */
    readonly share: number;
  }[];
}

/** The report of a plan. */
export function planReport({ budget, weights, damage, largestDamage }: WeightPlan): PlanReport {
  return {
    budget,
    gainDb: damage > 0 && largestDamage > 0 ? 10 * Math.log10(largestDamage / damage) : null,
    weights: weights.map(({ layer, name, dtype, bytes, damage: own }) => ({
      layer: layer.path,
      weight: name,
      dtype,
      bytes,
      share: damage > 0 ? own / damage : 0,
    })),
  };
}
