/**
 * The ranges of activations, kept with the calls that make them.
 *
 * @module
 */

import { InvalidModelError } from '../../errors.ts';
import type { GraphTensor } from '../../model/graph.ts';
import type { Layer } from '../../model/layer.ts';
import type { Call, Model } from '../../model/model.ts';
import { isFloat } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { TensorRange } from '../integer/range-grid.ts';
import { extremesOf, wholeLayout } from '../kernel-layout.ts';

/**
 * A tensor of a model, by the call that makes it; none makes the input of a Sequential without InputLayer. The uses of a
 * nested model share its calls, and so the ranges of their tensors.
 */
export interface TensorPlace {
  readonly maker: Call | undefined;
  readonly index: number;
}

/** Ranges of the tensors of a model, whatever edits came since they were taken. */
export class ActivationRanges {
  readonly #ranges = new Map<Call | undefined, Map<number, TensorRange>>();

  /**
   * Takes values of a tensor in; tensors of whole numbers, which are not quantized, are passed over.
   *
   * @throws InvalidModelError where a value is NaN or infinite.
   */
  take({ maker, index }: TensorPlace, tensor: GraphTensor, values: Tensor): void {
    if (!isFloat(values.dtype) || values.size === 0) return;
    const extremes = extremesOf(values, wholeLayout(values));
    const before = this.#ranges.get(maker)?.get(index) ?? { min: Infinity, max: -Infinity };
    const min = Math.min(before.min, extremes.min[0] ?? NaN);
    const max = Math.max(before.max, extremes.max[0] ?? NaN);
    if (!Number.isFinite(max - min)) {
      throw new InvalidModelError(
        tensor.producer?.path ?? '',
        `output ${index} ranges from ${min} to ${max} with these inputs; only a finite range can be quantized`,
      );
    }
    this.set({ maker, index }, { min, max });
  }

  /** Sets the range of a tensor, whatever it was. */
  set({ maker, index }: TensorPlace, range: TensorRange): void {
    const ranges = this.#ranges.get(maker) ?? new Map<number, TensorRange>();
    this.#ranges.set(maker, ranges.set(index, range));
  }

  /**
   * The range of a tensor. A layer that a batch norm was folded into has the one of the batch norm, whose output is now
   * its own.
   */
  of({ maker, index }: TensorPlace): TensorRange | undefined {
    let range = this.#ranges.get(maker)?.get(index);
    if (!maker) return range;
    for (const [other, ranges] of this.#ranges) {
      const folded = other && computedBy(other).foldedInto;
      // Of several, the last: they were taken in the order in which the model computes.
      if (folded?.layer === computedBy(maker) && folded.direction === 'backward') range = ranges.get(index);
    }
    return range;
  }
}

/** The layer of a call, that in a TimeDistributed of one layer in the place of the wrapper. */
function computedBy({ layer }: Call): Layer {
  return (layer.steps === 'layer' && layer.model?.layers[0]) || layer;
}

/** For each call of `copy`, which is a clone of `model`, the call of `model`; nested models included. */
export function originalCalls(model: Model, copy: Model): Map<Call, Call> {
  const pairs = new Map<Call, Call>();
  const walk = (original: Model, clone: Model): void => {
    for (const [index, call] of clone.calls.entries()) pairs.set(call, original.calls[index] as Call);
    for (const [index, { model: inner }] of clone.layers.entries()) {
      const originalInner = original.layers[index]?.model;
      if (inner && originalInner) walk(originalInner, inner);
    }
  };
  walk(model, copy);
  return pairs;
}
