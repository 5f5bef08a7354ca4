/**
 * The table of layers that hurt.
 *
 * @module
 */

import type { DamageReport } from 'crosslayer/report';
import type { Damage } from '../../protocol.ts';
import { button, byId, element, list, svgElement } from '../dom.ts';
import { type SelectTexts, selectField } from '../fields.ts';
import { hasChanged, type KnownDamage, type State } from '../state.ts';
import {
  type DamageRow,
  damageRows,
  improvementText,
  type RankedBy,
  type RankedKind,
  type Ranking,
} from './damage-rows.ts';

/** Rows before "show all". */
const FIRST = 15;
const BAR_WIDTH = 100;

const COLUMNS = [
  ['Layer', ''],
  ['Share as it is', 'number share-cell'],
  ['Share equalized', 'number share-cell'],
  ['Change', 'number'],
  ['SQNR as it is', 'number sqnr-cell'],
  ['SQNR equalized', 'number sqnr-cell'],
  ['Error', 'bars-cell'],
] as const;

const KINDS: SelectTexts<RankedKind> = [
  ['all', 'kernels and tensors'],
  ['kernels', 'kernels'],
  ['tensors', 'tensors: results of layers'],
];

const ORDERS: SelectTexts<RankedBy> = [
  ['damage-before', 'error as it is'],
  ['damage-after', 'error equalized'],
  ['sqnr-before', 'SQNR of kernels as it is'],
  ['sqnr-after', 'SQNR of kernels equalized'],
];

/** What the section leads to. */
export interface DamageActions {
  /** Called with the layer of a row. */
  choose(layer: string): void;
  rank(part: Partial<Ranking>): void;
}

/** The section of layers that hurt. */
export class DamageView {
  readonly #choose: (layer: string) => void;
  readonly #kind = selectField('ranked-kind', 'Rank', KINDS, (kind) => this.#rank({ kind }));
  readonly #by = selectField('ranked-by', 'by', ORDERS, (by) => this.#rank({ by }));
  readonly #fields = element('div', { class: 'inline-fields' }, this.#kind.element, this.#by.element);
  readonly #rank: (part: Partial<Ranking>) => void;
  readonly #content = element('div', { id: 'damage-content' });

  constructor({ choose, rank }: DamageActions) {
    this.#choose = choose;
    this.#rank = rank;
    byId('damage', HTMLElement).append(this.#fields, this.#content);
  }

  /** Shows the table, or why there is none. */
  render(state: State, before: State | undefined): void {
    if (!hasChanged(state, before, 'damage', 'ranking')) return;
    const { damage, ranking } = state;
    this.#kind.show(ranking.kind);
    this.#by.show(ranking.by);
    this.#fields.hidden = damage.kind !== 'known' || damage.report.layers.length === 0;
    this.#content.replaceChildren(
      ...(damage.kind === 'known'
        ? tableParts(damage, ranking, this.#choose)
        : [element('p', { class: 'placeholder' }, sentenceOf(damage))]),
    );
  }
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

function tableParts(damage: Damage, ranking: Ranking, choose: (layer: string) => void): HTMLElement[] {
  const { report } = damage;
  const rows = damageRows(damage, ranking);
  const body = element('tbody', {}, ...rows.slice(0, FIRST).map((row) => rowOf(row, choose)));
  const more = rows.slice(FIRST);
  const all = button(`Show all ${rows.length}`, () => {
    const added = more.map((row) => rowOf(row, choose));
    body.append(...added);
    all.remove();
    added[0]?.querySelector('button')?.focus();
  });
  return [
    ...(report.layers.length === 0 ? [] : [element('p', {}, improvementText(report))]),
    ...(rows.length === 0 ? [] : [tableOf(body, report, ranking)]),
    ...(more.length === 0 ? [] : [all]),
    ...(report.notes.length === 0 ? [] : [list(report.notes, { class: 'soft' })]),
  ];
}

function tableOf(body: HTMLTableSectionElement, { target }: DamageReport, { by }: Ranking): HTMLElement {
  return element(
    'div',
    { class: 'scroll', role: 'region', 'aria-label': 'Table of layers that hurt', tabindex: 0 },
    element(
      'table',
      // Of a phone it has the columns that it is ranked by.
      { class: by.startsWith('sqnr') ? 'damage-table by-sqnr' : 'damage-table' },
      element(
        'caption',
        {},
        `For ${target}. Shares are of the whole error on that side. SQNR is that of the kernel itself: the fewer dB, the larger its error. Bars are the error, `,
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
          ...COLUMNS.map(([title, kind]) => element('th', { scope: 'col', class: kind }, title)),
        ),
      ),
      body,
    ),
  );
}

function rowOf(
  { layer, name, remedy, before, after, change, sqnr, bars }: DamageRow,
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
    ...[before, after, change, sqnr.before, sqnr.after].map((cell, index) =>
      element('td', { class: COLUMNS[index + 1]?.[1] }, cell ?? ''),
    ),
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
