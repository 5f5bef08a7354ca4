/**
 * Options that several commands take, and how values of options are read.
 *
 * @module
 */

import { InvalidArgumentError, Option } from 'commander';
import { ROUNDINGS } from '../equalization/options.ts';
import { NORMALIZATIONS } from '../verification/inputs/normalization.ts';

/** Options of a command that writes a model. */
export interface OutputOptions {
  readonly output: string;
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

/** Where the model goes. */
export const outputOption = (
  name = '<out>',
  what = 'where the result goes; its ending decides the format',
): Option => new Option(`-o, --output ${name}`, what).makeOptionMandatory();

/** What is in the way is replaced. */
export const forceOption = (what = 'the output'): Option => new Option('--force', `overwrite ${what}`);

/** The result is printed for programs. */
export const jsonOption = (what = 'one JSON object'): Option => new Option('--json', `print ${what}`);

/** The result is written as a page too. */
export const reportOption = (): Option =>
  new Option(
    '--report <file>',
    'write a page about it too, an .html file with the channel ranges of all kernels',
  );

/** Side-cars are left alone. */
export const noSidecarOption = (what: string): Option => new Option('--no-sidecar', what);

/**
 * What models are run on.
 *
 * @param before the argument that has to stand before it, because it takes all names up to the next option
 * @param otherwise what is taken where it is left out
 */
export const inputsOption = (
  before: string,
  { verb = '', otherwise = 'made up from a seed if left out' }: { verb?: string; otherwise?: string } = {},
): Option =>
  new Option(
    '--inputs <path...>',
    `${verb}photographs or a folder of them, a .npz, or a .npy for each input; ${otherwise}; ` +
      `takes all names up to the next option, so ${before} before it`,
  );

/** What becomes of pixels before the model gets them. */
export const normalizeOption = (): Option =>
  new Option('--normalize <how>', 'what is done to pixels; guessed from the model if left out').choices(
    NORMALIZATIONS,
  );

/** @param madeUp how many samples are made up where it is left out and no inputs are given */
export const samplesOption = (madeUp: number): Option =>
  new Option(
    '--samples <count>',
    `how many samples: ${madeUp} if they are made up, else all of the inputs`,
  ).argParser(wholeNumber);

/** The labels of inputs that are given. */
export const labelsOption = (): Option =>
  new Option(
    '--labels <file>',
    'a .npy or .npz with the classes, as numbers or one-hot; the array labels, y or y_test of the inputs if left out',
  );

/** How kernels come onto the grid. */
export const roundingOption = (what: string): Option =>
  new Option('--rounding <how>', what).choices(ROUNDINGS);

/** Biases make up for nothing. */
export const noCorrectionOption = (): Option => new Option('--no-correction', 'leave biases as they are');

/** A whole number from 1. */
export function wholeNumber(text: string): number {
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
