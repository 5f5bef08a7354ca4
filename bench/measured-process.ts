/**
 * Running a script in a process of its own, with its time and peak memory.
 *
 * @module
 */

import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

/** What a process took. */
export interface ProcessRun {
  /** From before it started until it had ended. */
  readonly seconds: number;
  /** Its largest resident set. */
  readonly peakBytes: number;
  readonly stdout: string;
}

const REPORT_PEAK = new URL('./children/report-peak.js', import.meta.url).href;

/**
 * Runs `node script ...args` and waits for its end.
 *
 * @throws Error with what it printed where it fails.
 */
export async function runMeasured(script: string, args: readonly string[]): Promise<ProcessRun> {
  const start = performance.now();
  const child = spawn(process.execPath, ['--import', REPORT_PEAK, script, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const streams = child.stdio.slice(1) as Readable[];
  const [code, stdout = '', stderr = '', peak = ''] = await Promise.all([ended, ...streams.map(text)]);
  const seconds = (performance.now() - start) / 1000;
  if (code !== 0) throw new Error(`node ${script} ${args.join(' ')} ended with ${code}:\n${stderr}`);
  return { seconds, peakBytes: Number(peak), stdout };
}
