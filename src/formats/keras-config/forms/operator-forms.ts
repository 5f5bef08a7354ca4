/**
 * Operators that no layer is, from several layers.
 *
 * @module
 */

import type { JsonObject } from '../../../json/value.ts';
import type { GraphCall } from '../../../model/graph.ts';
import { canonicalName, OperatorArguments } from '../dialects/operator-arguments.ts';
import type { Compute } from './layer-form.ts';

const absolute: Compute = (form, x) => form.add('Maximum', {}, [x, form.rescaled(x, -1)]);

/** Of one tensor, by the names of either dialect. */
const FORMS: ReadonlyMap<string, Compute> = new Map<string, Compute>([
  ['abs', absolute],
  ['absolute', absolute],
  ['square', (form, x) => form.multiplied(x, x)],
]);

/** What all calls of an operator compute; undefined where it takes more than layers do. */
export function operatorForm(entry: JsonObject, calls: readonly GraphCall[]): Compute | undefined {
  return calls.every(({ call }) => new OperatorArguments(entry, call).isUnary)
    ? FORMS.get(canonicalName(entry))
    : undefined;
}
