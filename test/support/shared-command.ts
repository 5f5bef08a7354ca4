/**
 * The built command without the time that a process takes to start and to get fast: all commands run in one, one after the other,
 * of all test files that share modules. It ends with the process of the tests. What is of a process itself (signals, streams, what is
 * loaded) is tested with `command.ts`.
 *
 * @module
 */

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type CommandResult, NODE, quietly } from './command.ts';

const HOST = fileURLToPath(new URL('shared-command-host.mjs', import.meta.url));

let host: ChildProcess | undefined;
let last: Promise<unknown> = Promise.resolve();

/** Runs the command. */
export function crosslayer(...args: string[]): Promise<CommandResult> {
  return crosslayerIn(process.cwd(), ...args);
}

/** Runs the command in a folder. */
export function crosslayerIn(folder: string, ...args: string[]): Promise<CommandResult> {
  const result = last.then(() => answer({ folder, args: quietly(args) }));
  last = result.catch(() => undefined);
  return result;
}

function answer(message: {
  readonly folder: string;
  readonly args: readonly string[];
}): Promise<CommandResult> {
  host ??= fork(HOST, { execPath: NODE, execArgv: [], stdio: 'ignore' });
  const child = host;
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => {
      host = undefined;
      reject(new Error(`the process ended with ${code} at ${message.args.join(' ')}`));
    };
    child.once('exit', ended);
    child.once('message', (result) => {
      child.off('exit', ended);
      resolve(result as CommandResult);
    });
    child.send(message);
  });
}
