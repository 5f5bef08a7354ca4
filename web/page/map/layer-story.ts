/**
 * What would happen or has happened to a layer, in sentences.
 *
 * @module
 */

import { count, type InspectReport, named, short, type TargetReport } from 'crosslayer/report';

/** What the model looks like before anything is done to it. */
export function openedStory(layer: string, inspect: InspectReport): string[] {
  return [
    ...inspect.batchNorms.flatMap(({ bn, into, direction, reason }) => {
      if (bn === layer) {
        return into === null
          ? [`This batch norm cannot be folded: ${reason?.message ?? 'nothing takes it'}.`]
          : [`This batch norm can be folded into ${into}.`];
      }
      if (into !== layer) return [];
      return [
        `It can take the batch norm ${bn}, which stands ${direction === 'forward' ? 'before' : 'behind'} it.`,
      ];
    }),
    ...inspect.relu6Damage.flatMap((one) => {
      if (one.layer !== layer) return [];
      const { expected } = one;
      if (expected === null)
        return ['Its ReLU6 cuts off what is above 6; how often that happens is not known.'];
      return [`Its ReLU6 is expected to cut off ${short(100 * expected.clippedShare)} % of its values at 6.`];
    }),
  ];
}

/** What equalizing did to it. */
export function equalizedStory(layer: string, report: TargetReport): string[] {
  const done = [
    ...foldSentences(layer, report),
    ...(report.replacedRelu6.includes(layer) ? ['Its ReLU6 became a plain ReLU.'] : []),
    ...regionSentences(layer, report),
    ...report.caps.flatMap((cap) => (cap.layer === layer ? [`${cap.message}.`] : [])),
    ...report.carried.flatMap((one) => carrySentence(layer, one)),
    ...absorbSentences(layer, report),
    ...report.corrected.flatMap((one) =>
      one.layer === layer
        ? [`Its bias was corrected for the rounding of its weights, by at most ${short(one.largestShift)}.`]
        : [],
    ),
  ];
  const left = leftAlone(layer, report);
  if (done.length + left.length === 0) return ['Nothing was done to it, and nothing had to be.'];
  return [...done, ...left];
}

/** Why a layer was left alone: sentences of the report that begin with it. */
export function leftAlone(layer: string, { skipped }: Pick<TargetReport, 'skipped'>): string[] {
  return skipped.flatMap(({ layers, message }) => (layers[0] === layer ? [`Left alone: ${message}.`] : []));
}

/** Layers that were scaled together, in a sentence. */
export function regionText({ sources, sinks, channels, smallest, largest }: Region): string {
  return (
    `${count(channels, 'channel')} that ${sources.join(', ')} ${sources.length === 1 ? 'writes' : 'write'} and ` +
    `${sinks.join(', ')} ${sinks.length === 1 ? 'reads' : 'read'}: factors of ${short(smallest)} to ${short(largest)}`
  );
}

type Region = TargetReport['regions'][number];

function foldSentences(layer: string, { foldedPairs }: TargetReport): string[] {
  return foldedPairs.flatMap(([into, bn]) => {
    if (bn === layer) return [`This batch norm was folded into ${into} and is gone.`];
    return into === layer ? [`The batch norm ${bn} was folded into it.`] : [];
  });
}

function regionSentences(layer: string, { regions }: TargetReport): string[] {
  return regions.flatMap((region) => {
    const factors = `factors of ${short(region.smallest)} to ${short(region.largest)}`;
    return [
      ...(region.sources.includes(layer)
        ? [
            `Its ${count(region.channels, 'output channel')} were scaled by ${factors}, and the opposite was done in ${named(region.sinks)}.`,
          ]
        : []),
      ...(region.sinks.includes(layer)
        ? [`What it reads from ${named(region.sources)} comes scaled, which its weights undo (${factors}).`]
        : []),
    ];
  });
}

function carrySentence(layer: string, one: TargetReport['carried'][number]): string[] {
  const carriers = named(one.batchNorms);
  if (one.layer === layer)
    return [`Its channels were scaled to one range; ${carriers} takes the factors back.`];
  return one.batchNorms.includes(layer) ? [`It takes back the factors of the channels of ${one.layer}.`] : [];
}

function absorbSentences(layer: string, { absorbed }: TargetReport): string[] {
  return absorbed.flatMap(({ from, into, channels }) => {
    if (from === layer) return [`The bias of ${count(channels, 'channel')} moved into ${into}.`];
    return into === layer ? [`It took over the bias of ${count(channels, 'channel')} of ${from}.`] : [];
  });
}
