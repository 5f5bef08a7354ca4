/**
 * Which dtype each weight is packed as, so that all of them fit a number of bytes.
 *
 * @module
 */

import type { Layer } from '../../model/layer.ts';
import type { PackedDType } from '../../quantization/packing/packed-dtypes.ts';

/** A dtype for a weight, and what it costs. */
export interface DTypeOption {
  readonly dtype: PackedDType | 'float32';
  /** Of the whole weight. */
  readonly bytes: number;
  /** The expected squared error of the outputs of the model; 0 or more. */
  readonly damage: number;
}

/** A weight, and what it can be packed as. */
export interface PlannedWeightOptions {
  readonly layer: Layer;
  readonly name: string;
  /** One at least, in any order. */
  readonly options: readonly DTypeOption[];
}

/** What a weight is to be packed as. */
export interface PlannedWeight extends DTypeOption {
  readonly layer: Layer;
  readonly name: string;
}

/**
 * An option for each weight, so that together they take no more than `budgetBytes` and do little damage. The same for the same
 * weights, budget and order.
 *
 * Each starts as small as it can be. Then the step goes first that takes off most damage for its bytes, along the lower convex
 * hull of each weight's options, up to one that does not fit; there no other choice of that many bytes does less damage, and
 * the best of the whole budget at most by that one step. What is left of the budget is filled with the best steps that fit and
 * take off a thousandth of all damage.
 *
 * @returns in the order of `weights`.
 * @throws RangeError where the budget is smaller than the smallest options together, which it names, or an option is none.
 */
export function planDTypes(weights: readonly PlannedWeightOptions[], budgetBytes: number): PlannedWeight[] {
  if (!(budgetBytes >= 0)) throw new RangeError(`a budget of ${budgetBytes} bytes; a number from 0`);
  const frontiers = weights.map(frontierOf);
  const smallest = frontiers.map((frontier) => frontier[0] as DTypeOption);
  const least = smallest.reduce((sum, { bytes }) => sum + bytes, 0);
  if (least > budgetBytes) throw new RangeError(tooSmall(budgetBytes, least));
  const steps = frontiers
    .flatMap((frontier, weight) => hullSteps(frontier).map((option) => ({ weight, ...option })))
    .sort((one, other) => other.gain - one.gain);
  const chosen = [...smallest];
  let left = budgetBytes - least;
  for (const { weight, bytes, to } of steps) {
    if (bytes > left) break;
    chosen[weight] = to;
    left -= bytes;
  }
  fill(chosen, frontiers, left);
  return weights.map(({ layer, name }, index) => ({ layer, name, ...(chosen[index] as DTypeOption) }));
}

/** The options that no other is as small and as harmless as, the smallest first. */
function frontierOf({ layer, name, options }: PlannedWeightOptions): DTypeOption[] {
  const frontier: DTypeOption[] = [];
  for (const { dtype, bytes, damage } of options) {
    if (bytes >= 0 && bytes < Infinity && damage >= 0 && damage < Infinity) continue;
    throw new RangeError(`${layer.path}/${name}: ${dtype} with ${bytes} bytes and a damage of ${damage}`);
  }
  for (const option of [...options].sort((a, b) => a.bytes - b.bytes || a.damage - b.damage)) {
    const before = frontier.at(-1);
    if (!before || option.damage < before.damage) frontier.push(option);
  }
  if (frontier.length > 0) return frontier;
  throw new RangeError(`${layer.path}/${name}: no option; give one at least, such as float32`);
}

/** From one option to a larger one. */
interface Step {
  readonly to: DTypeOption;
  /** That it takes more. */
  readonly bytes: number;
  /** Damage that it takes off for each of them. */
  readonly gain: number;
}

function step(from: DTypeOption, to: DTypeOption): Step {
  const bytes = to.bytes - from.bytes;
  return { to, bytes, gain: (from.damage - to.damage) / bytes };
}

function bestStep(from: DTypeOption, frontier: readonly DTypeOption[], most = Infinity): Step | undefined {
  let best: Step | undefined;
  for (const to of frontier) {
    if (to.bytes <= from.bytes || to.bytes - from.bytes > most) continue;
    const one = step(from, to);
    // Of two in line the longer one.
    if (!best || one.gain >= best.gain) best = one;
  }
  return best;
}

/** The corners of the lower convex hull after the first, with ever smaller gains. */
function hullSteps(frontier: readonly DTypeOption[]): Step[] {
  const steps: Step[] = [];
  for (let from = frontier[0]; from; from = steps.at(-1)?.to) {
    const best = bestStep(from, frontier);
    if (!best) break;
    steps.push(best);
  }
  return steps;
}

/** A step that takes off less than this part of all damage is not worth its bytes, when what is left is filled. */
const SMALLEST_GAIN = 1e-3;

/** Takes the best steps that fit into what is left, as long as there are any that tell. */
function fill(chosen: DTypeOption[], frontiers: readonly (readonly DTypeOption[])[], budget: number): void {
  for (let left = budget; ; ) {
    const least = SMALLEST_GAIN * chosen.reduce((sum, { damage }) => sum + damage, 0);
    let best: (Step & { readonly weight: number }) | undefined;
    for (const [weight, frontier] of frontiers.entries()) {
      const from = chosen[weight] as DTypeOption;
      const telling = frontier.filter(({ damage }) => from.damage - damage > least);
      const one = bestStep(from, telling, left);
      if (one && (!best || one.gain > best.gain)) best = { ...one, weight };
    }
    if (!best) return;
    chosen[best.weight] = best.to;
    left -= best.bytes;
  }
}

function tooSmall(budget: number, least: number): string {
  return (
    `a budget of ${readableBytes(budget)} is too small: with the smallest dtype for each weight they take ` +
    readableBytes(least)
  );
}

/** As `3141592 bytes (3.15 MB)`, rounded up: a budget of the rounded size is enough. */
export function readableBytes(bytes: number): string {
  if (bytes < 1e3) return `${bytes} bytes`;
  const [unit, name] = bytes < 1e6 ? [1e3, 'kB'] : [1e6, 'MB'];
  return `${bytes} bytes (${Math.ceil((100 * bytes) / unit) / 100} ${name})`;
}
