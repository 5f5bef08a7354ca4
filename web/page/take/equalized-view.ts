/**
 * What equalizing did: the proof, the numbers, and everything that was done and left alone.
 *
 * @module
 */

import { allIn, settingsTried } from 'crosslayer/quantization';
import { count, decibels, percent, short, type TargetReport } from 'crosslayer/report';
import type { EqualizedModel, OpenedModel } from '../../protocol.ts';
import { improvementText } from '../choices/damage-rows.ts';
import { byId, element, folded, list, setText } from '../dom.ts';
import { regionText } from '../map/layer-story.ts';
import { hasChanged, type State } from '../state.ts';
import { proofSentences, proofVerdict, stageName } from './proof-texts.ts';

/** Shows what was done; nothing for a model that was not equalized. */
export function renderEqualized(state: State, before: State | undefined): void {
  if (!hasChanged(state, before, 'opened', 'equalized')) return;
  const { opened, equalized } = state;
  byId('equalized', HTMLElement).hidden = !equalized;
  if (opened && equalized) show(equalized, opened);
}

function show(equalized: EqualizedModel, opened: OpenedModel): void {
  const { report, verification, damage } = equalized;
  const verdict = proofVerdict(verification);
  setText(byId('equalized-title', HTMLElement), `What was done for ${equalized.target}`);
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
  'Factors are chosen so that rounding disturbs the outputs least, not so that all channels get the same range: those that ' +
  'matter little may become narrow.';

/** The largest spread of all layers, before and after, and how it can have grown. */
export function spreadSentences(
  {
    spreads,
    report,
  }: { readonly spreads: EqualizedModel['spreads']; readonly report: Pick<TargetReport, 'passes'> },
  { map }: Pick<OpenedModel, 'map'>,
): string[] {
  const before = map.reduce((most, { spread }) => Math.max(most, spread ?? 0), 0);
  const after = spreads.reduce((most, [, spread]) => Math.max(most, spread), 0);
  if (!(before > 0 && after > 0)) return [];
  const sentence = `The largest spread of a layer was ${short(before)}\u00d7 and is ${short(after)}\u00d7 now.`;
  const hasGrown = after > before && allIn(report.passes, 'regions').length > 0;
  return hasGrown ? [`${sentence} ${GROWN}`] : [sentence];
}

/** What was done, in counts. */
export function doneSentences({ passes }: TargetReport): string[] {
  const left = allIn(passes, 'left');
  return [
    ...passes.flatMap(passSentences),
    left.length === 0
      ? 'Nothing was left alone.'
      : `${count(left.length, 'part')} left alone; the reasons stand below.`,
  ];
}

/** What a pass did; nothing where it did nothing. */
function passSentences(record: TargetReport['passes'][number]): string[] {
  switch (record.pass) {
    case 'relu6':
      return counted(
        record.replacedRelu6,
        ({ length }) => `${count(length, 'ReLU6', 'ReLU6')} became plain ReLU.`,
      );
    case 'fold':
      return counted(
        record.folded,
        ({ length }) => `${count(length, 'batch norm')} folded into the layers beside them.`,
      );
    case 'scale': {
      const { regions, addedLayers } = record;
      const channels = regions.reduce((sum, region) => sum + region.channels, 0);
      return [
        ...counted(
          regions,
          ({ length }) =>
            `${count(channels, 'channel')} in ${count(length, 'region')} scaled; a region is a group of layers that share the factors of their channels.`,
        ),
        ...(addedLayers > 0
          ? [`${count(addedLayers, 'layer')} added, so that channels have maxima of their own.`]
          : []),
      ];
    }
    case 'carry':
      return counted(
        record.carried,
        ({ length }) => `${count(length, 'layer')} scaled, with batch norms that take the factors back.`,
      );
    case 'correct':
      return counted(
        record.corrected,
        ({ length }) =>
          `${count(length, 'bias', 'biases')} corrected, so that rounding the weights does not shift the mean of channels.`,
      );
  }
}

function counted<List extends readonly unknown[]>(found: List, sentence: (found: List) => string): string[] {
  return found.length === 0 ? [] : [sentence(found)];
}

/** Settings that were tried on pictures, the one that was taken first. */
export function trialSentences(trials: TargetReport['trials']): string[] {
  const tried = settingsTried(trials);
  return trials.map((trial) => {
    const settings = tried.map((name) => `${SETTING_NAMES[name] ?? name} ${trial[name]}`).join(', ');
    const agreement =
      trial.top1Agreement === null ? '' : `, same top-1 class in ${percent(trial.top1Agreement)}`;
    return `${settings === '' ? 'as chosen' : settings}: SQNR ${decibels(trial.sqnrDb)}${agreement}`;
  });
}

const SETTING_NAMES: Readonly<Record<string, string>> = { biasCorrection: 'biases', relu6: 'ReLU6' };

function detailsOf({ passes, dropped, trials }: TargetReport): HTMLElement[] {
  const parts: (readonly [title: string, sentences: readonly string[]])[] = [
    [
      'Settings that were tried on the pictures, the best first, which was taken',
      trials.length > 1 ? trialSentences(trials) : [],
    ],
    [
      'Batch norms that were folded',
      allIn(passes, 'folded').map(({ layer, batchNorm }) => `${batchNorm} into ${layer}`),
    ],
    ['Regions that were scaled together', allIn(passes, 'regions').map(regionText)],
    ['ReLU6 and their maxima now', allIn(passes, 'caps').map(({ message }) => message)],
    [
      'Layers whose factors a batch norm takes back',
      allIn(passes, 'carried').map((one) => `${one.layer}: ${one.batchNorms.join(', ')}`),
    ],
    [
      'Left alone, and why',
      passes.flatMap(({ pass, left }) => left.map(({ message }) => `${stageName(pass)}: ${message}`)),
    ],
    ['What could not be kept', dropped],
  ];
  return parts
    .filter(([, sentences]) => sentences.length > 0)
    .map(([title, sentences]) => folded(`${title} (${sentences.length})`, sentences));
}
