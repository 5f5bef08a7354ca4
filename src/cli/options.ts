/**
 * Options that several commands take, and how values of options are read.
 *
 * @module
 */

import { type Command, InvalidArgumentError, Option } from 'commander';
import { NORMALIZATIONS } from '../verification/inputs/normalization.ts';
import type { OutputFormat } from './default-output.ts';
import { group, OUTPUT } from './help.ts';

/** Options of a command that writes a model. */
export interface OutputOptions {
  readonly output: string;
  /** What several models become in the folder that is the output. */
  readonly format?: OutputFormat;
  readonly force?: boolean;
}

/** Options of a command whose result can also be had as a page and as JSON. */
export interface ReportOptions {
  /** The page that tells what was done. */
  readonly report?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** Options of a command that proves what it did. */
export interface ProofOptions {
  /** False with `--no-verify`. */
  readonly verify?: boolean;
  readonly strict?: boolean;
}

/** A command with these options, in this order. */
export function withOptions(command: Command, options: readonly Option[]): Command {
  return options.reduce((made, option) => made.addOption(option), command);
}

/** An option that takes one of some names. */
export function choiceOption(flags: string, what: string, names: readonly string[]): Option {
  return new Option(flags, what).choices(names);
}

/** The script with the classes of layers that TF.js lacks. */
export function layersScriptOption(): Option {
  return new Option(
    '--layers-script',
    'write crosslayer-layers.js beside a model for TF.js, with classes for the layers that TF.js lacks',
  );
}

/** Where the model goes. */
export function outputOption(what = 'where the result goes; its ending decides the format'): Option {
  return new Option('-o, --output <out>', what).argParser(notEmpty).helpGroup(OUTPUT);
}

/** What several models are written as. */
export function formatOption(formats: readonly OutputFormat[], otherwise?: string): Option {
  const left = otherwise === undefined ? '' : ` (${otherwise})`;
  return choiceOption(
    '--format <format>',
    `what models become in the folder of -o${left}; with it one model goes into the folder too`,
    formats,
  );
}

function notEmpty(text: string): string {
  if (text !== '') return text;
  throw new InvalidArgumentError('It is empty; name a file or a folder.');
}

/** The result is printed for programs. */
export function jsonOption(what = 'one JSON object'): Option {
  return new Option('--json', `print ${what}`).helpGroup(OUTPUT);
}

/** The result is also written as a page, and as JSON; what is in the way is replaced. */
export function reportOptions(replaced: string, what?: string): Option[] {
  return group(OUTPUT, [
    new Option(
      '--report <file>',
      'write an .html page about it too; it has the channel ranges of all kernels',
    ),
    new Option('--force', `overwrite ${replaced}`),
    jsonOption(what),
  ]);
}

/** What models are run on, and how the command says so. */
interface InputHelp {
  /** What has to come before `--inputs`, which takes all names up to the next option: `<in> stands`. */
  readonly before: string;
  /** How many samples are made up. */
  readonly madeUp: number;
  readonly verb?: string;
  /** What is taken where `--inputs` is left out. */
  readonly otherwise?: string;
  /** Whether it has a use for labels. */
  readonly labels?: boolean;
}

/** What models are run on. */
export function inputOptions({ before, madeUp, verb = '', otherwise, labels }: InputHelp): Option[] {
  const inputs =
    `${verb}photographs or a folder of them, a .npz, or a .npy for each input; ` +
    `${otherwise ?? 'made up from a seed if left out'}; takes all names up to the next option; ${before} before it`;
  return group('Inputs:', [
    new Option('--inputs <path...>', inputs),
    ...(labels === true ? [LABELS] : []),
    choiceOption(
      '--normalize <how>',
      'what is done to pixels; guessed from the model if left out',
      NORMALIZATIONS,
    ),
    new Option(
      '--samples <count>',
      `how many samples; ${madeUp} if they are made up, else all of the inputs`,
    ).argParser(wholeNumber),
  ]);
}

const LABELS = new Option(
  '--labels <file>',
  'the classes in a .npy or .npz; as numbers or one-hot; the array labels, y or y_test of the inputs if left out',
);

/** Biases are left as they are. */
export const NO_CORRECTION: Option = new Option('--no-correction', 'leave biases as they are');

/** The entries that are defined: an option that was left out is none. */
export function defined<Options extends object>(
  options: Options,
): { [Key in keyof Options]?: Exclude<Options[Key], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}

/** A whole number from 1. */
function wholeNumber(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 1.');
}

/** A number from 0. */
export function tolerance(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (value >= 0 && value < Infinity) return value;
  throw new InvalidArgumentError('It must be a number from 0, such as 1e-4.');
}

const UNITS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['b', 1],
  ['kb', 1e3],
  ['mb', 1e6],
  ['gb', 1e9],
  ['kib', 2 ** 10],
  ['mib', 2 ** 20],
  ['gib', 2 ** 30],
]);

/** Bytes from `3MB`, `512 KiB`, `100000`. */
export function byteSize(text: string): number {
  const [, number = '', unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? [];
  const factor = UNITS.get(unit.toLowerCase());
  const bytes = Math.floor(Number(number) * (factor ?? 0));
  if (bytes >= 1 && Number.isSafeInteger(bytes)) return bytes;
  throw new InvalidArgumentError('It must be a size such as 4MiB, 500kB or 3MB.');
}
