/**
 * How a command ends: what it prints, and its exit code.
 *
 * @module
 */

import { CrosslayerError } from '../errors.ts';

/** Exit codes of the command; `--help` lists them. */
export const EXIT = { ok: 0, checkFailed: 1, usage: 2, input: 3, bug: 70 } as const;

/** The table of exit codes for `--help`. */
export const EXIT_CODE_HELP = `
Exit codes:
  0   done
  1   ran, but a check failed
  2   wrong usage
  3   the input cannot be read or is not supported, or the output cannot be written
  70  a bug in crosslayer`;

/** What goes to standard output, and how the process ends. */
export interface CommandResult {
  readonly text: string;
  readonly exitCode: number;
}

/** Ends a command with its result, which goes out in one piece. */
export async function end(result: Promise<CommandResult>): Promise<void> {
  const { text, exitCode } = await result;
  process.stdout.write(`${text}\n`);
  process.exitCode = exitCode;
}

/** A mistake in how the command was called. */
export class UsageError extends Error {}

/** The exit code for an error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  return error instanceof CrosslayerError ? EXIT.input : EXIT.bug;
}

/** What to print for an error. */
export function errorText(error: unknown): string {
  if (error instanceof UsageError || error instanceof CrosslayerError) return `crosslayer: ${error.message}`;
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `crosslayer: this is a bug; please report it with the lines below\n${trace}`;
}
