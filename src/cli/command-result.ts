/**
 * How a command ends: what it prints, and its exit code.
 *
 * @module
 */

import { CrosslayerError } from '../errors.ts';
import { errorJson } from './error-json.ts';
import { type Line, printError, printed, progress } from './terminal.ts';
import { UsageError } from './usage-error.ts';

/** Exit codes of the command; `--help` lists them. */
export const EXIT = { ok: 0, checkFailed: 1, usage: 2, input: 3, bug: 70 } as const;

/** The table of exit codes for `--help`. */
export const EXIT_CODE_HELP = `
Exit codes:
  0   done
  1   ran, but a check failed, or TF.js does not open what was written
  2   wrong usage
  3   the input cannot be read or is not supported, or the output cannot be written
  70  a bug in crosslayer`;

/** What goes to standard output, and how the process ends. */
export interface CommandResult {
  readonly lines: readonly Line[];
  /** For programs, in place of the lines. */
  readonly report?: object;
  readonly exitCode: number;
  /** What went wrong once the model was written; the exit code is that of the first. */
  readonly failures?: readonly unknown[];
}

/** Ends a command with its result, which goes out in one piece, and with what failed after the model was written. */
export async function end(result: Promise<CommandResult>): Promise<void> {
  const { lines, report, exitCode, failures = [] } = await result;
  progress.clear();
  const error = failures.length === 0 ? {} : { error: errorJson(failures[0]) };
  process.stdout.write(`${report ? await jsonOf({ ...report, ...error }) : printed(lines)}\n`);
  process.exitCode = exitCode;
  if (failures.length > 0) endWithErrors(failures);
}

/** The report for programs where they asked for it, else the lines for people. */
export function shownAs(
  json: boolean | undefined,
  report: object,
  lines: () => readonly Line[],
): Pick<CommandResult, 'lines' | 'report'> {
  return json === true ? { lines: [], report } : { lines: lines() };
}

/** Does what comes after the model was written; undefined, and an entry in `failures`, where that fails. */
export async function tried<Result>(
  failures: unknown[],
  work: () => Result | Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await work();
  } catch (error) {
    failures.push(error);
    return undefined;
  }
}

/** Ends the process with what went wrong, before there was a result; programs get it as JSON too. */
export async function endWithError(error: unknown, json: boolean): Promise<void> {
  if (json) await printErrorJson(error);
  endWithErrors([error]);
}

/** The object that programs get in place of a result. */
export async function printErrorJson(error: unknown): Promise<void> {
  process.stdout.write(`${await jsonOf({ error: errorJson(error) })}\n`);
}

/** Only programs ask for it, and it is not loaded for others. */
async function jsonOf(report: object): Promise<string> {
  const { reportJson } = await import('../report/report-json.ts');
  return reportJson(report);
}

function endWithErrors(errors: readonly unknown[]): void {
  progress.clear();
  for (const error of errors) printError(...errorLines(error));
  process.exitCode = exitCodeOf(errors[0]);
}

/** The exit code for an error. */
function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  return error instanceof CrosslayerError ? EXIT.input : EXIT.bug;
}

/** What to print for an error. */
function errorLines(error: unknown): string[] {
  if (error instanceof UsageError || error instanceof CrosslayerError)
    return [`crosslayer: ${error.message}`];
  const { name, message, stack = '' } = error instanceof Error ? error : new Error(String(error));
  // The message stands before the calls, and may have lines of its own.
  const calls = stack.slice(Math.max(0, stack.indexOf(message)) + message.length).split('\n');
  return [
    'crosslayer: this is a bug; please report it with the lines below',
    `${name}: ${message}`,
    ...calls.filter((line) => /^ +at /.test(line)),
  ];
}
