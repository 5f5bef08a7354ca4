/**
 * The minimum of a smooth function of many variables between bounds.
 *
 * @module
 */

/** Returns the value at `x` and writes its derivatives to `gradient`. */
export type SmoothFunction = (x: Float64Array, gradient: Float64Array) => number;

/** Where the minimum is looked for, and how long. */
export interface MinimizeOptions {
  /** Bounds of each variable; a variable with two equal ones stays. */
  readonly low: Float64Array;
  readonly high: Float64Array;
  /** Steps. */
  readonly iterations: number;
  /** It ends when a step makes the value smaller by less than this. */
  readonly tolerance: number;
}

/** Steps and changes of the gradient that are remembered. */
const MEMORY = 8;
/** The longest first step, and the longest step later, of a variable. */
const FIRST_STEP = 0.2;
const LONGEST_STEP = 2;
const MOST_HALVINGS = 12;
/** The part of the decrease that the gradient promises with which a step is taken (Armijo). */
const ENOUGH = 1e-4;

/**
 * L-BFGS (Liu and Nocedal 1989), each step cut off at the bounds, variables that press against one held for the step. For a
 * convex function this finds the minimum; deterministic.
 */
export function minimize(
  f: SmoothFunction,
  start: Float64Array,
  { low, high, iterations, tolerance }: MinimizeOptions,
): Float64Array {
  const size = start.length;
  const history: Step[] = [];
  let gradient = new Float64Array(size);
  let x = clipped(start, low, high);
  let value = f(x, gradient);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const free = freeGradient(gradient, x, low, high);
    let direction = descent(free, history);
    let slope = dot(free, direction);
    if (!(slope < 0)) {
      if (history.length === 0) break;
      history.length = 0;
      direction = descent(free, history);
      slope = dot(free, direction);
      if (!(slope < 0)) break;
    }
    const found = search(f, { x, value, direction, slope }, low, high);
    if (!found) break;
    remember(history, x, gradient, found);
    const decrease = value - found.value;
    ({ x, value, gradient } = found);
    if (decrease < tolerance) break;
  }
  return x;
}

interface Step {
  readonly moved: Float64Array;
  readonly bent: Float64Array;
  /** `1 / (moved . bent)`. */
  readonly inverse: number;
}

interface Point {
  readonly x: Float64Array<ArrayBuffer>;
  readonly value: number;
  readonly gradient: Float64Array<ArrayBuffer>;
}

function clipped(x: Float64Array, low: Float64Array, high: Float64Array): Float64Array<ArrayBuffer> {
  return Float64Array.from(x, (value, at) => Math.min(high[at]!, Math.max(low[at]!, value)));
}

/** The gradient without what leads out of the bounds. */
function freeGradient(
  gradient: Float64Array,
  x: Float64Array,
  low: Float64Array,
  high: Float64Array,
): Float64Array {
  return gradient.map((slope, at) =>
    (slope > 0 && x[at]! <= low[at]!) || (slope < 0 && x[at]! >= high[at]!) ? 0 : slope,
  );
}

/** The two loops of L-BFGS: minus the inverse Hessian, as far as the steps tell it, times the gradient. */
function descent(gradient: Float64Array, history: readonly Step[]): Float64Array {
  const direction = gradient.map((slope) => -slope);
  const shares = new Float64Array(history.length);
  for (let index = history.length - 1; index >= 0; index--) {
    const { moved, bent, inverse } = history[index]!;
    shares[index] = inverse * dot(moved, direction);
    addScaled(direction, bent, -shares[index]!);
  }
  const last = history.at(-1);
  const largest = gradient.reduce((most, slope) => Math.max(most, Math.abs(slope)), 0);
  const length = last ? 1 / (last.inverse * dot(last.bent, last.bent)) : FIRST_STEP / (largest || 1);
  for (let at = 0; at < direction.length; at++) direction[at] = direction[at]! * length;
  for (const [index, { moved, bent, inverse }] of history.entries()) {
    addScaled(direction, moved, shares[index]! - inverse * dot(bent, direction));
  }
  // A variable that is held stays so whatever the others did before.
  for (let at = 0; at < direction.length; at++) if (gradient[at] === 0) direction[at] = 0;
  return direction;
}

/** Halves the step until the value is small enough; undefined where it does not become smaller. */
function search(
  f: SmoothFunction,
  from: { x: Float64Array; value: number; direction: Float64Array; slope: number },
  low: Float64Array,
  high: Float64Array,
): Point | undefined {
  const { x, value, direction, slope } = from;
  const longest = direction.reduce((most, one) => Math.max(most, Math.abs(one)), 0);
  let length = Math.min(1, LONGEST_STEP / longest);
  for (let halvings = 0; halvings <= MOST_HALVINGS; halvings++, length /= 2) {
    const next = clipped(
      x.map((one, at) => one + length * direction[at]!),
      low,
      high,
    );
    const gradient = new Float64Array(x.length);
    const found = f(next, gradient);
    if (found <= value + ENOUGH * length * slope) return { x: next, value: found, gradient };
  }
  return undefined;
}

function remember(history: Step[], x: Float64Array, gradient: Float64Array, next: Point): void {
  const moved = next.x.map((one, at) => one - x[at]!);
  const bent = next.gradient.map((one, at) => one - gradient[at]!);
  const product = dot(moved, bent);
  if (!(product > 0)) return;
  history.push({ moved, bent, inverse: 1 / product });
  if (history.length > MEMORY) history.shift();
}

function dot(one: Float64Array, other: Float64Array): number {
  let sum = 0;
  for (let at = 0; at < one.length; at++) sum += one[at]! * other[at]!;
  return sum;
}

function addScaled(target: Float64Array, values: Float64Array, factor: number): void {
  for (let at = 0; at < target.length; at++) target[at] = target[at]! + factor * values[at]!;
}
