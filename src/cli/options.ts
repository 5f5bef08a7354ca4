import { InvalidArgumentError, Option } from 'commander';
import { NORMALIZATIONS } from '../verification/inputs/normalization.ts';

/** What `--report` is, wherever it is taken. */
export const REPORT_HELP = 'write a page about it too, an .html file with the channel ranges of all kernels';

/** The labels of inputs that are given. */
export const labelsOption = (): Option =>
  new Option(
    '--labels <file>',
    'a .npy or .npz with the classes, as numbers or one-hot; the array labels, y or y_test of the inputs if left out',
  );

/** What becomes of pixels before the model gets them. */
export const normalizeOption = (): Option =>
  new Option('--normalize <how>', 'what is done to pixels; guessed from the model if left out').choices(
    NORMALIZATIONS,
  );

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
