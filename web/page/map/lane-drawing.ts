/**
 * The lanes of a row as SVG.
 *
 * @module
 */

import { svgElement } from '../dom.ts';
import { lanePath, laneX, type RowLanes } from './lanes.ts';

/** The height of a row, which layers.css has in units of the font. */
const ROW_HEIGHT = 44;
/** Many lanes move closer together, so that names have room. */
const WIDEST = 108;
const SPACING = 16;

/** How far apart so many lanes lie. */
export function laneSpacing(lanes: number): number {
  return Math.min(SPACING, WIDEST / lanes);
}

/** Lines and the dot of a row. */
export function laneDrawing(row: RowLanes, width: number, spacing: number): SVGSVGElement {
  const geometry = { height: ROW_HEIGHT, spacing };
  return svgElement(
    'svg',
    {
      class: 'lanes',
      width,
      height: ROW_HEIGHT,
      viewBox: `0 0 ${width} ${ROW_HEIGHT}`,
      'aria-hidden': 'true',
    },
    svgElement('path', { class: 'lane-lines', d: lanePath(row, geometry) }),
    svgElement('circle', { class: 'lane-dot', cx: laneX(row.lane, geometry), cy: ROW_HEIGHT / 2, r: 4.5 }),
  );
}
