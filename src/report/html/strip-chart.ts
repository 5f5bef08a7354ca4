/**
 * The strip of a kernel as SVG, by Observable Plot.
 *
 * @module
 */

import type * as ObservablePlot from '@observablehq/plot';
import { html } from './escape.ts';
import { compactPath } from './path-compaction.ts';
import { NARROW_STEPS, type ScaledRanges, type ScaledStrip, stepDomain } from './strip-scale.ts';

/** What draws. */
export interface Drawing {
  readonly plot: typeof ObservablePlot;
  /** Elements are made in it; nothing is put into it. */
  readonly document: Document;
}

/** The sides of a strip as they are called. */
export interface StripLabels {
  readonly before: string;
  readonly after: string;
}

/** In units of the picture, which is as wide as its column. */
const SIZE = { width: 400, panel: 66, gap: 16, left: 36, right: 8, top: 16, bottom: 24 } as const;
const FONT_SIZE = 12;

/** A point where the outline of the channels changes; the last channel has a second one behind it. */
interface Point {
  readonly channel: number;
  readonly low: number;
  readonly high: number;
  readonly side: string;
}

/**
 * A strip: both sides on one scale, each as a single path.
 *
 * @param alternative what a screen reader says
 * @returns markup of an `svg` element; its attributes `data-…` say where the channels lie, for the script of the page
 */
export function stripChart(
  strip: ScaledStrip,
  labels: StripLabels,
  alternative: string,
  drawing: Drawing,
): string {
  const { plot } = drawing;
  const sides = sidesOf(strip, labels);
  const channels = Math.max(...sides.map(({ ranges }) => ranges.low.length));
  const [lowest, highest] = stepDomain(strip);
  const height = SIZE.top + SIZE.bottom + sides.length * SIZE.panel + (sides.length - 1) * SIZE.gap;
  const panels = sides.map(({ name }) => name);
  const svg = plot.plot({
    document: drawing.document,
    width: SIZE.width,
    height,
    marginLeft: SIZE.left,
    marginRight: SIZE.right,
    marginTop: SIZE.top,
    marginBottom: SIZE.bottom,
    className: 'strip',
    style: { fontSize: `${FONT_SIZE}px` },
    x: {
      type: 'linear',
      domain: [0, channels],
      ticks: channelTicks(channels),
      tickFormat: String,
      label: null,
    },
    y: { type: 'linear', domain: [lowest, highest], ticks: stepTicks(lowest, highest), label: null },
    fy: { domain: panels, axis: null, padding: SIZE.gap / (SIZE.panel + SIZE.gap) },
    marks: [
      plot.frame({ stroke: 'var(--line)' }),
      plot.rect([{}], {
        x1: 0,
        x2: channels,
        y1: -NARROW_STEPS / 2,
        y2: NARROW_STEPS / 2,
        fill: 'var(--band)',
      }),
      ...sides.map(({ name, colour, ranges }) =>
        plot.areaY(pointsOf(ranges, name), {
          x: 'channel',
          y1: 'low',
          y2: 'high',
          fy: 'side',
          curve: 'step-after',
          fill: colour,
          stroke: colour,
          strokeWidth: 0.6,
        }),
      ),
      plot.text(panels, {
        fy: panels,
        text: panels,
        frameAnchor: 'top-left',
        dy: -(FONT_SIZE + 1),
        fontWeight: 600,
      }),
    ],
  });
  return asMarkup(svg as unknown as Element, { channels, lowest, highest, alternative });
}

function sidesOf(
  { before, after }: ScaledStrip,
  labels: StripLabels,
): {
  readonly name: string;
  readonly colour: string;
  readonly ranges: ScaledRanges;
}[] {
  return [
    ...(before ? [{ name: labels.before, colour: 'var(--before)', ranges: before }] : []),
    ...(after ? [{ name: labels.after, colour: 'var(--after)', ranges: after }] : []),
  ];
}

function pointsOf({ low, high }: ScaledRanges, side: string): Point[] {
  const points = Array.from(low, (min, channel) => ({ channel, low: min, high: high[channel] ?? min, side }));
  const last = points.at(-1);
  return last ? [...points, { ...last, channel: low.length }] : points;
}

/** The first channel, the end, and what lies between in round numbers. */
function channelTicks(channels: number): number[] {
  const rough = channels / 5;
  const power = 10 ** Math.floor(Math.log10(Math.max(1, rough)));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  const ticks: number[] = [];
  for (let tick = 0; tick <= channels; tick += step) ticks.push(tick);
  return ticks;
}

function stepTicks(lowest: number, highest: number): number[] {
  return [-200, -100, 0, 100, 200].filter((tick) => tick >= lowest && tick <= highest);
}

function asMarkup(
  svg: Element,
  {
    channels,
    lowest,
    highest,
    alternative,
  }: { channels: number; lowest: number; highest: number; alternative: string },
): string {
  // The page has one style for all of them.
  for (const style of svg.querySelectorAll('style')) style.remove();
  const digits = (SIZE.width - SIZE.left - SIZE.right) / channels < 1 ? 2 : 1;
  for (const path of svg.querySelectorAll('[aria-label="area"] path')) {
    path.setAttribute('d', compactPath(path.getAttribute('d') ?? '', digits));
  }
  svg.removeAttribute('width');
  svg.removeAttribute('height');
  svg.setAttribute('data-channels', String(channels));
  svg.setAttribute('data-left', String(SIZE.left));
  svg.setAttribute('data-right', String(SIZE.width - SIZE.right));
  svg.setAttribute('data-steps', `${lowest.toFixed(1)} ${highest.toFixed(1)}`);
  // Not every document escapes all that an attribute may hold.
  const named = html`<svg role="img" aria-label="${alternative}"`.html;
  return svg.outerHTML.replace(/^<svg/, () => named);
}
