/**
 * The strip of a kernel: the range of each channel, before and after, with values for pointer and keys.
 *
 * @module
 */

import {
  type ChannelStrip,
  channelAt,
  count,
  GRID_STEPS,
  NARROW_STEPS,
  type SideNames,
  type StripDrawing,
  type StripPanel,
  scaledStrip,
  small,
  stripDrawing,
} from 'crosslayer/report';
import { element, setText, svgElement } from '../dom.ts';
import { nextIndex } from './layer-map.ts';

/** The figure of a strip; a sentence where there is nothing to draw. */
export function stripFigure(strip: ChannelStrip, names: SideNames): HTMLElement {
  const drawing = stripDrawing(scaledStrip(strip), names);
  if (!drawing) {
    return element(
      'p',
      {},
      strip.tensor === undefined
        ? `${weightName(strip.weight)}: all weights are 0, or one is not a number; there is nothing to draw.`
        : `${wordsOf(strip)}: nothing but 0; there is nothing to draw.`,
    );
  }
  const { channels, panels } = drawing;
  const drawn = panels.map((panel) => panelOf(panel, drawing));
  const chart = element(
    'div',
    {
      class: 'strip-chart',
      role: 'slider',
      tabindex: 0,
      'aria-label': `Channels of ${strip.layer}, ${wordsOf(strip)}`,
      'aria-valuemin': 0,
      'aria-valuemax': channels - 1,
      'aria-orientation': 'horizontal',
    },
    ...drawn.map(({ block }) => block),
  );
  const readout = element('p', { class: 'readout' });
  const cursors = drawn.map(({ cursor }) => cursor);
  followChannel(chart, channels, (channel) => {
    const text = channelText(channel, panels);
    setText(readout, text);
    chart.setAttribute('aria-valuenow', String(channel));
    chart.setAttribute('aria-valuetext', text);
    for (const cursor of cursors) cursor.setAttribute('x', String(channel - 0.5));
  });
  return element(
    'figure',
    { class: 'strip' },
    element(
      'figcaption',
      {},
      element('strong', {}, wordsOf(strip)),
      ` ${captionText(strip, channels, panels)}`,
    ),
    chart,
    readout,
  );
}

/** What a strip is of. */
function wordsOf({ weight, tensor }: ChannelStrip): string {
  return tensor === undefined ? weightName(weight) : tensor.charAt(0).toUpperCase() + tensor.slice(1);
}

/** `Depthwise kernel` of depthwiseKernel. */
function weightName(weight: string): string {
  const words = weight.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function captionText({ tensor }: ChannelStrip, channels: number, panels: readonly StripPanel[]): string {
  const [values, whole] =
    tensor === undefined
      ? ['weight of a channel', 'kernel']
      : ['value that a channel is expected to reach', 'tensor'];
  const narrow = panels.map(({ name, ranges }) => `${ranges.narrow} ${name}`).join(', ');
  return (
    `of ${count(channels, 'channel')}, from left to right; each bar goes from the smallest to the largest ${values}, ` +
    `in steps of the 8-bit grid of the whole ${whole}. The band is ${NARROW_STEPS} steps high: channels that stay in it have at ` +
    `most 4 of their 8 bits left (${narrow}).`
  );
}

function panelOf(
  { side, name, ranges, path }: StripPanel,
  { channels, lowest, highest, viewBox, barWidth }: StripDrawing,
): { block: HTMLElement; cursor: SVGRectElement } {
  const cursor = svgElement('rect', {
    class: 'strip-cursor',
    x: -2,
    y: -highest,
    width: 1,
    height: highest - lowest,
  });
  const drawing = svgElement(
    'svg',
    { viewBox, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    svgElement('rect', {
      class: 'strip-band',
      x: -0.5,
      y: -NARROW_STEPS / 2,
      width: channels,
      height: NARROW_STEPS,
    }),
    cursor,
    svgElement('path', { class: `strip-bars ${side}`, 'stroke-width': barWidth, d: path }),
    svgElement('path', { class: 'strip-zero', d: `M-0.5 0h${channels}` }),
  );
  const axis = element(
    'div',
    { class: 'strip-axis', 'aria-hidden': 'true' },
    element('span', {}, stepText(highest)),
    element('span', {}, stepText(lowest)),
  );
  const title = element('p', { class: `strip-title ${side}` }, `${name}; one step is ${small(ranges.step)}`);
  return { block: element('div', { class: 'strip-panel' }, title, axis, drawing), cursor };
}

function stepText(steps: number): string {
  return steps > 0 ? `+${steps}` : String(steps).replace('-', '\u2212');
}

/** What a channel is on all sides. */
function channelText(channel: number, panels: readonly StripPanel[]): string {
  const sides = panels.map(({ name, ranges: { low, high, step } }) => {
    const [least = NaN, most = NaN] = [low[channel], high[channel]];
    const steps = Math.max(most, 0) - Math.min(least, 0);
    if (Number.isNaN(steps)) return `${name}: no such channel`;
    const range = `${small(least * step)} to ${small(most * step)}`.replaceAll('-', '\u2212');
    return `${name} ${range}, ${steps < 9.95 ? steps.toFixed(1) : Math.round(steps)} of ${GRID_STEPS} steps`;
  });
  return `Channel ${channel}: ${sides.join('; ')}`;
}

/** Calls `show` for the channel under the pointer, and for the one that keys lead to; for the first at once. */
function followChannel(chart: HTMLElement, channels: number, show: (channel: number) => void): void {
  let current = 0;
  const move = (channel: number): void => {
    current = channel;
    show(channel);
  };
  chart.addEventListener('pointermove', (event) => {
    const box = chart.querySelector('svg')?.getBoundingClientRect();
    if (box) move(channelAt((event.clientX - box.left) / box.width, channels));
  });
  chart.addEventListener('keydown', (event) => {
    const next = nextIndex(alongLine(event.key), current, channels);
    if (next === undefined) return;
    event.preventDefault();
    move(next);
  });
  move(0);
}

/** Keys of a slider that lies, as those of a list: right and up are the next channel. */
function alongLine(key: string): string {
  const keys: ReadonlyMap<string, string> = new Map([
    ['ArrowRight', 'ArrowDown'],
    ['ArrowLeft', 'ArrowUp'],
    ['ArrowUp', 'ArrowDown'],
    ['ArrowDown', 'ArrowUp'],
    ['PageUp', 'PageDown'],
    ['PageDown', 'PageUp'],
  ]);
  return keys.get(key) ?? key;
}
