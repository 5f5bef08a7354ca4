/**
 * A command for one model or for several: each with what it has to say, a summary at the end, and the worst exit code.
 *
 * @module
 */

import fs from 'node:fs';
import path from 'node:path';
import { OutputError } from '../errors.ts';
import { isFolder } from '../node/open-files.ts';
import { matchingNames } from '../node/patterns.ts';
import { makeFolder } from '../node/pending-output.ts';
import { count } from '../text/numbers.ts';
import {
  type CommandResult,
  end,
  exitCodeOf,
  failureJson,
  printErrors,
  printJson,
} from './command-result.ts';
import { defaultOutput, type OutputFormat, outputIn } from './default-output.ts';
import { commandMessage, errorJson } from './error-json.ts';
import { closeOpened } from './opened-models.ts';
import { type Line, printed, progress, table } from './terminal.ts';
import { UsageError } from './usage-error.ts';
import { type ConfigOptions, configLines, withConfig } from './used-config.ts';

/** Options of a command that takes several models. */
interface SeveralOptions extends ConfigOptions {
  readonly output?: string;
  readonly format?: OutputFormat;
  readonly report?: string;
  readonly json?: boolean;
}

/** A command that takes several models. */
export interface ModelCommand<Options> {
  /** What it adds to the name of a result that goes beside its input; left out where it does not write, or not there. */
  readonly what?: string;
  /** What `-o` may be, for whoever leaves it out: `-o web`; left out where the command goes without. */
  readonly outputs?: string;
  /** What models become in a folder where `--format` is left out; that of each where this is too. */
  readonly format?: OutputFormat;
  /** Looks at the options before any model is read. */
  check?(options: Options): void;
  run(input: string, options: Options): Promise<CommandResult>;
}

/** Runs a command for the models that were named. With one, the output is that model's; with several a folder. */
export async function runModels<Options extends SeveralOptions>(
  given: readonly string[],
  options: Options,
  command: ModelCommand<Options>,
): Promise<void> {
  const inputs = given.flatMap(matchingNames);
  const [first = ''] = inputs;
  if (inputs.length < 2 && options.format === undefined) {
    return end(withOutput(options, outputOf(first, options, command)), (own) => command.run(first, own));
  }
  const { work, ownResults } = await withConfig(options, (own) => planned(inputs, own, command));
  const outcomes: Outcome[] = [];
  for (const [index, { input, options: own }] of work.entries()) {
    const subject = work.length < 2 ? '' : `[${index + 1}/${work.length}] ${path.basename(input)}`;
    progress.about(subject);
    const outcome = await outcomeOf(input, () => withConfig(own, (applied) => command.run(input, applied)));
    outcomes.push(outcome);
    if (options.json !== true) show(outcome, index);
    closeOpened();
  }
  progress.about('');
  if (options.json === true) await printJson(jsonOf(outcomes, ownResults), options);
  else {
    const lines = [...summaryOf(outcomes), ...ownResultLines(ownResults), ...configLines(options)];
    process.stdout.write(`\n${printed(lines)}\n`);
  }
  process.exitCode = outcomes.reduce((worst, { exitCode }) => Math.max(worst, exitCode), 0);
}

interface Outcome {
  readonly input: string;
  readonly exitCode: number;
  readonly result?: CommandResult;
  readonly error?: unknown;
}

interface Planned<Options> {
  readonly work: readonly { readonly input: string; readonly options: Options }[];
  /** Inputs that are results of this command, as `models/*.keras` finds them the second time, each with the model that it is of. */
  readonly ownResults: ReadonlyMap<string, string>;
}

