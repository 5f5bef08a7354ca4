/**
 * A guide in Markdown as HTML, with what is found in it and what it links to.
 *
 * @module
 */

import { posix } from 'node:path';
import markdownIt from 'markdown-it';
import anchor from 'markdown-it-anchor';
import { placeOf, relativeAddress, weightOf } from './pages.ts';
import { type PlottedTable, plotOf, plotOverBits } from './plots.ts';

type Token = ReturnType<ReturnType<typeof markdownIt>['parse']>[number];

/** A part of a page that a search finds. */
export interface Section {
  readonly title: string;
  /** The page that it stands on. */
  readonly page: string;
  /** In the site, with `#` and the heading. */
  readonly address: string;
  readonly text: string;
  /** What it counts in a search. */
  readonly weight: number;
}

/** A guide as it stands in the site. */
export interface Guide {
  readonly title: string;
  readonly html: string;
  readonly sections: readonly Section[];
  /** Files of the repository that it links to or shows. */
  readonly files: readonly string[];
}

const markdown = markdownIt({ html: true, linkify: false }).use(anchor, { slugify });

/** The name that GitHub gives a heading, which links in the guides go by. */
function slugify(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');
}

/** @param options.plots whether tables of recipes are drawn too. */
export function renderGuide(file: string, text: string, options: { readonly plots: boolean }): Guide {
  const tokens = markdown.parse(text, {});
  const files = tokens.flatMap((token) => withLinks(file, token));
  const weight = weightOf(file);
  const sections = sectionsOf(placeOf(file), tokens).map((section) => ({ ...section, weight }));
  const drawn = options.plots ? withPlots(tokens) : tokens;
  const html = markdown.renderer
    .render(drawn, markdown.options, {})
    // What is wider than the page scrolls, by keys too.
    .replaceAll('<pre>', '<pre tabindex="0">')
    .replaceAll(/<th[^>]*><\/th>/g, '<td></td>')
    .replaceAll('<table>', '<div class="scroll" tabindex="0" role="group" aria-label="Table"><table>')
    .replaceAll('</table>', '</table></div>');
  return { title: sections[0]?.title ?? file, html, sections, files };
}

/** Turns links to files of the repository into those of the site; gives the files. */
function withLinks(file: string, token: Token): string[] {
  // The policy of the site forbids styles in attributes.
  if (token.attrGet('style') === 'text-align:right') token.attrs = [['class', 'number']];
  const found = (token.children ?? []).flatMap((child) => withLinks(file, child));
  for (const name of ['href', 'src']) {
    const address = token.attrGet(name);
    if (address === null || /^([a-z]+:|#)/i.test(address)) continue;
    const [path = '', heading] = address.split('#');
    const target = posix.join(posix.dirname(file), path);
    const linked = /\.[a-z0-9]+$|LICENSE$/i.test(target) ? target : `${target}/README.md`;
    const to = relativeAddress(placeOf(file), placeOf(linked));
    token.attrSet(name, heading === undefined ? to : `${to}#${heading}`);
    found.push(linked);
  }
  return found;
}

/** What stands below each heading, as text. */
function sectionsOf(place: string, tokens: readonly Token[]): Omit<Section, 'weight'>[] {
  const sections: { title: string; address: string; text: string }[] = [];
  for (const [index, token] of tokens.entries()) {
    if (token.type === 'heading_open') {
      const title = plainText(tokens[index + 1]);
      sections.push({ title, address: `${place}#${token.attrGet('id') ?? ''}`, text: '' });
    } else if (tokens[index - 1]?.type !== 'heading_open') {
      const last = sections.at(-1);
      if (last) last.text = `${last.text} ${plainText(token)}`.trim();
    }
  }
  const page = sections[0]?.title ?? place;
  return sections.map((section) => ({ ...section, page }));
}

function plainText(token: Token | undefined): string {
  if (!token) return '';
  if (token.type === 'fence' || token.type === 'code_block') return token.content;
  return (token.children ?? []).map(({ type, content }) => (type === 'softbreak' ? ' ' : content)).join('');
}

/** Behind each table that can be drawn its picture. */
function withPlots(tokens: readonly Token[]): Token[] {
  const all: Token[] = [];
  let heading = '';
  let begin = 0;
  const tables: PlottedTable[] = [];
  for (const [index, token] of tokens.entries()) {
    all.push(token);
    if (token.type === 'heading_open') heading = plainText(tokens[index + 1]);
    if (token.type === 'table_open') begin = index;
    if (token.type !== 'table_close') continue;
    const table = tableOf(heading, tokens.slice(begin, index));
    tables.push(table);
    all.push(...blockOf(plotOf(table)));
  }
  return [...all, ...blockOf(plotOverBits(tables))];
}

/** HTML as a token. */
function blockOf(html: string | undefined): Token[] {
  const [block] = html === undefined ? [] : markdown.parse('<div></div>', {});
  return block ? [Object.assign(block, { content: html })] : [];
}

function tableOf(title: string, tokens: readonly Token[]): PlottedTable {
  const rows: string[][] = [];
  for (const [index, token] of tokens.entries()) {
    if (token.type === 'tr_open') rows.push([]);
    if (token.type === 'th_open' || token.type === 'td_open') rows.at(-1)?.push(plainText(tokens[index + 1]));
  }
  const [head = [], ...body] = rows;
  return { title, head, rows: body };
}
