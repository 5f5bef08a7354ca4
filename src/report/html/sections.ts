/**
 * The parts of a report that are words.
 *
 * @module
 */

import { type Html, html } from './escape.ts';
import type { ReportBlock, ReportContent, ReportSection } from './report-content.ts';

/** Longer lists are folded up, with their number in the title. */
const OPEN_ITEMS = 8;

/** Names and values. */
export function factsList(facts: ReportContent['facts']): Html {
  return html`<dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** A section with a heading; none where it would be empty. */
export function reportSection({ title, blocks }: ReportSection): Html | undefined {
  if (blocks.length === 0) return undefined;
  return html`<section><h2>${title}</h2>
${blocks.map((block) => html`${blockOf(block)}\n`)}</section>
`;
}

function blockOf(block: ReportBlock): Html {
  switch (block.kind) {
    case 'text':
      return html`<p>${block.text}</p>`;
    case 'list': {
      const open = block.items.length <= OPEN_ITEMS ? html` open` : undefined;
      return html`<details${open}><summary>${block.title} (${block.items.length})</summary>
<ul>${block.items.map((item) => html`<li>${item}</li>`)}</ul></details>`;
    }
    case 'table':
      return plainTable(block);
  }
}

function plainTable({ header, rows, right }: Extract<ReportBlock, { readonly kind: 'table' }>): Html {
  const kind = (column: number): string => (right.includes(column) ? 'number' : 'text');
  const line = (row: readonly string[]): Html => {
    const [first = '', ...others] = row;
    return html`<tr><th scope="row">${first}</th>${others.map((cell, index) => html`<td class="${kind(index + 1)}">${cell}</td>`)}</tr>`;
  };
  return html`<div class="scroll" role="region" aria-label="${header.join(', ')}" tabindex="0"><table>
<thead><tr>${header.map((title, column) => html`<th scope="col" class="${kind(column)}">${title}</th>`)}</tr></thead>
<tbody>${rows.map(line)}</tbody></table></div>`;
}
