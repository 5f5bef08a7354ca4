import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const COMMAND = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
/** The Node that runs it: the one that runs the tests, or that of this variable. */
export const NODE: string = process.env['CROSSLAYER_NODE'] ?? process.execPath;

/** How a command ended. */
export interface CommandResult {
  /** -1 where a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const COMMANDS = ['equalize', 'inspect', 'convert', 'verify', 'evaluate', 'quantize'];

/** Without lines of progress, which a machine with much to do would have now and then. */
export function quietly(args: readonly string[]): readonly string[] {
  return COMMANDS.includes(args[0] ?? '') ? [...args, '--quiet'] : args;
}

/** Runs the built command as a process of its own. */
export function crosslayer(...args: string[]): Promise<CommandResult> {
  return new Promise((resolve) => {
    execFile(NODE, [COMMAND, ...quietly(args)], { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
}
