/**
 * Factors for the channels of a whole graph, with which the ranges of its kernels match.
 *
 * @module
 */

import { ActiveRanges, isAtLimit, limited } from './deciding-weights.ts';
import type { KernelRanges, KernelSide, TakeWeight } from './kernel-ranges.ts';
import { type Factors, regionShifts } from './region-shifts.ts';
import type { Region } from './regions.ts';

/** When the solver stops. */
export interface SolverOptions {
  /** Looks at the kernels; 50 where it is left out. */
  readonly rounds?: number;
  /** The largest `|ln s|` at which the ranges count as equal; 1e-3 where it is left out. */
  readonly tolerance?: number;
}

/** What the solver found. */
export interface Solution {
  /** By class: tensors of the class are divided by it. */
  readonly scales: Float64Array;
  /** Looks at the kernels that it took. */
  readonly rounds: number;
  /** Whether `r1 = r2` holds for all classes, but for those below. */
  readonly converged: boolean;
  /** Classes of dead channels: what writes or what reads them has next to no weight. */
  readonly dead: ReadonlySet<number>;
  /** Classes whose factor reached the limit. */
  readonly clamped: ReadonlySet<number>;
}

const MOST_ROUNDS = 50;
const TOLERANCE = 1e-3;
/** It stops a little below the tolerance, so that rounded weights are within it when they are looked at again. */
const MARGIN = 0.9;
/** Between looks at the kernels the factors are settled to this part of what the last look changed. */
const SETTLED = 0.3;
/** Sweeps over the classes for each look at the kernels. */
const MOST_SWEEPS = 200;
/** The first of them are each followed by a shift of whole regions, and by sweeps that keep the deciding weights. */
const QUICK_SWEEPS = 20;
const BOUND_SWEEPS = 4;
/** More regions than this are not shifted as a whole: their equations would take too much memory. */
const MOST_SHIFTED = 1000;
/**
 * A look takes all weights in that are nearly the largest. How nearly, in logarithms: kernels whose factors move by less are
 * not looked at again.
 */
const NEAR = 0.15;
/**
 * A channel below this part of its kernel's largest range is dead, and counts as if it had that much. Left at the factor 1
 * instead, where all others move, weights that it has on the other side could rule the range of their kernel.
 */
const DEAD = 1e-6;
/** A bias counts as a weight of this part of it, so that a dead channel with a large bias is not blown up. */
const BIAS_SHARE = 1 / 20;

/**
 * Equal ranges: `s = sqrt(r1 / r2)` for each class, again and again, `r1` the largest range among the kernels that write the
 * class and `r2` among those that read it (Nagel et al. 2019, section 4.1, on whole graphs).
 *
 * The rounds are done on the weights that decide the ranges; then the kernels are looked at for weights that decide them at
 * the factors found, until there are no others. A model whose ranges match within the tolerance keeps them.
 *
 * @param classes how many classes there are
 */
export function solve(regions: readonly Region[], classes: number, options: SolverOptions = {}): Solution {
  const { rounds: most = MOST_ROUNDS, tolerance = TOLERANCE } = options;
  const kernels = [...new Set(regions.flatMap((region) => [...region.sources, ...region.sinks]))];
  const { state, dead } = firstLook(
    regions,
    kernels.map(({ ranges }) => ranges),
    classes,
  );
  let change = largestStep(state);
  let rounds = 1;
  let converged = change < tolerance;
  for (; rounds < most && !converged; rounds++) {
    settle(state, Math.max((MARGIN / 2) * tolerance, SETTLED * Math.min(change, 1)));
    look(state, (MARGIN / 2) * tolerance);
    change = largestStep(state);
    converged = change < MARGIN * tolerance;
  }
  return {
    scales: state.logScales.slice(0, classes).map(Math.exp),
    rounds,
    converged,
    dead,
    clamped: new Set(
      state.members.flatMap((list) => [...list].filter((at) => isAtLimit(state.logScales[at] as number))),
    ),
  };
}

interface State extends Factors {
  readonly kernels: readonly KernelRanges[];
  readonly active: ActiveRanges;
  /** By place in its region, the steps of the sweep under way. */
  readonly steps: Float64Array;
  /** By region: whether a kernel reads and writes it, so that its classes decide each other's ranges. */
  readonly loops: readonly boolean[];
}

