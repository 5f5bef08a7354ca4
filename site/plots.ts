/**
 * Tables of what was measured, drawn: a row for each recipe or layer, a dot for each column.
 *
 * @module
 */

import { dot, plot } from '@observablehq/plot';
import { parseHTML } from 'linkedom';

/** A table as texts. */
export interface PlottedTable {
  /** What stands above it. */
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Dots of one colour. */
export interface Series {
  readonly name: string;
  /** One for each row; undefined where there is none. */
  readonly values: readonly (number | undefined)[];
}

const WIDTH = 860;
/** Of a letter of a name. */
const LETTER_WIDTH = 6.8;
const ROW_HEIGHT = 20;

/** More than these are not told apart by their colours. */
const MOST_SERIES = 5;

const UNITS = [
  ['dB', /(-?\d+(?:\.\d+)?) dB/, 'SQNR in dB'],
  ['%', /(\d+(?:\.\d+)?) %/, 'right, in %'],
] as const;

/** The picture of a table of recipes, in the unit that most of its columns have; undefined where nothing can be drawn. */
export function plotOf({ title, head, rows }: PlottedTable): string | undefined {
  if (rows.length < 3 || !/^(recipe|the example)$/.test(head[0] ?? '')) return undefined;
  for (const [, pattern, label] of UNITS) {
    const series = head.flatMap((name, column): Series[] => {
      const values = rows.map((row) => numberIn(row[column], pattern));
      // What was not rounded is at 100 dB and more, far from all others.
      return column > 0 && !/in float|clipping/.test(name) && values.some((value) => value !== undefined)
        ? [{ name, values }]
        : [];
    });
    if (series.length > 0) {
      const names = rows.map(([name = '']) => name);
      return dotPlot({ title, label, names, series: series.slice(0, MOST_SERIES) });
    }
  }
  return undefined;
}

/** The rows of bits in tables of whole-integer models, of all networks in one picture; undefined where there are none. */
export function plotOverBits(tables: readonly PlottedTable[]): string | undefined {
  const networks = tables.flatMap(({ title, head, rows }) => {
    const [, network] = /^(.*): on integers$/.exec(title) ?? [];
    const column = head.indexOf('without data');
    const six = rows.findIndex(([recipe]) => recipe?.endsWith('kernels of 6 bits'));
    // The row before has the same recipe with 8 bits, the one behind with 4.
    const values = [six - 1, six, six + 1].map((row) => numberIn(rows[row]?.[column], UNITS[0][1]));
    return network === undefined || six < 1 ? [] : [{ network, values }];
  });
  if (networks.length === 0) return undefined;
  const title = 'Fewer bits, of all networks';
  const plotted = dotPlot({
    title,
    label: 'SQNR in dB',
    names: networks.map(({ network }) => network),
    series: ['8 bits', '6 bits', '4 bits'].map((name, bits) => ({
      name,
      values: networks.map(({ values }) => values[bits]),
    })),
  });
  return `<h2 id="fewer-bits-of-all-networks">${title}</h2>
<p>Whole-integer models without data, with a scale for each channel and rounding that cancels: what is left with kernels of 8, 6 and 4 bits, from the tables above.</p>
${plotted}`;
}

function numberIn(cell: string | undefined, pattern: RegExp): number | undefined {
  const [, number] = pattern.exec(cell ?? '') ?? [];
  return number === undefined ? undefined : Number(number);
}

/** A figure with a dot for each value. */
export function dotPlot({
  title,
  label,
  names,
  series,
}: {
  readonly title: string;
  readonly label: string;
  readonly names: readonly string[];
  readonly series: readonly Series[];
}): string {
  const { document } = parseHTML('<html><body></body></html>');
  const drawn = plot({
    document,
    className: 'plot',
    width: WIDTH,
    height: names.length * ROW_HEIGHT + 55,
    marginLeft: 20 + LETTER_WIDTH * names.reduce((most, { length }) => Math.max(most, length), 0),
    marginTop: 10,
    marginBottom: 45,
    x: { label, labelOffset: 40, grid: true, nice: true },
    // Rows of one table may have the same name.
    y: {
      domain: names.map((_, row) => row),
      type: 'band',
      label: null,
      tickFormat: (row: number) => names[row] ?? '',
      tickSize: 0,
    },
    marks: [
      ...series.map(({ values }, index) =>
        dot(
          values.flatMap((value, row) => (value === undefined ? [] : [{ value, row }])),
          { x: 'value', y: 'row', r: 4, className: `series-${index}`, title: ({ value }) => String(value) },
        ),
      ),
    ],
  });
  // The page allows no styles but those of its own file.
  for (const style of drawn.querySelectorAll('style')) style.remove();
  for (const styled of drawn.querySelectorAll('[style]')) styled.removeAttribute('style');
  // It is one picture: its parts are not read aloud.
  for (const part of drawn.querySelectorAll('[aria-label]')) part.removeAttribute('aria-label');
  drawn.setAttribute('role', 'img');
  drawn.setAttribute('aria-label', `${title}: ${label}, of each row of the table`);
  const legend = series
    .map(({ name }, index) => `<li class="series-${index}">${escaped(name)}</li>`)
    .join('');
  return `<figure class="plotted"><ul class="legend">${legend}</ul><div class="scroll" tabindex="0" role="group" aria-label="Plot">${drawn.outerHTML}</div></figure>\n`;
}

/** A text as HTML. */
export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
