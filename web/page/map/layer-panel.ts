/**
 * The layer that was chosen: its channels, what it does to the outputs, and what was done to it.
 *
 * @module
 */

import { count, type DamageReport, damageRanking, type MapLayer } from 'crosslayer/report';
import type { EqualizedModel, OpenedModel } from '../../protocol.ts';
import { changeText, shareText } from '../choices/damage-rows.ts';
import { byId, element, list, setText } from '../dom.ts';
import { equalizedStory, openedStory } from './layer-story.ts';
import { spreadSentence } from './spread-scale.ts';
import { stripFigure } from './strip-figure.ts';

/** All that is known of the layers. */
export interface KnownLayers {
  readonly opened: OpenedModel;
  readonly equalized: EqualizedModel | undefined;
  readonly damage: DamageReport | undefined;
}

/** Shows a layer. */
export function showLayer(layer: string, known: KnownLayers): void {
  const { opened, equalized } = known;
  const entry = opened.map.find((one) => one.layer === layer);
  if (!entry) return;
  setText(byId('layer-title', HTMLElement), `Layer ${layer}`);
  const story = equalized ? equalizedStory(layer, equalized.report) : openedStory(layer, opened.inspect);
  byId('layer', HTMLElement).replaceChildren(
    element(
      'p',
      { class: 'soft' },
      [entry.className, entry.shape, count(entry.parameters, 'parameter')].join(', '),
    ),
    ...spreadParagraphs(entry, equalized),
    ...damageParagraphs(layer, known.damage),
    ...stripFigures(layer, known),
    ...(story.length === 0
      ? []
      : [element('h4', {}, equalized ? 'What was done to it' : 'What can be done with it'), list(story)]),
  );
}

/** Shows that none is chosen. */
export function showNoLayer(): void {
  setText(byId('layer-title', HTMLElement), 'No layer chosen');
  byId('layer', HTMLElement).replaceChildren(
    element('p', {}, 'Choose a layer in the list to see the ranges of its channels.'),
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
      kind === 'kernel' ? 'Its part of the damage' : `The part of its rounded results (${name})`;
    const itself = before && after && change ? ` (itself: ${change})` : '';
    return element('p', {}, `${subject}: ${sides.join(', ')}${itself}${remedy ? `; ${remedy}` : ''}.`);
  });
}

function stripFigures(layer: string, { opened, equalized }: KnownLayers): HTMLElement[] {
  const strips = (equalized?.strips ?? opened.strips).filter((strip) => strip.layer === layer);
  const names = equalized
    ? { before: 'before', after: 'equalized' }
    : { before: 'as it is', after: 'batch norms folded' };
  return strips.map((strip) => stripFigure(strip, names));
}
