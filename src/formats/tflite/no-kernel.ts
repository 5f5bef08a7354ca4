/**
 * Layers that no operator computes, and the ways out.
 *
 * @module
 */

import { UnsupportedModelError } from '../../errors.ts';
import type { GraphCall } from '../../model/graph.ts';

/** That a call cannot be computed in a file, with the layer and the way out. */
export function refusal({ path, layer }: GraphCall, reason: string): UnsupportedModelError {
  return new UnsupportedModelError('tflite', `${path} (${layer.className}): ${reason}`);
}

/** That there is no operator for a call in the numbers that are asked for; whoever lowers it adds the way out. */
export class NoKernelError extends UnsupportedModelError {
  readonly #call: GraphCall;
  readonly #reason: string;

  constructor(call: GraphCall, reason: string) {
    super('tflite', `${call.path} (${call.layer.className}): ${reason}`);
    this.#call = call;
    this.#reason = reason;
  }

  /** The error for people: another way than those of the reason, which then ends with "or". */
  withWayOut(way: string): UnsupportedModelError {
    return refusal(this.#call, `${this.#reason}${this.#reason.endsWith(' or') ? '' : ';'} ${way}`);
  }
}

/** The way out where a layer has no kernel in float either. */
export const LEAVE_OUT = 'leave it out of the model that is written, and run it before or behind';

/** The way out where a layer has one in float. */
export const ALLOW_FLOAT =
  'let it stay in float between whole numbers (--allow-float, allowFloat in programs)';
