/**
 * The table of layers that hurt.
 *
 * @module
 */

import type { DamageReport } from 'crosslayer/report';
import { button, byId, element, list, svgElement } from '../dom.ts';
import type { KnownDamage } from '../state.ts';
import { type DamageRow, damageRows, improvementText } from './damage-rows.ts';

/** Rows before "show all". */
const FIRST = 15;
const BAR_WIDTH = 100;
const COLUMNS = ['', 'number', 'number', 'number', 'bars-cell'] as const;

/** Shows the table, or why there is none; `choose` is called with the layer of a row. */
export function showDamage(damage: KnownDamage, choose: (layer: string) => void): void {
  if (damage.kind === 'known') showTable(damage.report, choose);
  else showSentence(sentenceOf(damage));
}

function sentenceOf(damage: Exclude<KnownDamage, { kind: 'known' }>): string {
  switch (damage.kind) {
    case 'none':
      return '';
    case 'waiting':
      return 'Looking at what each layer does\u2026';
    case 'unknown':
      return damage.reason;
  }
}

function showTable(report: DamageReport, choose: (layer: string) => void): void {
  const rows = damageRows(report);
  const body = element('tbody', {}, ...rows.slice(0, FIRST).map((row) => rowOf(row, choose)));
  const more = rows.slice(FIRST);
  const all = button(`Show all ${rows.length}`, () => {
    const added = more.map((row) => rowOf(row, choose));
    body.append(...added);
    all.remove();
    added[0]?.querySelector('button')?.focus();
  });
  byId('damage', HTMLElement).replaceChildren(
    ...(rows.length === 0 ? [] : [element('p', {}, improvementText(report)), tableOf(body, report)]),
    ...(more.length === 0 ? [] : [all]),
    ...(report.notes.length === 0 ? [] : [list(report.notes, { class: 'soft' })]),
  );
}

/** Says something in place of the table. */
function showSentence(sentence: string): void {
  byId('damage', HTMLElement).replaceChildren(element('p', { class: 'placeholder' }, sentence));
}

function tableOf(body: HTMLTableSectionElement, { target, tensors }: DamageReport): HTMLElement {
  const head = ['Layer', 'Share as it is', 'Share equalized', 'Change', 'Damage'];
  return element(
    'div',
    { class: 'scroll', role: 'region', 'aria-label': 'Table of layers that hurt', tabindex: 0 },
    element(
      'table',
      { class: 'damage-table' },
      element(
        'caption',
        {},
        `${tensors.length === 0 ? 'Kernels' : 'Kernels and tensors'} that hurt most first, for ${target}. Shares are of all together on that side; bars are the damage itself, `,
        element('span', { class: 'key before' }, 'as it is'),
        ' above ',
        element('span', { class: 'key after' }, 'equalized'),
        '.',
      ),
      element(
        'thead',
        {},
        element(
          'tr',
          {},
          ...head.map((title, column) => element('th', { scope: 'col', class: COLUMNS[column] }, title)),
        ),
      ),
      body,
    ),
  );
}

function rowOf(
  { layer, name, remedy, before, after, change, bars }: DamageRow,
  choose: (layer: string) => void,
): HTMLElement {
  return element(
    'tr',
    {},
    element(
      'th',
      { scope: 'row' },
      button(name, () => choose(layer), { class: 'link' }),
      ...(remedy === '' ? [] : [element('div', { class: 'soft' }, remedy)]),
    ),
    element('td', { class: 'number' }, before ?? ''),
    element('td', { class: 'number' }, after ?? ''),
    element('td', { class: 'number' }, change),
    element('td', { class: 'bars-cell' }, barsOf(bars)),
  );
}

function barsOf({ before, after }: DamageRow['bars']): SVGSVGElement {
  const bar = (share: number, y: number, kind: string): SVGRectElement =>
    svgElement('rect', { class: `bar ${kind}`, x: 0, y, width: Math.max(0.5, share * BAR_WIDTH), height: 6 });
  return svgElement(
    'svg',
    { class: 'bars', viewBox: `0 0 ${BAR_WIDTH} 16`, width: BAR_WIDTH, height: 16, 'aria-hidden': 'true' },
    bar(before, 1, 'before'),
    bar(after, 9, 'after'),
  );
}
