import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assignLanes, laneCount, lanePath } from '../../../web/page/map/lanes.ts';

describe('lanes', () => {
  it('keeps a chain on one lane', () => {
    expect(assignLanes([[], [0], [1]])).toEqual([
      { lane: 0, through: [], from: [], continues: true },
      { lane: 0, through: [], from: [0], continues: true },
      { lane: 0, through: [], from: [0], continues: false },
    ]);
  });

  it('leads a shortcut past the branch and joins both', () => {
    // 0 is read by 1 and by the addition 3.
    const rows = assignLanes([[], [0], [1], [0, 2]]);
    expect(rows.map(({ lane }) => lane)).toEqual([0, 1, 1, 0]);
    expect(rows[2]).toEqual({ lane: 1, through: [0], from: [1], continues: true });
    expect(rows[3]).toEqual({ lane: 0, through: [], from: [0, 1], continues: false });
    expect(laneCount(rows)).toBe(2);
  });

  it('gives rows that nobody reads and that read nothing a lane of their own', () => {
    expect(assignLanes([[], [], [0, 1]]).map(({ lane }) => lane)).toEqual([0, 1, 0]);
    expect(laneCount(assignLanes([]))).toBe(1);
  });

  it('draws what passes, what comes in and what goes on as one path', () => {
    const path = lanePath(
      { lane: 1, through: [0], from: [0, 1], continues: true },
      { height: 40, spacing: 10 },
    );
    expect(path).toBe('M5 0V40M5 0C5 14 15 6 15 20M15 0V20M15 20V40');
  });

  it('never lays two lines over each other, and lets none end in the air', () => {
    const graphs = fc
      .array(fc.array(fc.nat(1000), { maxLength: 3 }), { minLength: 1, maxLength: 40 })
      .map((rows) => rows.map((sources, row) => (row === 0 ? [] : sources.map((source) => source % row))));
    fc.assert(
      fc.property(graphs, (reads) => {
        const rows = assignLanes(reads);
        let open: number[] = [];
        for (const { lane, through, from, continues } of rows) {
          // What is open above is read here or passes, and nothing else does.
          expect([...new Set([...through, ...from])].sort()).toEqual([...open].sort());
          expect(through).not.toContain(lane);
          open = continues ? [...through, lane] : [...through];
        }
        expect(open).toEqual([]);
      }),
    );
  });
});
