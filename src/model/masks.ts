/**
 * Masks, which say which steps of a sequence count: the layers that make them, and calls that are given them by name, as Keras 3
 * writes them.
 *
 * @module
 */

import { ownEntry } from '../json/value.ts';
import type { Layer } from './layer.ts';
import type { Call, CallArgument, Model } from './model.ts';

/** The arguments, with the place of the tensor that the mask in each belongs to. */
export const MASK_ARGUMENTS: ReadonlyMap<string, number> = new Map([
  ['mask', 0],
  ['query_mask', 0],
  ['value_mask', 1],
  ['key_mask', 2],
]);

/** Whether a layer makes a mask of what it reads. */
export function makesMask({ className, readConfig }: Layer): boolean {
  return className === 'Masking' || (className === 'Embedding' && readConfig['mask_zero'] === true);
}

/** Which inputs of a call are masks that are passed by name. */
export function maskInputs({ kwargs }: Call): number[] {
  return [...MASK_ARGUMENTS.keys()].flatMap((name) => tensorsIn(ownEntry(kwargs, name)));
}

/** Whether a model that is called inside of `model` is given a mask by name. */
export function passesMasksInside({ calls }: Model): boolean {
  return calls.some(
    (call) =>
      call.layer.model !== undefined &&
      ((!call.layer.steps && maskInputs(call).length > 0) || passesMasksInside(call.layer.model)),
  );
}

function tensorsIn(argument: CallArgument | undefined): number[] {
  if (!argument || 'value' in argument || 'record' in argument) return [];
  return 'tensor' in argument ? [argument.tensor] : argument.list.flatMap(tensorsIn);
}
