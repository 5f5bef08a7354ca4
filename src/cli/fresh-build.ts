/**
 * In a clone the command is built before it runs, where its sources have changed: npx builds nothing, and neither does a link.
 *
 * @module
 */

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { OutputError } from '../errors.ts';

/** In a clone alone, since no package has it: of what `dist/` was made. */
const STAMP = new URL('../.made-of', import.meta.url);
const MAIN = fileURLToPath(new URL('main.js', import.meta.url));

/**
 * Builds what is stale, where the command was called by a link to it in a clone, and then runs what was built; undefined where there
 * was nothing to build, else how that ended. Called by its path it is run as it stands.
 *
 * @throws {OutputError} where it cannot be built
 */
export async function runRebuilt(): Promise<number | undefined> {
  if (process.argv[1] === MAIN || !existsSync(STAMP)) return undefined;
  const { execFileSync, spawnSync } = await import('node:child_process');
  const before = readFileSync(STAMP, 'utf8');
  try {
    const build = fileURLToPath(new URL('../../build.mjs', import.meta.url));
    // Standard output is for results.
    execFileSync(process.execPath, [build], { stdio: ['ignore', 2, 2] });
  } catch (cause) {
    throw new OutputError('dist', 'its sources have changed, and it cannot be built; see above', { cause });
  }
  if (readFileSync(STAMP, 'utf8') === before) return undefined;
  const args = [MAIN, ...process.argv.slice(2)];
  return spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1;
}
