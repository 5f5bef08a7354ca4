/**
 * What would happen or has happened to a layer, in sentences.
 *
 * @module
 */

import type { CarriedLayer, ScaledRegion } from 'crosslayer/quantization';
import { allIn } from 'crosslayer/quantization';
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
export function equalizedStory(layer: string, { passes }: Pick<TargetReport, 'passes'>): string[] {
  const done = passes.flatMap((one) => passSentences(layer, one));
  const left = allIn(passes, 'left').flatMap(({ layers, message }) =>
    layers[0] === layer ? [`Left alone: ${message}.`] : [],
  );
  if (done.length + left.length === 0) return ['Nothing was done to it, and nothing had to be.'];
  return [...done, ...left];
}

/** What a pass did to a layer. */
function passSentences(layer: string, record: TargetReport['passes'][number]): string[] {
  switch (record.pass) {
    case 'relu6':
      return record.replacedRelu6.includes(layer) ? ['Its ReLU6 became a plain ReLU.'] : [];
    case 'fold':
      return record.folded.flatMap((one) => {
        if (one.batchNorm === layer) return [`This batch norm was folded into ${one.layer} and is gone.`];
        return one.layer === layer ? [`The batch norm ${one.batchNorm} was folded into it.`] : [];
      });
    case 'scale':
      return [
        ...record.regions.flatMap((region) => regionSentences(layer, region)),
        ...record.caps.flatMap((cap) => (cap.path === layer ? [`${cap.message}.`] : [])),
      ];
    case 'carry':
      return record.carried.flatMap((one) => carrySentence(layer, one));
    case 'correct':
      return record.corrected.flatMap((one) =>
        one.layer === layer
          ? [`Its bias was corrected for the rounding of its weights, by at most ${short(one.largestShift)}.`]
          : [],
      );
  }
}

/** Layers that were scaled together, in a sentence. */
export function regionText({ sources, sinks, channels, smallest, largest }: ScaledRegion): string {
  return (
    `${count(channels, 'channel')} that ${sources.join(', ')} ${sources.length === 1 ? 'writes' : 'write'} and ` +
    `${sinks.join(', ')} ${sinks.length === 1 ? 'reads' : 'read'}: factors of ${short(smallest)} to ${short(largest)}`
  );
}

function regionSentences(
  layer: string,
  { sources, sinks, channels, smallest, largest }: ScaledRegion,
): string[] {
  const factors = `factors of ${short(smallest)} to ${short(largest)}`;
  return [
    ...(sources.includes(layer)
      ? [
          `Its ${count(channels, 'output channel')} were scaled by ${factors}, and the opposite was done in ${named(sinks)}.`,
        ]
      : []),
    ...(sinks.includes(layer)
      ? [`What it reads from ${named(sources)} comes scaled, which its weights undo (${factors}).`]
      : []),
  ];
}

function carrySentence(layer: string, one: Pick<CarriedLayer, 'layer' | 'batchNorms'>): string[] {
  const carriers = named(one.batchNorms);
  if (one.layer === layer)
    return [`Its channels were scaled to one range; ${carriers} takes the factors back.`];
  return one.batchNorms.includes(layer) ? [`It takes back the factors of the channels of ${one.layer}.`] : [];
}
