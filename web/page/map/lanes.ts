/**
 * Lanes beside the rows of a map, as in the graph of a version history: where each row lies and which lines pass it.
 *
 * @module
 */

/** What is drawn beside a row. */
export interface RowLanes {
  /** The lane that its dot lies on. */
  readonly lane: number;
  /** Lanes that pass it from top to bottom. */
  readonly through: readonly number[];
  /** Lanes, at its top, of what it reads. */
  readonly from: readonly number[];
  /** Whether a later row reads it. */
  readonly continues: boolean;
}

/**
 * Gives each row the leftmost lane that is free. What a row writes keeps its lane until the last row that reads it, so that
 * lines never run over each other.
 *
 * @param reads for each row the rows that it reads, all above it
 */
export function assignLanes(reads: readonly (readonly number[])[]): RowLanes[] {
  const lastReaders = lastReadersOf(reads);
  const lanes: number[] = [];
  /** The row whose output a lane carries. */
  const carried: (number | undefined)[] = [];
  return reads.map((sources, row) => {
    const from = [...new Set(sources.map((source) => lanes[source] ?? 0))].sort((a, b) => a - b);
    for (const [lane, source] of carried.entries()) {
      if (source !== undefined && lastReaders[source] === row) carried[lane] = undefined;
    }
    const through = carried.flatMap((source, lane) => (source === undefined ? [] : [lane]));
    const lane = freeLane(carried);
    const continues = lastReaders[row] !== undefined;
    lanes[row] = lane;
    if (continues) carried[lane] = row;
    return { lane, through, from, continues };
  });
}

function lastReadersOf(reads: readonly (readonly number[])[]): (number | undefined)[] {
  const last: (number | undefined)[] = reads.map(() => undefined);
  for (const [row, sources] of reads.entries()) for (const source of sources) last[source] = row;
  return last;
}

function freeLane(carried: readonly (number | undefined)[]): number {
  const free = carried.indexOf(undefined);
  return free === -1 ? carried.length : free;
}

/** How many lanes lie side by side at most. */
export function laneCount(rows: readonly RowLanes[]): number {
  return rows.reduce(
    (most, { lane, through }) =>
      through.reduce((wide, one) => Math.max(wide, one + 1), Math.max(most, lane + 1)),
    1,
  );
}

/** Where lines are drawn. */
export interface LaneGeometry {
  readonly height: number;
  /** From lane to lane. */
  readonly spacing: number;
}

/** The middle of a lane. */
export function laneX(lane: number, { spacing }: LaneGeometry): number {
  return (lane + 0.5) * spacing;
}

/** All lines beside a row as one path. */
export function lanePath({ lane, through, from, continues }: RowLanes, geometry: LaneGeometry): string {
  const { height } = geometry;
  const middle = height / 2;
  const x = laneX(lane, geometry);
  const passing = through.map((one) => `M${laneX(one, geometry)} 0V${height}`);
  const incoming = from.map((one) => {
    const start = laneX(one, geometry);
    return one === lane
      ? `M${x} 0V${middle}`
      : `M${start} 0C${start} ${middle * 0.7} ${x} ${middle * 0.3} ${x} ${middle}`;
  });
  return [...passing, ...incoming, ...(continues ? [`M${x} ${middle}V${height}`] : [])].join('');
}
