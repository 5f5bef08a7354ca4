/**
 * The strip of a kernel as SVG, with axes, and with the values of all channels for the script of the page.
 *
 * @module
 */

import type { StripDrawing, StripPanel } from '../strips/strip-drawing.ts';
import { NARROW_STEPS } from '../strips/strip-scale.ts';
import { type Html, html } from './escape.ts';

/** In units of the picture, which is as wide as its column. */
const SIZE = { width: 400, panel: 66, gap: 16, left: 36, right: 8, top: 16, bottom: 24 } as const;
const WIDTH = SIZE.width - SIZE.left - SIZE.right;
const TICK = 6;
/** From the place of a tick to the base line of its label beside it. */
const HALF_DIGIT = 4;

/**
 * A strip: both sides on one scale, each as a single path.
 *
 * @param alternative what a screen reader says
 */
export function stripChart(drawing: StripDrawing, alternative: string): Html {
  const { panels, channels } = drawing;
  const bottom = SIZE.top + panels.length * (SIZE.panel + SIZE.gap) - SIZE.gap;
  const ticks = channelTicks(channels).map((channel) => ({
    channel,
    x: rounded(((channel + 0.5) / channels) * WIDTH),
  }));
  return html`<svg class="strip" role="img" aria-label="${alternative}" viewBox="0 0 ${SIZE.width} ${bottom + SIZE.bottom}">
${panels.map((panel, index) => panelOf(panel, drawing, SIZE.top + index * (SIZE.panel + SIZE.gap)))}<g transform="translate(${SIZE.left} ${bottom})"><path class="ticks" d="${ticks.map(({ x }) => `M${x} 0v${TICK}`)}"/>
${ticks.map(({ channel, x }) => html`<text class="channel" x="${x}" y="18">${channel}</text>`)}</g></svg>`;
}

function panelOf({ side, name, ranges, path }: StripPanel, drawing: StripDrawing, top: number): Html {
  const { channels, lowest, highest, viewBox, barWidth } = drawing;
  const ticks = [-200, -100, 0, 100, 200]
    .filter((step) => step >= lowest && step <= highest)
    .map((step) => ({ step, y: rounded(((highest - step) / (highest - lowest)) * SIZE.panel) }));
  return html`<g class="${side}" transform="translate(${SIZE.left} ${top})"><text class="side" y="-5">${name}</text>
<svg width="${WIDTH}" height="${SIZE.panel}" viewBox="${viewBox}" preserveAspectRatio="none"><rect class="band" x="-0.5" y="${-NARROW_STEPS / 2}" width="${channels}" height="${NARROW_STEPS}"/>
<path class="bars" stroke-width="${barWidth}" data-low="${stepList(ranges.low)}" data-high="${stepList(ranges.high)}" d="${path}"/></svg>
<rect class="frame" width="${WIDTH}" height="${SIZE.panel}"/><path class="ticks" d="${ticks.map(({ y }) => `M0 ${y}h-${TICK}`)}"/>
${ticks.map(({ step, y }) => html`<text class="step" x="-9" y="${rounded(y + HALF_DIGIT)}">${String(step).replace('-', '\u2212')}</text>`)}</g>
`;
}

/** Steps by channel, with digits that tell small ones apart. */
function stepList(steps: Float64Array): string {
  return Array.from(steps, (step) => Number(step.toFixed(Math.abs(step) < 10 ? 1 : 0))).join(' ');
}

/** The first channel, and what follows in round numbers. */
function channelTicks(channels: number): number[] {
  const rough = channels / 5;
  const power = 10 ** Math.floor(Math.log10(Math.max(1, rough)));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  return Array.from({ length: Math.ceil(channels / step) }, (_, index) => index * step);
}

function rounded(value: number): number {
  return Number(value.toFixed(1));
}
