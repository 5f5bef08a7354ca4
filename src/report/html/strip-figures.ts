/**
 * A figure for the strip of every kernel, with its numbers in words.
 *
 * @module
 */

import type { ChannelStrip } from '../channel-strips.ts';
import { count, short, small } from '../number-text.ts';
import { type Html, html, nameHtml, trusted } from './escape.ts';
import type { ReportSubject } from './report-subject.ts';
import { type Drawing, stripChart } from './strip-chart.ts';
import { NARROW_STEPS, type ScaledRanges, type ScaledStrip, scaledStrip } from './strip-scale.ts';

/** A strip with the name of its figure in the page. */
export interface NumberedStrip {
  readonly id: string;
  readonly strip: ChannelStrip;
  readonly scaled: ScaledStrip;
}

/** The strips of a report. */
export function numberedStrips({ strips }: ReportSubject): NumberedStrip[] {
  return strips.map((strip, index) => ({ id: `strip-${index + 1}`, strip, scaled: scaledStrip(strip) }));
}

/** All figures. */
export function stripFigures(
  strips: readonly NumberedStrip[],
  { labels, layers }: ReportSubject,
  drawing: Drawing,
): Html {
  const classes = new Map(layers.map(({ layer, className }) => [layer, className]));
  const figures = strips.map(({ id, strip, scaled }) => {
    const weight = strip.weight === 'kernel' ? undefined : html`, ${strip.weight}`;
    return html`<figure id="${id}" class="strip-figure">
<figcaption><strong>${nameHtml(strip.layer)}</strong> <span>${classes.get(strip.layer) ?? ''}${weight}</span></figcaption>
${picture(strip, scaled, labels, drawing)}
</figure>
`;
  });
  return html`<div class="strips">${figures}</div>`;
}

function picture(
  strip: ChannelStrip,
  scaled: ScaledStrip,
  labels: ReportSubject['labels'],
  drawing: Drawing,
): Html {
  const sides = (['before', 'after'] as const).flatMap((side) =>
    strip[side] === undefined ? [] : [{ name: labels[side], ranges: scaled[side] }],
  );
  const lines = sides.map(({ name, ranges }) => `${name}: ${numbersOf(ranges)}`);
  const channels = (strip.before ?? strip.after)?.low.length ?? 0;
  const numbers = html`<ul class="numbers">${lines.map((line) => html`<li>${line}</li>`)}</ul>`;
  if (channels === 0 || !(scaled.before || scaled.after))
    return html`<p class="none">nothing to draw</p>${numbers}`;
  const alternative = `Channel ranges of ${strip.layer}, ${count(channels, 'output channel')}. ${lines.join('. ')}.`;
  const chart = stripChart(scaled, labels, alternative, drawing);
  return html`<div class="chart">${trusted(chart)}</div>
${numbers}
<p class="readout" aria-live="polite"></p>`;
}

function numbersOf(ranges: ScaledRanges | undefined): string {
  if (!ranges) return 'all weights are 0, or one is not finite';
  const { step, narrow, spread, low } = ranges;
  const few = narrow === 0 ? 'no channel' : `${narrow} of ${count(low.length, 'channel')}`;
  return `max/median ${short(spread)}; ${few} within ${NARROW_STEPS} steps; a step is ${small(step)}`;
}
