/**
 * Numbers as people read them.
 *
 * @module
 */

/** A number with three significant digits. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return value >= 1000 ? grouped(Math.round(value)) : String(Number(value.toPrecision(3)));
}

/** A number of any size with two significant digits: 0.031, 1.2e-6. */
export function small(value: number): string {
  const rounded = Number(value.toPrecision(2));
  return rounded !== 0 && Math.abs(rounded) < 1e-3 ? rounded.toExponential() : String(rounded);
}

/** A share as `93.8 %`; with more digits where it would look like all. */
export function percent(share: number): string {
  const digits = share > 0.9994 && share < 1 ? 3 : 1;
  return `${Number((100 * share).toFixed(digits))} %`;
}

/** A share with two digits, `0.0031 %`: what is too rare to be seen is no 0. */
export function tinyPercent(share: number): string {
  return share > 0 && share < 1e-5 ? '< 0.001 %' : `${small(100 * share)} %`;
}

/** A share with the digits that accuracies are compared by: on 2,000 samples one is 0.05 %. */
export function accuracyText(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

/** `38.9 dB`, `Infinity dB`; `-` where there is none. */
export function decibels(value: number | undefined): string {
  return value === undefined ? '-' : `${Number.isFinite(value) ? value.toFixed(1) : value} dB`;
}

/** `38.9 dB`; `equal` where nothing differs. */
export function sqnrText(sqnrDb: number): string {
  return sqnrDb === Infinity ? 'equal' : decibels(sqnrDb);
}

/** A whole number with its thousands apart; Intl would take longer to load than the number to be found. */
export function grouped(number: number): string {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 layer`, `2 layers`; `plural` where an s is not enough. */
export function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${grouped(number)} ${number === 1 ? noun : plural}`;
}

/** Bytes as `1.30 MB`, `426 kB`. */
export function byteText(bytes: number): string {
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(2)} MB`;
  return bytes >= 1e3 ? `${Math.round(bytes / 1e3)} kB` : `${bytes} bytes`;
}

/** All dimensions of an array as `[4, 32, ?]`; `?` where one is not known. */
export function dimensionsText(shape: readonly (number | null)[]): string {
  return `[${shape.map((dimension) => dimension ?? '?').join(', ')}]`;
}

/** A shape as `32 x 32 x 8`, the batch left out; `?` where a dimension is not known. */
export function shapeText(shape: readonly (number | null)[] | undefined): string {
  if (shape === undefined) return '?';
  const inner = shape.slice(1).map((dimension) => (dimension === null ? '?' : String(dimension)));
  return inner.length === 0 ? 'scalar' : inner.join(' x ');
}