/** Takes in the largest weight of each class on either side, and the floor below it. */
function firstLook(
  regions: readonly Region[],
  kernels: readonly KernelRanges[],
  classes: number,
): { state: State; dead: Set<number> } {
  const shares = { written: new Float64Array(classes), read: new Float64Array(classes) };
  /** Classes with a floor, which those of kernels of zeros alone have not. */
  const founded = { written: new Set<number>(), read: new Set<number>() };
  // One class more, which keeps the factor 1: that on the other side of a bias or a floor.
  const ones = new Float64Array(classes + 1).fill(1);
  const active = new ActiveRanges(classes + 1);
  for (const ranges of kernels) {
    const found: { side: KernelSide; at: number; magnitude: number }[] = [];
    ranges.look(ones, 0, 0, (side, at, other, magnitude) => {
      active.add(side, at, other, magnitude);
      found.push({ side, at, magnitude });
    });
    const largest = found.reduce((most, { magnitude }) => Math.max(most, magnitude), 0);
    if (largest === 0) continue;
    for (const { side, at, magnitude } of found) {
      shares[side][at] = Math.max(shares[side][at] as number, magnitude / largest);
    }
    for (const [side, list] of [
      ['written', ranges.outputs],
      ['read', ranges.inputs],
    ] as const) {
      for (const at of list) {
        active.add(side, at, classes, DEAD * largest);
        founded[side].add(at);
      }
    }
  }
  const regionOf = new Int32Array(classes + 1).fill(-1);
  const members = regions.map((region, index) => {
    const list = region.classes.filter((at) => founded.written.has(at) && founded.read.has(at));
    for (const at of list) regionOf[at] = index;
    return Int32Array.from(list);
  });
  const isDead = (at: number): boolean => !(Math.min(shares.written[at] ?? 0, shares.read[at] ?? 0) > DEAD);
  const dead = new Set(regions.flatMap((region) => region.classes.filter(isDead)));
  for (const { biases } of regions) {
    for (const { classes: list, magnitudes } of biases) {
      for (const [channel, at] of list.entries()) {
        active.add('written', at, classes, BIAS_SHARE * (magnitudes[channel] as number));
      }
    }
  }
  active.pack();
  const loops = regions.map(({ sources, sinks }) => sources.some((source) => sinks.includes(source)));
  const [logScales, steps] = [new Float64Array(classes + 1), new Float64Array(classes + 1)];
  return { state: { members, regionOf, logScales, kernels, active, steps, loops }, dead };
}

/** Looks at the kernels whose factors have changed enough, and takes in the weights that decide their ranges now. */
function look({ kernels, active, logScales, regionOf }: State, slack: number): void {
  const scales = logScales.map(Math.exp);
  const known = active.ranges(logScales);
  for (let at = 0; at < regionOf.length; at++) {
    if ((regionOf[at] as number) < 0) known.written[at] = known.read[at] = Infinity;
  }
  const take: TakeWeight = (side, at, other, magnitude) => {
    if ((regionOf[at] as number) >= 0) active.add(side, at, other, magnitude);
  };
  for (const ranges of kernels) ranges.look(scales, NEAR, slack, take, known);
  active.pack();
}

/** Sweeps over the classes until no step is larger than `tolerance`. */
function settle(state: State, tolerance: number): void {
  for (let sweeps = 0; sweeps < MOST_SWEEPS; sweeps++) {
    if (sweep(state, sweeps % 2 === 1, true) < tolerance) return;
    if (sweeps >= QUICK_SWEEPS) continue;
    if (state.members.length <= MOST_SHIFTED) shiftRegions(state);
    for (let bound = 0; bound < BOUND_SWEEPS; bound++) sweep(state, bound % 2 === 0, false);
  }
}

/**
 * Scales the classes of one region after the other, there and back; returns the largest step.
 *
 * Within a region all steps are found before any is made, so that the order of its channels does not matter; where they
 * decide each other's ranges, half steps keep them from going to and fro. Steps that go beyond their goals would end a little
 * sooner, but graphs with residuals have more than one end, and kernels of a MobileNetV2 lost 0.1 dB at the one found so.
 */
function sweep(state: State, isBackward: boolean, isFree: boolean): number {
  const { members, logScales, active, loops, steps } = state;
  let largest = 0;
  for (let index = 0; index < members.length; index++) {
    const region = isBackward ? members.length - 1 - index : index;
    const list = members[region] as Int32Array;
    const part = loops[region] === true ? 0.5 : 1;
    if (isFree) active.bindAll(list, logScales);
    largest = Math.max(largest, active.stepsOf(list, logScales, steps));
    for (let place = 0; place < list.length; place++) {
      const at = list[place] as number;
      logScales[at] = (logScales[at] as number) + part * (steps[place] as number);
    }
  }
  return largest;
}

function shiftRegions(state: State): void {
  const { members, logScales } = state;
  const shifts = regionShifts(state, state.active);
  for (const [region, list] of members.entries()) {
    for (const at of list) logScales[at] = limited((logScales[at] as number) + (shifts[region] as number));
  }
}

function largestStep({ members, logScales, active, steps }: State): number {
  let largest = 0;
  for (const list of members) {
    active.bindAll(list, logScales);
    largest = Math.max(largest, active.stepsOf(list, logScales, steps));
  }
  return largest;
}
