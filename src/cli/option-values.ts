import { InvalidArgumentError } from 'commander';

/** What `--report` is, wherever it is taken. */
export const REPORT_HELP = 'write a page about it too, an .html file with the channel ranges of all kernels';

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
