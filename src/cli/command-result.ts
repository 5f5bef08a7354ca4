/**
 * How a command ends: what it prints, and its exit code.
 *
 * @module
 */

import { CrosslayerError } from '../errors.ts';
import { COMMANDS } from './command-list.ts';
import { commandMessage, type ErrorJson, errorJson } from './error-json.ts';
import { helpHint } from './help.ts';
import { type Line, printError, printed, progress } from './terminal.ts';
import { UsageError } from './usage-error.ts';
import { type ConfigOptions, configLines, flagsGiven, withConfig } from './used-config.ts';

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
  /** The result in a few words, for the summary of several models. */
  readonly verdict?: string;
  /** What went wrong once the model was written; the exit code is that of the first. */
  readonly failures?: readonly unknown[];
}

/** Ends a command with its result, which goes out in one piece, and with what failed after the model was written. */
export async function end<Options extends ConfigOptions>(
  options: Options,
  run: (options: Options) => Promise<CommandResult>,
): Promise<void> {
  const result = await withConfig(options, run);
  const { lines, report, exitCode, failures = [] } = result;
  progress.clear();
  const error = failureJson(result);
  if (report) await printJson(error ? { ...report, error } : report, options);
  else process.stdout.write(`${printed([...lines, ...configLines(options)])}\n`);
  process.exitCode = exitCode;
  if (failures.length > 0) endWithErrors(failures);
}

/** What went wrong once the model was written, for programs; null where nothing did. */
export function failureJson({ failures = [] }: CommandResult): ErrorJson | null {
  return failures.length === 0 ? null : errorJson(failures[0]);
}

/** Prints an object for programs. */
export async function printJson(report: object, { config }: ConfigOptions): Promise<void> {
  const whole = config
    ? {
        ...report,
        config: { file: config.file, options: flagsGiven(config), leftOut: [...config.leftOut.keys()] },
      }
    : report;
  process.stdout.write(`${await jsonOf(whole)}\n`);
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
  printErrors(errors);
  process.exitCode = exitCodeOf(errors[0]);
}

/** Tells what went wrong. */
export function printErrors(errors: readonly unknown[]): void {
  progress.clear();
  for (const error of errors) printError(...errorLines(error));
}

/** The exit code for an error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  return error instanceof CrosslayerError ? EXIT.input : EXIT.bug;
}

/** What to print for an error. */
function errorLines(error: unknown): string[] {
  if (error instanceof UsageError) return [`crosslayer: ${error.message}`, ...helpLines(error)];
  if (error instanceof CrosslayerError) return [`crosslayer: ${commandMessage(error)}`];
  const { name, message, stack = '' } = error instanceof Error ? error : new Error(String(error));
  // The message stands before the calls, and may have lines of its own.
  const calls = stack.slice(Math.max(0, stack.indexOf(message)) + message.length).split('\n');
  return [
    'crosslayer: this is a bug; please report it with the lines below',
    `${name}: ${message}`,
    ...calls.filter((line) => /^ +at /.test(line)),
  ];
}

/** What says how the command is used, where the message does not name it already. */
function helpLines({ message }: UsageError): string[] {
  const [, , called = ''] = process.argv;
  return message.includes('--help') ? [] : [helpHint(COMMANDS.has(called) ? called : undefined)];
}
