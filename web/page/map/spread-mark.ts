/**
 * The mark of a spread, whose length says what its colour says, and the legend.
 *
 * @module
 */

import { element, svgElement } from '../dom.ts';
import { levelText, SPREAD_LEVELS, spreadLevel } from './spread-scale.ts';

const SIZE = { cell: 5, height: 12 } as const;

/** A bar of as many cells as the spread has levels. */
export function spreadMark(spread: number): SVGSVGElement {
  return levelMark(spreadLevel(spread) ?? SPREAD_LEVELS - 1);
}

/** What the marks mean. */
export function showSpreadLegend(target: HTMLElement): void {
  const levels = Array.from({ length: SPREAD_LEVELS }, (_, level) =>
    element('li', {}, levelMark(level), levelText(level)),
  );
  target.replaceChildren(
    element('p', {}, 'Spread; each step costs the middle channel one more of its 8 bits:'),
    element('ul', {}, ...levels),
  );
}

function levelMark(level: number): SVGSVGElement {
  const { cell, height } = SIZE;
  const width = SPREAD_LEVELS * cell;
  return svgElement(
    'svg',
    {
      class: 'mark',
      width: width + 2,
      height,
      viewBox: `-1 0 ${width + 2} ${height}`,
      'aria-hidden': 'true',
    },
    svgElement('rect', { class: 'mark-track', x: -0.5, y: 0.5, width: width + 1, height: height - 1 }),
    svgElement('rect', {
      class: `level-${level}`,
      x: 0,
      y: 1,
      width: (level + 1) * cell,
      height: height - 2,
    }),
  );
}
