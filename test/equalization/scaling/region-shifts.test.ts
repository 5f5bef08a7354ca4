import { describe, expect, it } from 'vitest';
import { ActiveRanges } from '../../../src/equalization/scaling/deciding-weights.ts';
import { regionShifts } from '../../../src/equalization/scaling/region-shifts.ts';

describe('regionShifts', () => {
  it('moves regions by what their neighbours will move, too', () => {
    // A chain: closed 0, class 1, class 2, closed 0. Only the first kernel is too large, by e^4.
    const active = new ActiveRanges(3);
    active.add('written', 1, 0, Math.exp(4));
    active.add('read', 1, 2, 1);
    active.add('written', 2, 1, 1);
    active.add('read', 2, 0, 1);
    active.pack();
    const logScales = new Float64Array(3);
    for (const at of [1, 2]) active.bind(at, logScales);
    // The third region has no class that is alive.
    const members = [Int32Array.of(1), Int32Array.of(2), new Int32Array(0)];
    const shifts = regionShifts({ members, regionOf: Int32Array.of(-1, 0, 1), logScales }, active);
    // Steps 2 and 0: 1.1 t1 = 2 + t2 / 2 and 1.1 t2 = t1 / 2.
    const first = 2 / (1.1 - 0.25 / 1.1);
    expect(shifts[0]).toBeCloseTo(first, 9);
    expect(shifts[1]).toBeCloseTo(first / 2.2, 9);
    expect(shifts[2]).toBe(0);
  });
});
