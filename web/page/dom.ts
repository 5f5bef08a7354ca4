/**
 * Elements in a line each.
 *
 * @module
 */

import { visible } from 'crosslayer/report';

/** Attributes by name; true is the attribute without a value, false and undefined leave it out. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** What goes into an element. */
export type Child = Node | string;

/** An HTML element. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  setAttributes(made, attributes);
  made.append(...children.map(shown));
  return made;
}

/** Texts have names of files of strangers in them. */
function shown(child: Child): Child {
  return typeof child === 'string' ? visible(child) : child;
}

/** Makes `text` all that is in an element. */
export function setText(target: Element, text: string): void {
  target.textContent = visible(text);
}

/** An SVG element. */
export function svgElement<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[Tag] {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  setAttributes(made, attributes);
  made.append(...children.map(shown));
  return made;
}

/** Sets attributes, and takes those away that are false or undefined. */
export function setAttributes(target: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) target.removeAttribute(name);
    else target.setAttribute(name, value === true ? '' : String(value));
  }
}

/**
 * The element of the page with that id.
 *
 * @throws TypeError where index.html has none of that kind.
 */
export function byId<Kind extends Element>(id: string, kind: abstract new () => Kind): Kind {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new TypeError(`index.html has no ${kind.name} #${id}`);
}

/** A button that does something. */
export function button(text: string, act: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const made = element('button', { type: 'button', ...attributes }, ...breakable(text));
  made.addEventListener('click', () => {
    if (isEnabled(made)) act();
  });
  return made;
}

/** Whether a button does something now; a disabled one keeps the focus, and says so to screen readers. */
export function isEnabled(target: Element): boolean {
  return target.getAttribute('aria-disabled') !== 'true';
}

/** Makes a button do nothing, or something again. */
export function setEnabled(target: Element, enabled: boolean): void {
  setAttributes(target, { 'aria-disabled': enabled ? undefined : 'true' });
}

/** Until the browser has drawn what was changed; a tab that nobody sees is not drawn, and not waited for. */
export function drawn(): Promise<void> {
  return new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, 100);
  });
}

/** A list of sentences. */
export function list(sentences: readonly string[], attributes: Attributes = {}): HTMLUListElement {
  return element('ul', attributes, ...sentences.map((sentence) => element('li', {}, sentence)));
}

/** A list that unfolds, and is made then; `title` says how many there are. */
export function folded(title: string, sentences: readonly string[]): HTMLDetailsElement {
  const made = element('details', {}, element('summary', {}, title));
  made.addEventListener('toggle', () => made.append(list(sentences)), { once: true });
  return made;
}

/** A name that may be broken behind the marks that it is put together with; not in `(.h5)`, where none is before the mark. */
export function breakable(name: string): Child[] {
  return visible(name)
    .split(/(?<=\w[_/.-])/)
    .flatMap((part, index) => (index === 0 ? [part] : [element('wbr'), part]));
}
