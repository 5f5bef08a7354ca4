/**
 * The map: every layer in a row, with its lanes and its spread, in a list that keys move through.
 *
 * @module
 */

import { count, type MapLayer } from 'crosslayer/report';
import { byId, drawn, element, setAttributes, setText } from '../dom.ts';
import { hasChanged, type MapSide, type State } from '../state.ts';
import { laneDrawing, laneSpacing } from './lane-drawing.ts';
import { assignLanes, laneCount, type RowLanes } from './lanes.ts';
import { spreadMark } from './spread-mark.ts';
import { spreadSentence, spreadText } from './spread-scale.ts';

/** Rows that PageUp and PageDown move by. */
const PAGE = 10;

/** Rows that are made in one task, so that none of a large model takes long. */
const AT_A_TIME = 40;

/** A row as it stands on the page. */
interface Row {
  readonly entry: MapLayer;
  readonly option: HTMLElement;
  readonly spread: HTMLElement;
}

/** Spreads by the paths of layers. */
type Spreads = ReadonlyMap<string, number>;

/** What the list leads to. */
export interface MapActions {
  choose(layer: string): void;
  look(side: MapSide): void;
}

/** The list of layers. */
export class LayerMap {
  readonly #list = byId('map', HTMLElement);
  readonly #filter = byId('filter', HTMLInputElement);
  readonly #count = byId('map-count', HTMLElement);
  readonly #sides = byId('map-side', HTMLFieldSetElement);
  readonly #choose: (layer: string) => void;
  #rows: readonly Row[] = [];
  /** Rows that are made and not shown yet, with the layers that they are of. */
  #prepared: { readonly map: readonly MapLayer[]; readonly rows: readonly Row[] } | undefined;
  #shown: readonly Row[] = [];
  #current = 0;

  constructor({ choose, look }: MapActions) {
    this.#choose = choose;
    this.#sides.addEventListener('change', () => {
      look(this.#sides.querySelector<HTMLInputElement>('[value=after]')?.checked ? 'after' : 'before');
    });
    this.#filter.addEventListener('input', () => this.#applyFilter());
    this.#list.addEventListener('keydown', (event) => this.#onKey(event));
    this.#list.addEventListener('click', (event) => {
      const option = event.target instanceof Element ? event.target.closest('[role=option]') : null;
      const row = this.#rows.find((one) => one.option === option);
      if (row) this.#chooseRow(row);
    });
  }

  /** Makes the rows of a model that is to be shown, in several tasks. */
  async prepare(map: readonly MapLayer[]): Promise<void> {
    const make = rowMaker(map);
    const rows: Row[] = [];
    for (const [index, entry] of map.entries()) {
      if (index > 0 && index % AT_A_TIME === 0) await drawn();
      rows.push(make(entry, index));
    }
    this.#prepared = { map, rows };
  }

  /** Shows the layers of a model with their spreads before or after, and which one is chosen. */
  render(state: State, before: State | undefined): void {
    const { opened, equalized, side, layer } = state;
    const isNew = hasChanged(state, before, 'opened');
    if (isNew && opened) this.#show(opened.map);
    if (isNew || hasChanged(state, before, 'equalized', 'side')) {
      this.#setSpreads(side === 'after' && equalized ? new Map(equalized.spreads) : undefined);
      this.#sides.hidden = !equalized;
      for (const input of this.#sides.querySelectorAll('input')) input.checked = input.value === side;
    }
    if (isNew || hasChanged(state, before, 'layer')) this.#select(layer);
  }

  #show(map: readonly MapLayer[]): void {
    this.#rows = this.#prepared?.map === map ? this.#prepared.rows : map.map(rowMaker(map));
    this.#prepared = undefined;
    this.#filter.value = '';
    this.#applyFilter();
  }

  /** Shows other spreads than those of the model that was opened; undefined for those again. */
  #setSpreads(spreads: Spreads | undefined): void {
    for (const { entry, option, spread } of this.#rows) {
      const value = entry.spread === null ? undefined : (spreads?.get(entry.layer) ?? entry.spread);
      spread.replaceChildren(...(value === undefined ? [] : spreadParts(value)));
      setAttributes(option, {
        title: value === undefined ? undefined : `Spread: ${spreadSentence(value)}`,
      });
    }
  }

  #select(layer: string | undefined): void {
    for (const { entry, option } of this.#rows) {
      option.setAttribute('aria-selected', String(entry.layer === layer));
    }
    const index = this.#shown.findIndex(({ entry }) => entry.layer === layer);
    if (index >= 0) this.#setCurrent(index);
  }

  #chooseRow(row: Row): void {
    this.#setCurrent(this.#shown.indexOf(row));
    this.#choose(row.entry.layer);
  }

  #applyFilter(): void {
    const wanted = this.#filter.value.trim().toLowerCase();
    this.#shown = this.#rows.filter(({ entry }) =>
      `${entry.layer} ${entry.className}`.toLowerCase().includes(wanted),
    );
    this.#list.classList.toggle('filtered', wanted !== '');
    this.#list.replaceChildren(...this.#shown.map(({ option }) => option));
    const all = count(this.#rows.length, 'layer');
    this.#list.hidden = this.#shown.length === 0;
    setText(this.#count, countText(this.#shown.length, all, wanted));
    const selected = this.#shown.findIndex(({ option }) => option.getAttribute('aria-selected') === 'true');
    this.#setCurrent(Math.max(0, selected));
  }

  /** The one row that the Tab key reaches. */
  #setCurrent(index: number): void {
    for (const { option } of this.#rows) if (option.tabIndex === 0) option.tabIndex = -1;
    this.#current = index;
    const row = this.#shown[index];
    if (row) row.option.tabIndex = 0;
  }

  #onKey(event: KeyboardEvent): void {
    const row = this.#shown[this.#current];
    if (row && (event.key === 'Enter' || event.key === ' ')) this.#chooseRow(row);
    else {
      const next = nextIndex(event.key, this.#current, this.#shown.length);
      if (next === undefined) return;
      this.#setCurrent(next);
      this.#shown[next]?.option.focus();
    }
    event.preventDefault();
  }
}

