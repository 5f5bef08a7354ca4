/**
 * Which channels of a model can take each other's places.
 *
 * @module
 */

import { channelGraph, type ScalableLayer } from '../../src/equalization/channels/channel-graph.ts';
import { rootedLayers } from '../../src/equalization/scaling/regions.ts';
import type { GraphCall } from '../../src/model/graph.ts';
import type { Model } from '../../src/model/model.ts';
import type { Random } from './random.ts';

/** For each class of channels the one whose place it takes; the others stay. */
export type ChannelSwaps = ReadonlyMap<number, number>;

/** Channels of two tensors that move together, place by place: those before and behind a depthwise kernel, or a batch norm. */
interface Coupling {
  readonly before: Int32Array;
  readonly behind: Int32Array;
  /** Which of the outputs of its input each is. */
  readonly keys: Int32Array;
}

/** Weights that have a place for each channel. */
export interface ChannelPlaces {
  readonly layers: readonly ScalableLayer[];
  readonly slopes: readonly { readonly call: GraphCall; readonly channels: Int32Array }[];
  readonly couplings: readonly Coupling[];
  /** Where a class is met, if factors can go through it: only those that are met in the same places can be swapped. */
  readonly signatures: ReadonlyMap<number, string>;
}

/** Pairs of channels, chosen at random, that can take each other's places; none where there are no two alike. */
export function randomSwaps(model: Model, random: Random, attempts = 20): ChannelSwaps {
  const { couplings, signatures } = placesOf(model);
  const groups = new Map<string, number[]>();
  for (const [at, signature] of signatures) groups.set(signature, [...(groups.get(signature) ?? []), at]);
  const alike = [...groups.values()].filter(({ length }) => length > 1);
  const swaps = new Map<number, number>();
  for (let attempt = 0; attempt < attempts && alike.length > 0; attempt++) {
    const group = pick(alike, random);
    const closed = closure(pick(group, random), pick(group, random), couplings, signatures);
    if (!closed || [...closed.keys()].some((at) => swaps.has(at))) continue;
    for (const [one, other] of closed) swaps.set(one, other);
  }
  return swaps;
}

function pick<Item>(items: readonly Item[], random: Random): Item {
  return items[Math.floor(random.uniform() * items.length)] as Item;
}

/** Where the channels of a model are met. */
export function placesOf(model: Model): ChannelPlaces {
  const graph = channelGraph(model, { throughBounded: true });
  const layers = rootedLayers(graph);
  const couplings: Coupling[] = [];
  const met = new Map<number, string[]>();
  const meet = (channels: Int32Array, where: (place: number) => string): void => {
    for (const [place, at] of channels.entries()) met.set(at, [...(met.get(at) ?? []), where(place)]);
  };
  for (const [index, { layer, inputs, between, outputs }] of layers.entries()) {
    const { operation } = layer;
    const groups = operation.kind === 'conv' ? operation.groups : 1;
    const group = (channels: Int32Array) => (place: number) => Math.floor((place * groups) / channels.length);
    meet(inputs, (place) => `${index} in ${group(inputs)(place)}`);
    if (between) meet(between, () => `${index} between`);
    meet(outputs, (place) => `${index} out ${group(outputs)(place)}`);
    const behind =
      operation.kind === 'separableConv'
        ? between
        : operation.kind === 'depthwiseConv' || operation.kind === 'batchNorm'
          ? outputs
          : undefined;
    if (behind) couplings.push(coupling(inputs, behind));
  }
  const slopes = graph.graph.calls.flatMap((call) => {
    const channels = call.layer.weight('alpha') && graph.channelsOf(call.output());
    if (!channels) return [];
    const rooted = channels.map((at) => graph.classes.find(at));
    meet(rooted, () => `${call.path} slopes`);
    return [{ call, channels: rooted }];
  });
  return {
    layers,
    slopes,
    couplings,
    signatures: new Map(
      [...met].flatMap(([at, where]) =>
        graph.classes.causeOf(at) === undefined ? [[at, where.sort().join()]] : [],
      ),
    ),
  };
}

function coupling(inputs: Int32Array, behind: Int32Array): Coupling {
  const multiplier = behind.length / inputs.length;
  return {
    before: behind.map((_, place) => inputs[Math.floor(place / multiplier)] as number),
    behind,
    keys: behind.map((_, place) => place % multiplier),
  };
}

/** All that has to be swapped with two classes; undefined where that cannot be. */
function closure(
  one: number,
  other: number,
  couplings: readonly Coupling[],
  signatures: ReadonlyMap<number, string>,
): Map<number, number> | undefined {
  const swaps = new Map<number, number>();
  const open = [[one, other] as const];
  for (let next = open.pop(); next; next = open.pop()) {
    const [a, b] = next;
    if (swaps.get(a) === b && swaps.get(b) === a) continue;
    const isAlike = signatures.has(a) && signatures.get(a) === signatures.get(b);
    if (a === b || swaps.has(a) || swaps.has(b) || !isAlike) return undefined;
    swaps.set(a, b);
    swaps.set(b, a);
    for (const { before, behind, keys } of couplings) {
      for (const [side, far] of [
        [before, behind],
        [behind, before],
      ] as const) {
        const [ofA, ofB] = [placesIn(side, a), placesIn(side, b)];
        if (ofA.some((place, index) => keys[place] !== keys[ofB[index] as number])) return undefined;
        ofA.forEach((place, index) => {
          open.push([far[place] as number, far[ofB[index] as number] as number]);
        });
      }
    }
  }
  return swaps;
}

function placesIn(channels: Int32Array, at: number): number[] {
  return [...channels.keys()].filter((place) => channels[place] === at);
}
