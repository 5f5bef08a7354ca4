/**
 * Loaded in front of a script with `node --import`: writes the peak memory of the process, in bytes, to descriptor 3
 * when it ends.
 *
 * @module
 */

import { readFileSync, writeSync } from 'node:fs';

const PEAK_DESCRIPTOR = 3;

process.on('exit', () => {
  writeSync(PEAK_DESCRIPTOR, String(peakBytes()));
});

/** Largest resident set. Linux counts `maxRSS` from before the exec, so that it may be the parent's. */
function peakBytes(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024;
  const [, kilobytes] = /^VmHWM:\s*(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}
