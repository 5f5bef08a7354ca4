import { visible } from '../../text/visible.ts';

/** Markup that needs no more escaping. */
export interface Html {
  readonly html: string;
}

/** What a template takes: text is escaped, markup is not, and lists are joined. */
export type HtmlPart = string | number | Html | undefined | readonly HtmlPart[];

/** A template whose texts are escaped, in elements and in quoted attributes, and stand as {@link visible} lines. */
export function html(strings: TemplateStringsArray, ...parts: readonly HtmlPart[]): Html {
  return { html: strings.map((text, index) => text + markupOf(parts[index])).join('') };
}

/** The name of a layer, which may be broken where its parts meet. */
export function nameHtml(name: string): Html {
  const parts = name.split(/(?<=[_/.])(?=[^_/.])/);
  return html`${parts.map((part, index) => html`${index === 0 ? undefined : trusted('<wbr>')}${part}`)}`;
}

/** Takes `markup` as it is. */
export function trusted(markup: string): Html {
  return { html: markup };
}

/** Data for a `<script type="application/json">`, which nothing in it can end. */
export function jsonForScript(json: string): Html {
  return { html: json.replace(/[<\u2028\u2029]/g, (character) => `\\u${hex(character)}`) };
}

function hex(character: string): string {
  return character.charCodeAt(0).toString(16).padStart(4, '0');
}

function markupOf(part: HtmlPart): string {
  if (part === undefined) return '';
  if (typeof part === 'object') return 'html' in part ? part.html : part.map(markupOf).join('');
  return visible(String(part)).replace(/[&<>"']/g, (character) => ENTITIES.get(character) ?? character);
}

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
  ["'", '&#39;'],
]);
