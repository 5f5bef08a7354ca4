import { element } from '../dom.ts';

/** A table that scrolls where it is wider than the page. */
export function tableOf(
  label: string,
  head: readonly string[],
  body: HTMLElement | readonly HTMLElement[],
): HTMLElement {
  const rows = body instanceof HTMLElement ? body : element('tbody', {}, ...body);
  const titles = head.map((title) => element('th', { scope: 'col' }, title));
  return element(
    'div',
    { class: 'scroll', role: 'region', 'aria-label': label, tabindex: 0 },
    element('table', {}, element('thead', {}, element('tr', {}, ...titles)), rows),
  );
}