/** What is to be done, once nothing speaks against all of it. */
function planned<Options extends SeveralOptions>(
  inputs: readonly string[],
  options: Options,
  command: ModelCommand<Options>,
): Planned<Options> {
  if (options.report !== undefined) {
    throw new UsageError('--report: a page is about one model; name one, or leave it out');
  }
  const all = inputs.map((input) => ({ input, output: outputAmong(input, options, command) }));
  const makers = new Map(all.flatMap(({ input, output }) => (output ? [[placeOf(output), input]] : [])));
  const ownResults = new Map(
    inputs.flatMap((input) => {
      const maker = makers.get(placeOf(input));
      return maker === undefined || placeOf(maker) === placeOf(input) ? [] : [[input, maker]];
    }),
  );
  const work = all.filter(({ input }) => !ownResults.has(input));
  const taken = new Map<string, string>();
  for (const { input, output } of work) {
    const place = placeOf(output ?? input);
    const other = taken.get(place);
    if (other !== undefined) {
      throw new UsageError(
        output === undefined
          ? `${input}: named twice`
          : `${other} and ${input}: both would be ${output}; give them other names, or do them one by one`,
      );
    }
    taken.set(place, input);
  }
  command.check?.(withOutput(options, work[0]?.output));
  if (options.output !== undefined) makeOutputFolder(options.output);
  return {
    work: work.map(({ input, output }) => ({ input, options: withOutput(options, output) })),
    ownResults,
  };
}

/** What two names of one model have in common. */
function placeOf(name: string): string {
  return path.resolve(name.replace(/[\\/]model\.json$/i, '')).toLowerCase();
}

function outputAmong<Options extends SeveralOptions>(
  input: string,
  options: Options,
  command: ModelCommand<Options>,
): string | undefined {
  const { output, format = command.format } = options;
  if (output === undefined && command.outputs !== undefined) {
    throw new UsageError('-o: several models need a folder that gets them; give one, such as -o ready');
  }
  return output === undefined ? outputOf(input, options, command) : outputIn(output, input, format);
}

/** Where the result of one model goes: where `-o` says, else beside it. */
function outputOf<Options extends SeveralOptions>(
  input: string,
  { output }: Options,
  { what, outputs }: ModelCommand<Options>,
): string | undefined {
  if (output === undefined && outputs !== undefined) {
    throw new UsageError(`-o: the result needs a name; give one, such as ${outputs}`);
  }
  return output ?? (what === undefined ? undefined : defaultOutput(input, what));
}

function withOutput<Options extends SeveralOptions>(options: Options, output: string | undefined): Options {
  return output === undefined ? options : { ...options, output };
}

function makeOutputFolder(output: string): void {
  if (isFolder(output)) return;
  if (fs.existsSync(output)) {
    throw new OutputError(output, 'is a file; with several models -o is a folder: name another');
  }
  makeFolder(output);
}

async function outcomeOf(input: string, run: () => Promise<CommandResult>): Promise<Outcome> {
  try {
    const result = await run();
    const [failure] = result.failures ?? [];
    return { input, result, exitCode: failure === undefined ? result.exitCode : exitCodeOf(failure) };
  } catch (error) {
    return { input, error, exitCode: exitCodeOf(error) };
  } finally {
    progress.clear();
  }
}

function show({ result, error }: Outcome, index: number): void {
  if (!result) {
    printErrors([error]);
    return;
  }
  process.stdout.write(`${index === 0 ? '' : '\n'}${printed(result.lines)}\n`);
  printErrors(result.failures ?? []);
}

function summaryOf(outcomes: readonly Outcome[]): Line[] {
  const failed = outcomes.filter(({ result }) => !result).length;
  const unsure = outcomes.filter(({ result, exitCode }) => result && exitCode !== 0).length;
  const counts = [
    count(outcomes.length, 'model'),
    ...(failed === 0 ? [] : [`${failed} failed`]),
    ...(unsure === 0 ? [] : [`${unsure} with a failed check`]),
  ];
  const rows = outcomes.map(({ input, result, error, exitCode }) => {
    if (!result) return [input, `failed: ${commandMessage(error)}`];
    const verdict = exitCode === 0 ? 'done' : 'a check failed';
    return [input, [verdict, ...(result.verdict === undefined ? [] : [result.verdict])].join(': ')];
  });
  return table([counts.join(', '), ''], rows);
}

function ownResultLines(ownResults: ReadonlyMap<string, string>): Line[] {
  return [...ownResults].map(([input, maker]) => `${input} left out: it is the result of ${maker}`);
}

function jsonOf(outcomes: readonly Outcome[], ownResults: ReadonlyMap<string, string>): object {
  return {
    schemaVersion: 1,
    ...(ownResults.size === 0 ? {} : { leftOut: [...ownResults.keys()] }),
    models: outcomes.map(({ input, result, error, exitCode }) => ({
      input,
      exitCode,
      result: result?.report ?? null,
      error: result ? failureJson(result) : errorJson(error),
    })),
  };
}
