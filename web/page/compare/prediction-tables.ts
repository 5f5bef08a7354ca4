/**
 * Predictions of three models as tables.
 *
 * @module
 */

import { percent } from 'crosslayer/report';
import type { Comparison, TopClasses } from '../../protocol.ts';
import { breakable, button, element } from '../dom.ts';
import { className } from './picture-labels.ts';
import { tableOf } from './table.ts';
import type { Thumbnails } from './thumbnails.ts';

/** Rows before "show all". */
const FIRST = 30;

/** How close the two 8-bit models come to the float one. */
export function scoreTable({ plain, equalized, accuracy }: Comparison): HTMLElement {
  const hasLabels = accuracy !== null;
  const head = ['Model', 'Agreement', 'SQNR of the scores', ...(hasLabels ? ['Accuracy'] : [])];
  const row = (name: string, cells: readonly string[]): HTMLElement =>
    element(
      'tr',
      {},
      element('th', { scope: 'row' }, name),
      ...cells.map((cell) => element('td', { class: 'number' }, cell)),
    );
  const scores = (side: Comparison['plain']): string[] => [
    percent(side.agreement),
    Number.isFinite(side.sqnrDb) ? `${side.sqnrDb.toFixed(1)} dB` : 'no difference',
    ...(hasLabels ? [side.accuracy === null ? '' : percent(side.accuracy)] : []),
  ];
  return tableOf('Scores of the three models', head, [
    row('float', ['', '', ...(accuracy === null ? [] : [percent(accuracy)])]),
    row('plain 8 bit', scores(plain)),
    row('equalized 8 bit', scores(equalized)),
  ]);
}

/** What the models make of each picture, the first ones at first. */
export function pictureTable(
  { rows }: Comparison,
  names: readonly string[],
  thumbnails: Thumbnails,
): HTMLElement[] {
  const hasLabels = rows.some(({ label }) => label !== null);
  const head = ['Picture', ...(hasLabels ? ['Shows'] : []), 'Float', 'Plain 8 bit', 'Equalized 8 bit'];
  const drawn = rows.map((row, index) => pictureRow(row, { names, index, thumbnails }));
  const body = element('tbody', {}, ...drawn.slice(0, FIRST));
  const all = button(`Show all ${rows.length} pictures`, () => {
    body.append(...drawn.slice(FIRST));
    all.remove();
  });
  return [tableOf('Predictions for each picture', head, body), ...(rows.length > FIRST ? [all] : [])];
}

interface PictureContext {
  readonly names: readonly string[];
  readonly index: number;
  readonly thumbnails: Thumbnails;
}

function pictureRow(
  row: Comparison['rows'][number],
  { names, index, thumbnails }: PictureContext,
): HTMLElement {
  const picture = thumbnails.of(index, row.name);
  const right = row.float[0]?.index;
  const cell = (top: TopClasses, isReference: boolean): HTMLElement => {
    const [first] = top;
    if (!first) return element('td', {}, 'none');
    const differs = !isReference && first.index !== right;
    const wrong = row.label !== null && row.label !== first.index;
    return element(
      'td',
      { class: differs ? 'differs' : undefined },
      `${className(first.index, names)}, ${(100 * first.share).toFixed(1)}\u00a0%`,
      ...(differs ? [element('span', { class: 'remark' }, 'differs from float')] : []),
      ...(wrong ? [element('span', { class: 'remark' }, 'wrong')] : []),
    );
  };
  return element(
    'tr',
    {},
    element(
      'th',
      { scope: 'row', class: 'picture' },
      ...(picture ? [picture] : []),
      element('span', {}, ...breakable(row.name)),
    ),
    ...(row.label === null ? [] : [element('td', {}, className(row.label, names))]),
    cell(row.float, true),
    cell(row.plain, false),
    cell(row.equalized, false),
  );
}
