/**
 * What the channels of tensors between layers are expected to reach, before and after: strips beside those of kernels, for who runs
 * activations in 8 bits.
 *
 * @module
 */

import { activationMoments } from '../../equalization/moments/activation-moments.ts';
import { channelReach, expectedReaches } from '../../equalization/moments/expected-range.ts';
import { CrosslayerError } from '../../errors.ts';
import { buildGraph, type GraphTensor } from '../../model/graph.ts';
import type { Model } from '../../model/model.ts';
import { gridGroups } from '../../quantization/integer/grid-groups.ts';
import { integerForm } from '../../quantization/integer/integer-form.ts';
import { keyOf, placeOf } from '../tensor-damage.ts';
import type { ChannelRanges, ChannelStrip } from './channel-strips.ts';

/**
 * A strip for every tensor that decides a grid of 8 bits and whose channels batch norms tell, in the order of the first model; what
 * only the second has comes last. Those of a tensor are the values that its channels are expected to reach, in its unit.
 *
 * Empty for a model that cannot be run in whole numbers.
 */
export function tensorStrips(before: Model, after: Model): ChannelStrip[] {
  const [old, now] = [reachesByTensor(before), reachesByTensor(after)];
  return [...new Set([...old.keys(), ...now.keys()])].map((key) => {
    const { layer = '', tensor = '' } = old.get(key) ?? now.get(key) ?? {};
    return {
      ...{ layer, weight: 'output', tensor },
      before: old.get(key)?.ranges,
      after: now.get(key)?.ranges,
    };
  });
}

interface TensorReach {
  readonly layer: string;
  readonly tensor: string;
  readonly ranges: ChannelRanges;
}

function reachesByTensor(model: Model): Map<string, TensorReach> {
  try {
    const form = integerForm(model);
    const graph = buildGraph(form);
    const moments = activationMoments(form);
    const reaches = expectedReaches(graph);
    const paths = Array.from(model.allLayers(), ({ path }) => path);
    const told = (tensor: GraphTensor): [string, TensorReach][] => {
      // Ranges of inputs are those of pixels, or what is measured.
      const distribution = tensor.isModelInput ? undefined : moments.of(tensor);
      if (!distribution) return [];
      const ranges = channelReach(distribution, reaches.get(tensor) ?? 0);
      return [[keyOf(tensor), { ...placeOf(tensor, paths), ranges }]];
    };
    return new Map(gridGroups(graph).flatMap(({ deciding }) => deciding.flatMap(told)));
  } catch (error) {
    if (error instanceof CrosslayerError) return new Map();
    throw error;
  }
}
