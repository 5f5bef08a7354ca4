/**
 * Folders that take long to make, such as a built page: made once for all test files, and again when what they are made of changes.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const CACHE = join(root, '.cache/made-once');

/** How a folder is made. */
export interface Making {
  /** What it is called in the cache. */
  readonly name: string;
  /** Files and folders of the repository that it is made of. */
  readonly of: readonly string[];
  make(folder: string): Promise<unknown>;
}

/** Copies the folder to `to`, once it is made. */
export async function copyMadeOnce({ name, of, make }: Making, to: string): Promise<void> {
  const made = join(CACHE, `${name}-${fingerprint(of)}`);
  const lock = `${made}.lock`;
  mkdirSync(CACHE, { recursive: true });
  while (!existsSync(made)) {
    if (!takeLock(lock)) {
      // Another test file makes it.
      await new Promise((resolve) => setTimeout(resolve, 50));
      continue;
    }
    try {
      for (const old of readdirSync(CACHE)) {
        if (old.startsWith(`${name}-`) && !old.endsWith('.lock'))
          rmSync(join(CACHE, old), { recursive: true });
      }
      const unfinished = `${made}.unfinished`;
      await make(unfinished);
      renameSync(unfinished, made);
    } finally {
      rmSync(lock);
    }
  }
  cpSync(made, to, { recursive: true });
}

/** Whether the lock is taken now; one of a process that is gone counts for nothing. */
function takeLock(lock: string): boolean {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    if (!isAlive(lock)) rmSync(lock, { force: true });
    return false;
  }
}

function isAlive(lock: string): boolean {
  try {
    return process.kill(Number(readFileSync(lock, 'utf8')), 0);
  } catch {
    return false;
  }
}

/** Of the names and contents of all files. */
function fingerprint(paths: readonly string[]): string {
  const hash = createHash('sha256');
  for (const path of paths) {
    for (const file of filesAt(path).sort()) hash.update(`${file}\0`).update(readFileSync(join(root, file)));
  }
  return hash.digest('hex').slice(0, 16);
}

function filesAt(path: string): string[] {
  try {
    return readdirSync(join(root, path), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
  } catch {
    return [path];
  }
}
