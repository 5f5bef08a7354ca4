/**
 * What each way takes from the start of its process to the written files.
 *
 * @module
 */

import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { median } from '../median.ts';
import { FOLDER, PYTHON, TOOL_FOLDERS } from './installations.ts';
import { type Command, runCommands } from './measured-command.ts';
import type { Way } from './ways.ts';

/** Time and memory of a command or of several in a row. */
export interface Cost {
  /** With the tool and its input to be read from disk, in seconds; undefined where the system keeps what it read. */
  readonly cold: number | undefined;
  /** Each of the rounds that follow, in seconds. */
  readonly rounds: readonly number[];
  /** Their median. */
  readonly seconds: number;
  /** The largest of all. */
  readonly peakBytes: number;
}

/** `cost` in times of `other`: the median of the ratios of each round, which a busy machine moves less. */
export function timeRatio(cost: Cost, other: Cost): number {
  return median(cost.rounds.map((seconds, round) => seconds / (other.rounds[round] ?? Number.NaN)));
}

/** The folder or file that a way writes. */
export function outputOf(network: string, { name, ending = '' }: Way): string {
  return join(FOLDER, network, `${name}${ending}`);
}

/** What ways are measured on. */
export interface Source {
  /** Of the network. */
  readonly name: string;
  /** Its file. */
  readonly path: string;
  readonly rounds: number;
}

/** Runs all ways in turns, so that what else the machine does meets each of them, and leaves what the last round wrote. */
export async function measureWays(
  ways: readonly Way[],
  { name, path, rounds }: Source,
): Promise<Map<Way, Cost>> {
  const home = join(FOLDER, name);
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  // A copy, because of what tools may leave beside their input.
  const input = join(home, basename(path));
  cpSync(path, input);
  const runs = new Map<Way, Command[]>(
    ways.map((way) => [way, way.commands(input, outputOf(name, way), join(home, 'aside'))]),
  );
  return inTurns(runs, rounds, {
    inputs: [input],
    before: (way) => rmSync(outputOf(name, way), { recursive: true, force: true }),
  });
}

/** Of the commands of {@link inTurns}. */
export interface TurnOptions<Key> {
  /** Files that the commands read. */
  readonly inputs?: readonly string[];
  /** Clears away what the time before left. */
  readonly before?: (key: Key) => void;
}

/** Runs commands `rounds` times in turns, after a first time from disk. */
export async function inTurns<Key>(
  commands: ReadonlyMap<Key, readonly Command[]>,
  rounds: number,
  { inputs = [], before = () => {} }: TurnOptions<Key> = {},
): Promise<Map<Key, Cost>> {
  let fromDisk = true;
  const seconds = new Map<Key, number[]>();
  const peaks = new Map<Key, number>();
  for (let round = 0; round <= rounds; round++) {
    for (const [key, list] of commands) {
      before(key);
      if (round === 0) fromDisk = (await uncache([...TOOL_FOLDERS, ...inputs])) && fromDisk;
      const run = await runCommands(list);
      seconds.set(key, [...(seconds.get(key) ?? []), run.seconds]);
      peaks.set(key, Math.max(peaks.get(key) ?? 0, run.peakBytes));
    }
  }
  return new Map(
    [...seconds].map(([key, [first, ...later]]) => [
      key,
      {
        cold: fromDisk ? first : undefined,
        rounds: later,
        seconds: median(later),
        peakBytes: peaks.get(key) ?? 0,
      },
    ]),
  );
}

/** Whether the system let go of what it had read of these files. */
async function uncache(paths: readonly string[]): Promise<boolean> {
  try {
    await promisify(execFile)(PYTHON, ['bench/converter/uncache.py', ...paths]);
    return true;
  } catch {
    return false;
  }
}
