import type { ActiveRanges } from './deciding-weights.ts';

/** A part of each region's own weight in the equations below, which keeps them from running away where they say little. */
const HOLD = 0.1;
/** Gauss-Seidel sweeps over the regions; {@link HOLD} leaves less than a hundredth behind them. */
const SWEEPS = 30;
/** A region is not shifted by more than this many times the largest step. */
const LONGEST = 10;

/** The classes of regions, and the factors that they have. */
export interface Factors {
  /** By region, the classes whose factors are free. */
  readonly members: readonly Int32Array[];
  /** By class; -1 where the factor stays 1. */
  readonly regionOf: Int32Array;
  /** By class. */
  readonly logScales: Float64Array;
}

/**
 * By how much each region as a whole has to move, so that on average over its classes the ranges match: what the sweeps
 * over the classes, where a region moves its neighbours and these theirs, take long to find out.
 */
export function regionShifts({ members, regionOf, logScales }: Factors, active: ActiveRanges): Float64Array {
  const count = members.length;
  // shifts[r] (1 + HOLD) classes[r] = sum over its classes of step + (shift of the region before + of that behind) / 2
  const neighbours = new Float64Array(count * count);
  const steps = new Float64Array(count);
  let longest = 0;
  for (const [region, classes] of members.entries()) {
    for (const at of classes) {
      const step = active.goal(at, logScales) - (logScales[at] as number);
      steps[region] = (steps[region] as number) + step;
      longest = Math.max(longest, LONGEST * Math.abs(step));
      for (const other of [active.before[at] as number, active.behind[at] as number]) {
        const place = region * count + (regionOf[other] as number);
        if ((regionOf[other] as number) >= 0) neighbours[place] = (neighbours[place] as number) + 0.5;
      }
    }
  }
  const shifts = new Float64Array(count);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (let index = 0; index < count; index++) {
      const region = sweep % 2 === 0 ? index : count - 1 - index;
      const own = neighbours[region * count + region] as number;
      let sum = steps[region] as number;
      for (let other = 0; other < count; other++) {
        if (other !== region)
          sum += (neighbours[region * count + other] as number) * (shifts[other] as number);
      }
      shifts[region] = sum / ((1 + HOLD) * (members[region]?.length || 1) - own);
    }
  }
  return shifts.map((shift) => Math.max(-longest, Math.min(longest, shift)));
}
