/**
 * The minimum of a smooth function of many variables between bounds.
 *
 * @module
 */

/**
 * Returns the value at `x` and writes its derivatives to `gradient`, and to `curvature` about how much each of them changes
 * with its own variable, more than 0.
 */
export type SmoothFunction = (x: Float64Array, gradient: Float64Array, curvature: Float64Array) => number;

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
const MEMORY = 5;
/** The longest step of a variable. */
const LONGEST_STEP = 2;
const MOST_HALVINGS = 12;
/** Steps one after the other that gain next to nothing: a kink in the way of one leaves others. */
const MOST_IDLE = 3;
/** The part of the decrease that the gradient promises with which a step is taken (Armijo). */
const ENOUGH = 1e-4;

/**
 * L-BFGS (Liu and Nocedal 1989) that starts each step from the curvature of the variables where it is, cut off at the bounds;
 * variables that press against one are held for the step. For a convex function this finds the minimum; deterministic.
 */
export function minimize(f: SmoothFunction, start: Float64Array, options: MinimizeOptions): Float64Array {
  const { iterations, tolerance, onStep } = options;
  const history: Step[] = [];
  let point = pointAt(f, moved(start, start, 0, options));
  let idle = 0;
  for (let iteration = 0; iteration < iterations; iteration++) {
    onStep?.(iteration);
    const free = freeGradient(point, options);
    let direction = descent(free, point.curvature, history);
    let slope = dot(free, direction);
    if (!(slope < 0)) {
      if (history.length === 0) break;
      history.length = 0;
      direction = descent(free, point.curvature, history);
      slope = dot(free, direction);
      if (!(slope < 0)) break;
    }
    const found = search(f, point, { direction, slope }, options);
    if (!found) break;
    remember(history, point, found);
    idle = point.value - found.value < tolerance ? idle + 1 : 0;
    point = found;
    if (idle === MOST_IDLE) break;
  }
  return point.x;
}

interface Step {
  readonly step: Float64Array;
  readonly bent: Float64Array;
  /** `1 / (step . bent)`. */
  readonly inverse: number;
}

interface Point {
  readonly x: Float64Array;
  readonly value: number;
  readonly gradient: Float64Array;
  readonly curvature: Float64Array;
}

function pointAt(f: SmoothFunction, x: Float64Array): Point {
  const gradient = new Float64Array(x.length);
  const curvature = new Float64Array(x.length);
  return { x, value: f(x, gradient, curvature), gradient, curvature };
}

/** `x + length * direction`, within the bounds. */
function moved(
  x: Float64Array,
  direction: Float64Array,
  length: number,
  { low, high }: Bounds,
): Float64Array {
  const next = new Float64Array(x.length);
  for (let at = 0; at < next.length; at++) {
    next[at] = Math.min(high[at]!, Math.max(low[at]!, x[at]! + length * direction[at]!));
  }
  return next;
}

/** The gradient without what leads out of the bounds. */
function freeGradient({ gradient, x }: Point, { low, high }: Bounds): Float64Array {
  const free = new Float64Array(x.length);
  for (let at = 0; at < free.length; at++) {
    const slope = gradient[at]!;
    const leadsOut = slope > 0 ? x[at]! <= low[at]! : x[at]! >= high[at]!;
    free[at] = leadsOut ? 0 : slope;
  }
  return free;
}

/** The two loops of L-BFGS: minus the inverse Hessian, as far as curvature and steps tell it, times the gradient. */
function descent(gradient: Float64Array, curvature: Float64Array, history: readonly Step[]): Float64Array {
  const direction = new Float64Array(gradient.length);
  addScaled(direction, gradient, -1);
  const shares = new Float64Array(history.length);
  for (let index = history.length - 1; index >= 0; index--) {
    const { step, bent, inverse } = history[index]!;
    shares[index] = inverse * dot(step, direction);
    addScaled(direction, bent, -shares[index]!);
  }
  const length = lastLength(curvature, history.at(-1));
  for (let at = 0; at < direction.length; at++) direction[at] = (direction[at]! * length) / curvature[at]!;
  for (const [index, { step, bent, inverse }] of history.entries()) {
    addScaled(direction, step, shares[index]! - inverse * dot(bent, direction));
  }
  // A variable that is held stays so whatever the others did before.
  for (let at = 0; at < direction.length; at++) if (gradient[at] === 0) direction[at] = 0;
  return direction;
}

/** By how much longer the last step was than the curvature makes it. */
function lastLength(curvature: Float64Array, last: Step | undefined): number {
  if (!last) return 1;
  let sum = 0;
  for (let at = 0; at < curvature.length; at++) sum += last.bent[at]! ** 2 / curvature[at]!;
  return 1 / (last.inverse * sum);
}

/** Halves the step until the value is small enough; undefined where it does not become smaller. */
function search(
  f: SmoothFunction,
  { x, value }: Point,
  { direction, slope }: { direction: Float64Array; slope: number },
  bounds: Bounds,
): Point | undefined {
  let length = Math.min(1, LONGEST_STEP / largestMagnitude(direction));
  for (let halvings = 0; halvings <= MOST_HALVINGS; halvings++, length /= 2) {
    const next = pointAt(f, moved(x, direction, length, bounds));
    if (next.value <= value + ENOUGH * length * slope) return next;
  }
  return undefined;
}

function remember(history: Step[], last: Point, next: Point): void {
  const step = difference(next.x, last.x);
  const bent = difference(next.gradient, last.gradient);
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
