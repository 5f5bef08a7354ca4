/**
 * Commands of `crosslayer` in a process that stays: it is started, loaded and compiled once for all of them.
 *
 * @module
 */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const TEST = join(dirname(fileURLToPath(import.meta.url)), '..');
const HOST = join(TEST, 'support', 'shared-command-host.mjs');

/** The command that is tested. */
export const CLI = process.env.CROSSLAYER_INTEROP_CLI ?? join(TEST, '..', 'dist', 'cli', 'main.js');

/** Runs `work` with a function that runs one command after the other and resolves to code, stdout and stderr of each. */
export async function withCommands(work) {
  const host = fork(HOST, [CLI], { stdio: 'ignore' });
  const ended = once(host, 'exit').then(([code]) => [
    { code: code ?? -1, stdout: '', stderr: 'the process ended' },
  ]);
  try {
    return await work(async (args) => {
      if (!host.connected) return (await ended)[0];
      host.send({ args, folder: process.cwd() });
      const [result] = await Promise.race([once(host, 'message'), ended]);
      return result;
    });
  } finally {
    host.kill();
  }
}
