/**
 * The search of the site, in the browser.
 *
 * @module
 */

import MiniSearch, { type SearchResult } from 'minisearch';
import type { Section } from '../guide.ts';

/** Results that are shown. */
const MOST = 40;
const EXCERPT = 220;

const input = document.querySelector<HTMLInputElement>('#q');
const list = document.querySelector('#results');
const status = document.querySelector('#found');

async function start(): Promise<void> {
  const response = await fetch('sections.json');
  if (!response.ok || !input) throw new TypeError(`sections.json: ${response.status}`);
  const sections: readonly Section[] = await response.json();
  const index = new MiniSearch<Section & { readonly id: number }>({
    fields: ['title', 'page', 'text'],
    storeFields: ['title', 'page', 'address', 'text', 'weight'],
    searchOptions: {
      boost: { title: 4, page: 2 },
      boostDocument: (_, __, stored) => Number(stored?.['weight'] ?? 1),
      prefix: true,
      // Short words and names with digits are near to many others: a ReLU6 is no ReLU.
      fuzzy: (term) => (term.length < 5 || /\d/.test(term) ? false : 0.15),
      weights: { fuzzy: 0.2, prefix: 0.5 },
      combineWith: 'AND',
    },
  });
  index.addAll(sections.map((section, id) => ({ ...section, id })));
  const show = (): void => {
    const found = index.search(input.value);
    list?.replaceChildren(...found.slice(0, MOST).map(itemOf));
    if (status) status.textContent = input.value.trim() === '' ? '' : countText(found.length);
  };
  input.value = new URLSearchParams(location.search).get('q') ?? '';
  input.addEventListener('input', show);
  show();
  input.focus();
}

function itemOf({ title, page, address, text, terms }: SearchResult): HTMLElement {
  const item = document.createElement('li');
  const link = document.createElement('a');
  link.href = address;
  link.textContent = title === page ? title : `${page}: ${title}`;
  const excerpt = document.createElement('p');
  excerpt.textContent = around(text, terms[0] ?? '');
  item.append(link, excerpt);
  return item;
}

/** The part of a text that has the word. */
function around(text: string, term: string): string {
  const at = Math.max(0, text.toLowerCase().indexOf(term) - EXCERPT / 3);
  const start = at === 0 ? 0 : text.indexOf(' ', at) + 1;
  const part = text.slice(start, start + EXCERPT);
  return `${start > 0 ? '\u2026 ' : ''}${part}${start + EXCERPT < text.length ? ' \u2026' : ''}`;
}

function countText(count: number): string {
  if (count === 0) return 'Nothing was found.';
  return count === 1 ? 'One part was found.' : `${count} parts were found.`;
}

start().catch((error: unknown) => {
  if (status) status.textContent = `The search does not work: ${String(error)}`;
});
