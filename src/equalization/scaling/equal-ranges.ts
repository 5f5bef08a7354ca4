/**
 * Factors for the channels of a whole graph, with which the ranges of its kernels match.
 *
 * @module
 */

import { DecidingWeights, isAtLimit, limited } from './deciding-weights.ts';
import type { KernelRanges } from './kernel-ranges.ts';
import type { Region } from './regions.ts';

/** Factors with which `r1 = r2` holds for all classes, but for those that are named. */
export interface EqualRanges {
  /** By class: tensors of the class are divided by it. */
  readonly scales: Float64Array;
  /** Classes of dead channels: what writes or what reads them has next to no weight. */
  readonly dead: ReadonlySet<number>;
  /** Classes whose factor reached the limit. */
  readonly clamped: ReadonlySet<number>;
}

/** Looks at the kernels. */
const MOST_LOOKS = 50;
/** The largest `|ln s|` at which ranges count as equal. */
const TOLERANCE = 1e-3;
/** It stops a little below the tolerance, so that rounded weights are within it when they are looked at again. */
const MARGIN = 0.9;
/** Between looks at the kernels the factors are settled to this part of what the last look changed. */
const SETTLED = 0.15;
/** Sweeps over the classes for each look at the kernels. */
const MOST_SWEEPS = 200;
/** The first of them are each followed by a shift of whole regions, and by sweeps that keep the deciding weights. */
const QUICK_SWEEPS = 20;
const BOUND_SWEEPS = 8;
/** More regions than this are not shifted as a whole: their equations are solved for all of them together. */
const MOST_SHIFTED = 1000;
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
 * The rounds are done on the weights that decided the ranges so far; then all kernels are looked at for weights that are
 * larger at the factors found, until there are none. A model whose ranges match within the tolerance keeps them.
 *
 * @param classes how many classes there are
 */
export function equalRanges(
  regions: readonly Region[],
  classes: number,
  { tolerance = TOLERANCE, looks = MOST_LOOKS }: { tolerance?: number; looks?: number } = {},
): EqualRanges {
  const { state, dead } = firstLook(regions, classes);
  let change = largestStep(state);
  const least = (MARGIN / 2) * tolerance;
  for (let round = 1, most = tolerance; round < looks && change >= most; round++) {
    settle(state, Math.max(least, SETTLED * Math.min(change, 1)));
    look(state, least);
    change = largestStep(state);
    most = MARGIN * tolerance;
  }
  const { logScales, members } = state;
  const scales = logScales.slice(0, classes).map(Math.exp);
  const clamped = members.flatMap((list) => [...list].filter((at) => isAtLimit(logScales[at] as number)));
  return { scales, dead, clamped: new Set(clamped) };
}

interface State {
  readonly kernels: readonly KernelRanges[];
  readonly weights: DecidingWeights;
  /** By region, the classes whose factors are free. */
  readonly members: readonly Int32Array[];
  /** By class; -1 where the factor stays 1. */
  readonly regionOf: Int32Array;
  /** By class. */
  readonly logScales: Float64Array;
  /** By place in its region, the steps of the sweep under way. */
  readonly steps: Float64Array;
  /** By region: whether a kernel reads and writes it, so that its classes decide each other's ranges. */
  readonly loops: readonly boolean[];
}

/** Takes in the largest weight of each class on either side, and the floor below it. */
function firstLook(regions: readonly Region[], classes: number): { state: State; dead: Set<number> } {
  const kernels = [
    ...new Set(regions.flatMap(({ sources, sinks }) => [...sources, ...sinks].map(({ ranges }) => ranges))),
  ];
  const shares = { written: new Float64Array(classes), read: new Float64Array(classes) };
  /** Classes with a floor, which those of kernels of zeros alone have not. */
  const founded = { written: new Uint8Array(classes), read: new Uint8Array(classes) };
  /** The largest weights of classes in one kernel. */
  const of = { written: new Float64Array(classes), read: new Float64Array(classes) };
  // One class more, which keeps the factor 1: that on the other side of a bias or a floor.
  const ones = new Float64Array(classes + 1).fill(1);
  const weights = new DecidingWeights(classes + 1);
  for (const ranges of kernels) {
    let largest = 0;
    ranges.look(ones, (side, at, other, magnitude) => {
      weights.add(side, at, other, Math.log(magnitude));
      largest = Math.max(largest, magnitude);
      of[side][at] = Math.max(of[side][at] as number, magnitude);
    });
    for (const [side, list] of [
      ['written', ranges.outputs],
      ['read', ranges.inputs],
    ] as const) {
      for (const at of list) {
        if (largest > 0) {
          shares[side][at] = Math.max(shares[side][at] as number, (of[side][at] as number) / largest);
          weights.add(side, at, classes, Math.log(DEAD * largest));
          founded[side][at] = 1;
        }
        of[side][at] = 0;
      }
    }
  }
  const regionOf = new Int32Array(classes + 1).fill(-1);
  const members = regions.map((region, index) => {
    const list = region.classes.filter((at) => founded.written[at] === 1 && founded.read[at] === 1);
    for (const at of list) regionOf[at] = index;
    return Int32Array.from(list);
  });
  const isDead = (at: number): boolean => !(Math.min(shares.written[at] ?? 0, shares.read[at] ?? 0) > DEAD);
  const dead = new Set(regions.flatMap((region) => region.classes.filter(isDead)));
  for (const { biases } of regions) {
    for (const { classes: list, magnitudes } of biases) {
      for (const [channel, at] of list.entries()) {
        weights.add('written', at, classes, Math.log(BIAS_SHARE * (magnitudes[channel] as number)));
      }
    }
  }
  weights.pack();
  const loops = regions.map(({ sources, sinks }) => sources.some((source) => sinks.includes(source)));
  const [logScales, steps] = [new Float64Array(classes + 1), new Float64Array(classes + 1)];
  return { state: { kernels, weights, members, regionOf, logScales, steps, loops }, dead };
}

