/**
 * The minimum of a smooth function of many variables between bounds.
 *
 * @module
 */

/** Returns the value at `x` and writes its derivatives to `gradient`. */
export type SmoothFunction = (x: Float64Array, gradient: Float64Array) => number;

/** Bounds of each variable; a variable with two equal ones stays. */
export interface Bounds {
  readonly low: Float64Array;
  readonly high: Float64Array;
}

/** Where the minimum is looked for, and how long. */
export interface MinimizeOptions extends Bounds {
  /** Steps. */
  readonly iterations: number;
  /** It ends when a few steps each make the value smaller by less than this. */
  readonly tolerance: number;
  /** Called before each step with its number, from 0. */
  readonly onStep?: (step: number) => void;
}

/** Steps and changes of the gradient that are remembered. */
const MEMORY = 8;
/** The longest first step, and the longest step later, of a variable. */
const FIRST_STEP = 0.2;
const LONGEST_STEP = 2;
const MOST_HALVINGS = 12;
/** Steps one after the other that gain next to nothing: a kink in the way of one leaves others. */
const MOST_IDLE = 3;
/** The part of the decrease that the gradient promises with which a step is taken (Armijo). */
const ENOUGH = 1e-4;

/**
 * L-BFGS (Liu and Nocedal 1989), each step cut off at the bounds, variables that press against one held for the step. For a
 * convex function this finds the minimum; deterministic.
 */
export function minimize(f: SmoothFunction, start: Float64Array, options: MinimizeOptions): Float64Array {
  const { iterations, tolerance, onStep } = options;
  const size = start.length;
  const history: Step[] = [];
  let gradient = new Float64Array(size);
  let x = moved(start, start, 0, options);
  let value = f(x, gradient);
  let idle = 0;
  for (let iteration = 0; iteration < iterations; iteration++) {
    onStep?.(iteration);
    const free = freeGradient(gradient, x, options);
    let direction = descent(free, history);
    let slope = dot(free, direction);
    if (!(slope < 0)) {
      if (history.length === 0) break;
      history.length = 0;
      direction = descent(free, history);
      slope = dot(free, direction);
      if (!(slope < 0)) break;
    }
    const found = search(f, { x, value, direction, slope }, options);
    if (!found) break;
    remember(history, x, gradient, found);
    const decrease = value - found.value;
    ({ x, value, gradient } = found);
    idle = decrease < tolerance ? idle + 1 : 0;
    if (idle === MOST_IDLE) break;
  }
  return x;
}

interface Step {
  readonly step: Float64Array;
  readonly bent: Float64Array;
  /** `1 / (step . bent)`. */
  readonly inverse: number;
}

interface Point {
  readonly x: Float64Array<ArrayBuffer>;
  readonly value: number;
  readonly gradient: Float64Array<ArrayBuffer>;
}

/** `x + length * direction`, within the bounds. */
function moved(
  x: Float64Array,
  direction: Float64Array,
  length: number,
  { low, high }: Bounds,
): Float64Array<ArrayBuffer> {
  const next = new Float64Array(x.length);
  for (let at = 0; at < next.length; at++) {
    next[at] = Math.min(high[at]!, Math.max(low[at]!, x[at]! + length * direction[at]!));
  }
  return next;
}

/** The gradient without what leads out of the bounds. */
function freeGradient(gradient: Float64Array, x: Float64Array, { low, high }: Bounds): Float64Array {
  const free = new Float64Array(x.length);
  for (let at = 0; at < free.length; at++) {
    const slope = gradient[at]!;
    const leadsOut = slope > 0 ? x[at]! <= low[at]! : x[at]! >= high[at]!;
    free[at] = leadsOut ? 0 : slope;
  }
  return free;
}

/** The two loops of L-BFGS: minus the inverse Hessian, as far as the steps tell it, times the gradient. */
function descent(gradient: Float64Array, history: readonly Step[]): Float64Array {
  const direction = new Float64Array(gradient.length);
  addScaled(direction, gradient, -1);
  const shares = new Float64Array(history.length);
  for (let index = history.length - 1; index >= 0; index--) {
    const { step, bent, inverse } = history[index]!;
    shares[index] = inverse * dot(step, direction);
    addScaled(direction, bent, -shares[index]!);
  }
  const last = history.at(-1);
  const largest = largestMagnitude(gradient);
  const length = last ? 1 / (last.inverse * dot(last.bent, last.bent)) : FIRST_STEP / (largest || 1);
  for (let at = 0; at < direction.length; at++) direction[at] = direction[at]! * length;
  for (const [index, { step, bent, inverse }] of history.entries()) {
    addScaled(direction, step, shares[index]! - inverse * dot(bent, direction));
  }
  // A variable that is held stays so whatever the others did before.
  for (let at = 0; at < direction.length; at++) if (gradient[at] === 0) direction[at] = 0;
  return direction;
}

/** Halves the step until the value is small enough; undefined where it does not become smaller. */
function search(
  f: SmoothFunction,
  from: { x: Float64Array; value: number; direction: Float64Array; slope: number },
  bounds: Bounds,
): Point | undefined {
  const { x, value, direction, slope } = from;
  const longest = largestMagnitude(direction);
  let length = Math.min(1, LONGEST_STEP / longest);
  for (let halvings = 0; halvings <= MOST_HALVINGS; halvings++, length /= 2) {
    const next = moved(x, direction, length, bounds);
    const gradient = new Float64Array(x.length);
    const found = f(next, gradient);
    if (found <= value + ENOUGH * length * slope) return { x: next, value: found, gradient };
  }
  return undefined;
}

function remember(history: Step[], x: Float64Array, gradient: Float64Array, next: Point): void {
  const step = difference(next.x, x);
  const bent = difference(next.gradient, gradient);
  const product = dot(step, bent);
  if (!(product > 0)) return;
  history.push({ step, bent, inverse: 1 / product });
  if (history.length > MEMORY) history.shift();
}

function difference(one: Float64Array, other: Float64Array): Float64Array {
  const result = new Float64Array(one.length);
  for (let at = 0; at < result.length; at++) result[at] = one[at]! - other[at]!;
  return result;
}

function largestMagnitude(values: Float64Array): number {
  let largest = 0;
  for (let at = 0; at < values.length; at++) largest = Math.max(largest, Math.abs(values[at]!));
  return largest;
}

/** Four sums at a time, because each product waits for the sum before it. */
function dot(one: Float64Array, other: Float64Array): number {
  let [first, second, third, fourth] = [0, 0, 0, 0];
  let at = 0;
  for (; at + 3 < one.length; at += 4) {
    first += one[at]! * other[at]!;
    second += one[at + 1]! * other[at + 1]!;
    third += one[at + 2]! * other[at + 2]!;
    fourth += one[at + 3]! * other[at + 3]!;
  }
  for (; at < one.length; at++) first += one[at]! * other[at]!;
  return first + second + (third + fourth);
}

function addScaled(target: Float64Array, values: Float64Array, factor: number): void {
  for (let at = 0; at < target.length; at++) target[at] = target[at]! + factor * values[at]!;
}
