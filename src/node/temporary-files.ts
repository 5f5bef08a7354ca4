/**
 * Files under names of their own in the folder where they will stay, and what is left of those whose process was killed.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { codeOf } from './open-files.ts';

/** Behind the name of a file, before its ending: where the mark of a writer goes, in the place of an earlier one. */
const MARK = /(?:\.[0-9a-f]{8})?(\.[^./\\]*)?$/;

/** `name` with the mark of a writer. */
export function marked(name: string, mark: string): string {
  return name.replace(MARK, (_, ending = '') => `.${mark}${ending}`);
}

/** What processes that were killed left; a folder is looked through once. */
export class AbandonedFiles {
  readonly #found = new Map<string, ReadonlyMap<string, readonly string[]>>();

  /** Removes what is left of files of that name. */
  remove(target: string): void {
    const folder = path.dirname(target);
    const abandoned = this.#found.get(folder) ?? abandonedIn(folder);
    this.#found.set(folder, abandoned);
    for (const name of abandoned.get(temporaryPrefix(target)) ?? []) {
      try {
        fs.rmSync(path.join(folder, name), { force: true });
      } catch {
        // It is in nobody's way.
      }
    }
  }
}

/** Tells machines and containers apart that write into one folder: only here is it known which processes live. */
const HOST = createHash('sha256').update(os.hostname()).digest('hex').slice(0, 8);

const TEMPORARY = /^(?<prefix>\..*\.)(?<host>[0-9a-f]{8})-(?<pid>\d+)-\d+\.tmp$/s;

/** What the names of temporary files begin with, whatever the mark of the writer. */
function temporaryPrefix(target: string): string {
  // Short, because the longest name that a file may have leaves no room for more.
  return `.${path.basename(target).replace(MARK, '$1').slice(0, 40)}.`;
}

/** Names of the temporary files in a folder whose processes no longer live, by what they begin with. */
function abandonedIn(folder: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const name of namesIn(folder)) {
    const { prefix = '', host, pid } = TEMPORARY.exec(name)?.groups ?? {};
    if (host === HOST && !isAlive(Number(pid))) found.set(prefix, [...(found.get(prefix) ?? []), name]);
  }
  return found;
}

function namesIn(folder: string): string[] {
  try {
    return fs.readdirSync(folder);
  } catch {
    // Whether it can be written is found out by writing.
    return [];
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (cause) {
    // Another user's process lives, but takes no signals from here.
    return codeOf(cause) !== 'ESRCH';
  }
}

/**
 * Gives a file the name of another, whose place it takes.
 *
 * Windows does not put one in the place of a file that is open, such as that of the model that is being saved, but lets an open file
 * have another name: there the old one goes aside first, and is gone when it is closed.
 *
 * @throws what Node throws where it cannot be done; then the file of that name is the one that was there.
 */
export function replaceFile(temporary: string, target: string): void {
  try {
    fs.renameSync(temporary, target);
    return;
  } catch (cause) {
    const isInUse = ['EPERM', 'EACCES', 'EBUSY'].includes(codeOf(cause) ?? '');
    if (!isInUse || !fs.existsSync(target)) throw cause;
  }
  const aside = `${temporary}.old`;
  fs.renameSync(target, aside);
  try {
    fs.renameSync(temporary, target);
  } catch (cause) {
    fs.renameSync(aside, target);
    throw cause;
  }
  fs.rmSync(aside, { force: true });
}

/**
 * Opens a new file beside `target`, to read and write.
 *
 * @throws what Node throws where it cannot be made.
 */
export function openTemporary(target: string): { temporary: string; descriptor: number } {
  for (let attempt = 0; ; attempt++) {
    const name = `${temporaryPrefix(target)}${HOST}-${process.pid}-${attempt}.tmp`;
    const temporary = path.join(path.dirname(target), name);
    try {
      return { temporary, descriptor: fs.openSync(temporary, 'wx+') };
    } catch (cause) {
      if (codeOf(cause) !== 'EEXIST' || attempt >= 1000) throw cause;
    }
  }
}