/** Takes in the weights that are larger now, by more than `slack`, than those that are known. */
function look({ kernels, weights, members, regionOf, logScales }: State, slack: number): void {
  for (const list of members) weights.bind(list, logScales);
  const scales = logScales.map(Math.exp);
  for (const ranges of kernels) {
    ranges.look(scales, (side, at, other, magnitude) => {
      if ((regionOf[at] as number) < 0) return;
      const value = Math.log(magnitude);
      const factor = logScales[other] as number;
      const isLarger =
        (side === 'written' ? value + factor : value - factor) >
        (weights.largest[side][at] as number) + slack;
      if (isLarger) weights.add(side, at, other, value);
    });
  }
  weights.pack();
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
  const { members, logScales, weights, loops, steps } = state;
  let largest = 0;
  for (let index = 0; index < members.length; index++) {
    const region = isBackward ? members.length - 1 - index : index;
    const list = members[region] as Int32Array;
    const part = loops[region] === true ? 0.5 : 1;
    if (isFree) weights.bind(list, logScales);
    largest = Math.max(largest, weights.stepsOf(list, logScales, steps));
    for (let place = 0; place < list.length; place++) {
      const at = list[place] as number;
      logScales[at] = (logScales[at] as number) + part * (steps[place] as number);
    }
  }
  return largest;
}

function shiftRegions(state: State): void {
  const { members, logScales } = state;
  const shifts = regionShifts(state);
  for (const [region, list] of members.entries()) {
    for (const at of list) logScales[at] = limited((logScales[at] as number) + (shifts[region] as number));
  }
}

/** A part of each region's own weight in the equations below, which keeps them from running away where they say little. */
const HOLD = 0.1;
/** Gauss-Seidel sweeps over these equations; {@link HOLD} leaves less than a hundredth behind them. */
const SHIFT_SWEEPS = 30;
/** A region is not shifted by more than this many times the largest step. */
const LONGEST_SHIFT = 10;

/**
 * By how much each region as a whole has to move, so that on average over its classes the ranges match: what the sweeps
 * over the classes, where a region moves its neighbours and these theirs, take long to find out.
 */
function regionShifts({ members, regionOf, logScales, weights }: State): Float64Array {
  const count = members.length;
  // shifts[r] (1 + HOLD) classes[r] = sum over its classes of step + (shift of the region before + of that behind) / 2
  const neighbours = members.map(() => new Map<number, number>());
  const steps = new Float64Array(count);
  let longest = 0;
  for (const [region, classes] of members.entries()) {
    for (const at of classes) {
      const step = weights.goal(at, logScales) - (logScales[at] as number);
      steps[region] = (steps[region] as number) + step;
      longest = Math.max(longest, LONGEST_SHIFT * Math.abs(step));
      for (const other of [weights.before[at] as number, weights.behind[at] as number]) {
        const neighbour = regionOf[other] as number;
        const around = neighbours[region] as Map<number, number>;
        if (neighbour >= 0) around.set(neighbour, (around.get(neighbour) ?? 0) + 0.5);
      }
    }
  }
  const inOrder = neighbours.map((around) => [...around].sort(([one], [other]) => one - other));
  const shifts = new Float64Array(count);
  for (let sweep = 0; sweep < SHIFT_SWEEPS; sweep++) {
    for (let index = 0; index < count; index++) {
      const region = sweep % 2 === 0 ? index : count - 1 - index;
      const own = neighbours[region]?.get(region) ?? 0;
      let sum = steps[region] as number;
      for (const [other, weight] of inOrder[region] ?? []) {
        if (other !== region) sum += weight * (shifts[other] as number);
      }
      shifts[region] = sum / ((1 + HOLD) * (members[region]?.length || 1) - own);
    }
  }
  return shifts.map((shift) => Math.max(-longest, Math.min(longest, shift)));
}

function largestStep({ members, logScales, weights, steps }: State): number {
  let largest = 0;
  for (const list of members) {
    weights.bind(list, logScales);
    largest = Math.max(largest, weights.stepsOf(list, logScales, steps));
  }
  return largest;
}
