/**
 * What equalizing did: the proof, the numbers, and everything that was done and left alone.
 *
 * @module
 */

import { count, short, type TargetReport } from 'crosslayer/report';
import type { EqualizedModel, OpenedModel } from '../../protocol.ts';
import { improvementText } from '../choices/damage-rows.ts';
import { byId, element, folded, list } from '../dom.ts';
import { regionText } from '../map/layer-story.ts';
import { proofSentences, proofVerdict, stageName } from './proof-texts.ts';

/** Shows what was done. */
export function showEqualized(equalized: EqualizedModel, opened: OpenedModel): void {
  const { report, verification, damage } = equalized;
  const verdict = proofVerdict(verification);
  byId('equalized-title', HTMLElement).textContent = `What was done for ${equalized.target}`;
  byId('equalized-content', HTMLElement).replaceChildren(
    element('p', { class: verdict.isGood ? 'verdict good' : 'verdict open' }, verdict.text),
    ...(verification && verification.inputs !== null ? [proofDetails(equalized)] : []),
    list([
      ...spreadSentences(equalized, opened),
      ...(damage ? [improvementText(damage)] : []),
      ...doneSentences(report),
    ]),
    ...detailsOf(report),
    ...(report.warnings.length === 0 ? [] : [list(report.warnings, { class: 'notice' })]),
  );
  byId('equalized', HTMLElement).hidden = false;
}

/** Shows nothing, for a model that was not equalized. */
export function hideEqualized(): void {
  byId('equalized', HTMLElement).hidden = true;
}

function proofDetails({ verification }: EqualizedModel): HTMLElement {
  const sentences = verification ? proofSentences(verification) : [];
  return element(
    'div',
    {},
    list(sentences),
    element(
      'p',
      { class: 'soft' },
      'Differences of a few millionths are the rounding of 32-bit numbers, which any change of order brings. SQNR, the ratio of signal to quantization noise, says in dB how far an error lies below the output: from 60 dB on it is less than a thousandth.',
    ),
  );
}

const GROWN =
  'Factors are chosen so that rounding disturbs the outputs least, not so that all channels get one range: those that matter ' +
  'little may become narrow.';

/** The largest spread of all layers, before and after, and how it can have grown. */
export function spreadSentences(
  {
    spreads,
    report,
  }: { readonly spreads: EqualizedModel['spreads']; readonly report: Pick<TargetReport, 'regions'> },
  { map }: Pick<OpenedModel, 'map'>,
): string[] {
  const before = map.reduce((most, { spread }) => Math.max(most, spread ?? 0), 0);
  const after = spreads.reduce((most, [, spread]) => Math.max(most, spread), 0);
  if (!(before > 0 && after > 0)) return [];
  const sentence = `The largest spread of a layer was ${short(before)}\u00d7 and is ${short(after)}\u00d7 now.`;
  const hasGrown = after > before && report.regions.length > 0;
  return hasGrown ? [`${sentence} ${GROWN}`] : [sentence];
}

/** What was done, in counts. */
export function doneSentences(report: TargetReport): string[] {
  const { foldedPairs, replacedRelu6, regions, addedLayers, carried, absorbed, corrected, skipped } = report;
  const channels = regions.reduce((sum, region) => sum + region.channels, 0);
  return [
    ...(foldedPairs.length > 0
      ? [`${count(foldedPairs.length, 'batch norm')} folded into the layers beside them.`]
      : []),
    ...(replacedRelu6.length > 0
      ? [`${count(replacedRelu6.length, 'ReLU6', 'ReLU6')} became plain ReLU.`]
      : []),
    ...(regions.length > 0
      ? [
          `${count(channels, 'channel')} in ${count(regions.length, 'region')} scaled; a region is what has to take one factor together.`,
        ]
      : []),
    ...(addedLayers > 0
      ? [`${count(addedLayers, 'layer')} added, so that channels have maxima of their own.`]
      : []),
    ...(carried.length > 0
      ? [`${count(carried.length, 'layer')} scaled, with batch norms that take the factors back.`]
      : []),
    ...(absorbed.length > 0
      ? [`${count(absorbed.length, 'bias', 'biases')} moved into the next layer.`]
      : []),
    ...(corrected.length > 0
      ? [
          `${count(corrected.length, 'bias', 'biases')} corrected, so that rounding the weights does not shift the mean of channels.`,
        ]
      : []),
    skipped.length === 0
      ? 'Nothing was left alone.'
      : `${count(skipped.length, 'part')} left alone; the reasons stand below.`,
  ];
}

function detailsOf(report: TargetReport): HTMLElement[] {
  const { foldedPairs, regions, caps, carried, skipped, dropped } = report;
  const parts: (readonly [title: string, sentences: readonly string[]])[] = [
    ['Batch norms that were folded', foldedPairs.map(([layer, bn]) => `${bn} into ${layer}`)],
    ['Regions that were scaled together', regions.map(regionText)],
    ['ReLU6 and their maxima now', caps.map(({ message }) => message)],
    [
      'Layers whose factors a batch norm takes back',
      carried.map((one) => `${one.layer}: ${one.batchNorms.join(', ')}`),
    ],
    ['Left alone, and why', skipped.map(({ stage, message }) => `${stageName(stage)}: ${message}`)],
    ['What could not be kept', dropped],
  ];
  return parts
    .filter(([, sentences]) => sentences.length > 0)
    .map(([title, sentences]) => folded(`${title} (${sentences.length})`, sentences));
}