/** Where a key leads in a list; undefined for other keys. */
export function nextIndex(key: string, current: number, length: number): number | undefined {
  const moves: ReadonlyMap<string, number> = new Map([
    ['ArrowDown', current + 1],
    ['ArrowUp', current - 1],
    ['PageDown', current + PAGE],
    ['PageUp', current - PAGE],
    ['Home', 0],
    ['End', length - 1],
  ]);
  const next = moves.get(key);
  return next === undefined ? undefined : Math.max(0, Math.min(length - 1, next));
}

function countText(shown: number, all: string, wanted: string): string {
  if (wanted === '') return all;
  return shown === 0 ? `None of ${all} has '${wanted}' in its name or class.` : `${shown} of ${all}`;
}

/** Makes rows with the lanes of a model. */
function rowMaker(map: readonly MapLayer[]): (entry: MapLayer, index: number) => Row {
  const lanes = assignLanes(map.map(({ reads }) => reads));
  const spacing = laneSpacing(laneCount(lanes));
  const width = spacing * laneCount(lanes);
  return (entry, index) => rowOf(entry, index, lanes[index], width, spacing);
}

function rowOf(
  entry: MapLayer,
  index: number,
  lanes: RowLanes | undefined,
  width: number,
  spacing: number,
): Row {
  const spread = element('span', { class: 'row-spread' });
  const option = element(
    'div',
    { role: 'option', id: `layer-${index}`, tabindex: -1, 'aria-selected': 'false', class: 'row' },
    ...(lanes ? [laneDrawing(lanes, width, spacing)] : []),
    element('span', { class: 'row-name' }, entry.layer),
    ' ',
    element('span', { class: 'row-class' }, entry.className),
    ' ',
    element('span', { class: 'row-shape' }, entry.shape),
    ' ',
    spread,
  );
  return { entry, option, spread };
}

/** The mark with its number, which screen readers hear a word before. */
function spreadParts(spread: number): (Node | string)[] {
  return [spreadMark(spread), element('span', { class: 'visually-hidden' }, 'spread '), spreadText(spread)];
}
