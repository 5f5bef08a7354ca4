/**
 * The layer that was chosen: its channels, what it does to the outputs, and what was done to it.
 *
 * @module
 */

import { type ChannelStrip, count, type DamageReport, damageRanking, type MapLayer } from 'crosslayer/report';
import type { EqualizedModel } from '../../protocol.ts';
import { changeText, shareText } from '../choices/damage-rows.ts';
import { byId, element, list, setText } from '../dom.ts';
import { hasChanged, type State } from '../state.ts';
import { equalizedStory, openedStory } from './layer-story.ts';
import { spreadSentence } from './spread-scale.ts';
import { stripFigure } from './strip-figure.ts';

/** Shows the layer that is chosen. */
export function renderLayer(state: State, before: State | undefined): void {
  if (!hasChanged(state, before, 'opened', 'layer', 'equalized', 'damage')) return;
  const { opened, equalized, damage, layer } = state;
  const entry = opened?.map.find((one) => one.layer === layer);
  if (!opened || !entry || layer === undefined) {
    setText(byId('layer-title', HTMLElement), 'No layer chosen');
    byId('layer', HTMLElement).replaceChildren(
      element('p', {}, 'Choose a layer in the list to see the ranges of its channels.'),
    );
    return;
  }
  setText(byId('layer-title', HTMLElement), `Layer ${layer}`);
  const story = equalized ? equalizedStory(layer, equalized.report) : openedStory(layer, opened.inspect);
  byId('layer', HTMLElement).replaceChildren(
    element(
      'p',
      { class: 'soft' },
      [entry.className, entry.shape, count(entry.parameters, 'parameter')].join(', '),
    ),
    ...spreadParagraphs(entry, equalized),
    ...damageParagraphs(layer, damage.kind === 'known' ? damage.report : undefined),
    ...stripFigures(layer, (equalized ?? opened).strips, equalized !== undefined),
    ...(story.length === 0
      ? []
      : [element('h4', {}, equalized ? 'What was done to it' : 'What can be done with it'), list(story)]),
  );
}

function spreadParagraphs({ layer, spread }: MapLayer, equalized: EqualizedModel | undefined): HTMLElement[] {
  if (spread === null) return [element('p', {}, 'It has no channels with weights of their own.')];
  const before = element('p', {}, `Spread: ${spreadSentence(spread)}.`);
  const after = equalized?.spreads.find(([path]) => path === layer)?.[1];
  return after === undefined ? [before] : [before, element('p', {}, `Equalized: ${spreadSentence(after)}.`)];
}

function damageParagraphs(layer: string, damage: DamageReport | undefined): HTMLElement[] {
  const found = damage ? damageRanking(damage).filter((one) => one.layer === layer) : [];
  return found.map(({ kind, name, before, after, remedy }) => {
    const sides = [
      ...(before ? [`${shareText(before)} as it is`] : []),
      ...(after ? [`${shareText(after)} equalized`] : []),
    ];
    const change = changeText(before, after);
    const subject =
      kind === 'kernel' ? 'Its share of the error' : `The share of its rounded results (${name})`;
    const itself = before && after && change ? ` (in itself ${change})` : '';
    return element('p', {}, `${subject}: ${sides.join(', ')}${itself}${remedy ? `; ${remedy}` : ''}.`);
  });
}

function stripFigures(layer: string, strips: readonly ChannelStrip[], isEqualized: boolean): HTMLElement[] {
  const names = isEqualized
    ? { before: 'before', after: 'equalized' }
    : { before: 'as it is', after: 'with batch norms folded' };
  return strips.filter((strip) => strip.layer === layer).map((strip) => stripFigure(strip, names));
}
