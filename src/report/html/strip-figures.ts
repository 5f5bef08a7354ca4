/**
 * A figure for the strip of every kernel, with its numbers in words.
 *
 * @module
 */

import { count, short, small } from '../../text/numbers.ts';
import type { ChannelStrip } from '../strips/channel-strips.ts';
import { type SideNames, stripDrawing } from '../strips/strip-drawing.ts';
import { NARROW_STEPS, type ScaledRanges, type ScaledStrip, scaledStrip } from '../strips/strip-scale.ts';
import { type Html, html, nameHtml } from './escape.ts';
import type { ReportSubject } from './report-subject.ts';
import { stripChart } from './strip-chart.ts';

/** A strip with the name of its figure in the page. */
export interface NumberedStrip {
  readonly id: string;
  readonly strip: ChannelStrip;
  readonly scaled: ScaledStrip;
}

/** Strips of a report, whose figures have names that begin with `kind`. */
export function numberedStrips(strips: readonly ChannelStrip[], kind: string): NumberedStrip[] {
  return strips.map((strip, index) => ({ id: `${kind}-${index + 1}`, strip, scaled: scaledStrip(strip) }));
}

/** All figures. */
export function stripFigures(strips: readonly NumberedStrip[], { labels, layers }: ReportSubject): Html {
  const classes = new Map(layers.map(({ layer, className }) => [layer, className]));
  const figures = strips.map(({ id, strip, scaled }) => {
    const what = describedOf(strip);
    const weight = what === undefined ? undefined : html`, ${what}`;
    return html`<figure id="${id}" class="strip-figure">
<figcaption><strong>${nameHtml(strip.layer)}</strong> <span>${classes.get(strip.layer) ?? ''}${weight}</span></figcaption>
${picture(strip, scaled, labels)}
</figure>
`;
  });
  return html`<div class="strips">${figures}</div>`;
}

/** What a strip is of, beside the name of its layer; nothing for the kernel of a layer with one. */
function describedOf({ layer, weight, tensor = weight }: ChannelStrip): string | undefined {
  if (tensor === `output of ${layer}`) return 'output';
  return tensor === 'kernel' ? undefined : tensor;
}

function picture(strip: ChannelStrip, scaled: ScaledStrip, labels: SideNames): Html {
  const sides = (['before', 'after'] as const).flatMap((side) =>
    strip[side] === undefined ? [] : [{ name: labels[side], ranges: scaled[side] }],
  );
  const nothing = strip.tensor === undefined ? 'all weights are 0, or one is not finite' : 'nothing but 0';
  const lines = sides.map(({ name, ranges }) => `${name}: ${ranges ? numbersOf(ranges) : nothing}`);
  const numbers = html`<ul class="numbers">${lines.map((line) => html`<li>${line}</li>`)}</ul>`;
  const drawing = stripDrawing(scaled, labels);
  if (!drawing) return html`<p class="none">nothing to draw</p>${numbers}`;
  const channels = count(drawing.channels, strip.tensor === undefined ? 'output channel' : 'channel');
  const alternative = `Channel ranges of ${strip.tensor ?? strip.layer}, ${channels}. ${lines.join('. ')}.`;
  return html`<div class="chart">${stripChart(drawing, alternative)}</div>
${numbers}
<p class="readout" aria-live="polite"></p>`;
}

function numbersOf(ranges: ScaledRanges): string {
  const { step, narrow, spread, low } = ranges;
  const few = narrow === 0 ? 'no channel' : `${narrow} of ${count(low.length, 'channel')}`;
  return `max/median ${short(spread)}; ${few} within ${NARROW_STEPS} steps; a step is ${small(step)}`;
}
