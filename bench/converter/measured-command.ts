/**
 * Running a command of Node or Python, with its time and peak memory.
 *
 * @module
 */

import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { ProcessRun } from '../measured-process.ts';

/** A program and its arguments. */
export type Command = readonly [program: string, ...args: string[]];

/** Both are loaded as the interpreter starts, so that commands run as their users start them. */
const REPORT_PEAK_OF_NODE = new URL('../children/report-peak.js', import.meta.url).href;
const REPORT_PEAK_OF_PYTHON = resolve('bench/converter/peak');

/**
 * Runs commands one after the other: their time together, and the larger of their peaks.
 *
 * @throws Error with what one printed where it fails.
 */
export async function runCommands(commands: readonly Command[]): Promise<ProcessRun> {
  let [seconds, peakBytes, stdout] = [0, 0, ''];
  for (const command of commands) {
    const run = await runCommand(command);
    seconds += run.seconds;
    peakBytes = Math.max(peakBytes, run.peakBytes);
    stdout += run.stdout;
  }
  return { seconds, peakBytes, stdout };
}

async function runCommand([program, ...args]: Command): Promise<ProcessRun> {
  const start = performance.now();
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: {
      ...process.env,
      NODE_OPTIONS: `--import ${REPORT_PEAK_OF_NODE}`,
      PYTHONPATH: REPORT_PEAK_OF_PYTHON,
    },
  });
  const ended = new Promise<number | null>((settle, reject) => {
    child.on('error', reject);
    child.on('close', settle);
  });
  const streams = child.stdio.slice(1) as Readable[];
  const [code, stdout = '', stderr = '', peak = ''] = await Promise.all([ended, ...streams.map(text)]);
  const seconds = (performance.now() - start) / 1000;
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}:\n${stderr}`);
  if (!(Number(peak) > 0)) throw new Error(`${program} ${args.join(' ')}: told no peak memory`);
  return { seconds, peakBytes: Number(peak), stdout };
}
