/**
 * The ranges of the tensors of a whole-integer model: from statistics, or from inputs.
 *
 * @module
 */

import { InvalidModelError } from '../../errors.ts';
import { buildGraph, type GraphTensor, tensorKey } from '../../model/graph.ts';
import type { Model } from '../../model/model.ts';
import { type ModelRunner, type RunOptions, watchedRunner } from '../../model/model-runner.ts';
import { activationOf } from '../../model/operation.ts';
import { asStage, type WatchOptions } from '../../model/progress.ts';
import { gridGroups, placeOf } from '../../quantization/integer/grid-groups.ts';
import { integerForm } from '../../quantization/integer/integer-form.ts';
import type { TensorRange } from '../../quantization/integer/range-grid.ts';
import { extremesOf, wholeLayout } from '../../quantization/kernel-layout.ts';
import { isFloat } from '../../tensor/dtype.ts';
import { largestOf, smallestOf } from '../../tensor/extremes.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type ActivationMoments, activationMoments } from '../moments/activation-moments.ts';
import { channelReach, expectedReaches } from '../moments/expected-range.ts';

/** What a model is run on. */
export interface RangeSamples extends Pick<RunOptions, 'batchSize'> {
  readonly runner: ModelRunner;
  /** One tensor for each input of the model, with the samples first. */
  readonly inputs: readonly Tensor[];
}

/** What ranges are taken from. A run for them is the stage `ranges`. */
export interface TensorRangeOptions extends WatchOptions {
  /**
   * The ranges of the inputs of the model, in their order, such as `inputRanges` of `crosslayer/verification` gives them: the
   * ends of a range of pixels are values that they often have. Where there is none, it is expected as those of other tensors.
   */
  readonly inputRanges?: readonly (TensorRange | undefined)[];
  /** Inputs as the model will see them: all ranges are then those that it has on them. */
  readonly samples?: RangeSamples;
  /** Any inputs, or what makes them where they are needed: the tensors of which statistics tell nothing then have the ranges that they have on these. */
  readonly standIns?: RangeSamples | (() => Promise<RangeSamples>);
}

/** Where the range of a tensor is from. */
export type RangeSource = 'given' | 'statistics' | 'samples' | 'stand-ins';

/** A tensor and its range. */
export interface SourcedRange extends TensorRange {
  /** The path of the layer that makes it; of an input of the model its own. */
  readonly path: string;
  readonly source: RangeSource;
  /** The channel that sets its upper end, where channels were looked at: what one channel reaches, all have to pay for. */
  readonly widestChannel: number | undefined;
  /** How wide the range would be without that channel, where channels were looked at; 0 is in it. */
  readonly widthWithout: number | undefined;
}

/** Ranges by `tensorKey`, of the tensors that decide the grids of the {@link integerForm}. */
export type TensorRanges = ReadonlyMap<string, SourcedRange>;

/**
 * The ranges that the tensors of `model` are expected to have. Without samples they are the mean of each channel and 6 deviations to
 * both sides (Nagel et al. 2019, section 5; 10 behind a depthwise convolution), as the statistics of batch norms give them through
 * the whole graph, cut off where activations and caps do it.
 *
 * @throws InvalidModelError where nothing tells a range, or it is not finite, with the layers; RangeError where there are not as
 * many input ranges as inputs; what the runner throws.
 */
export async function tensorRanges(model: Model, options: TensorRangeOptions = {}): Promise<TensorRanges> {
  const form = integerForm(model);
  const { inputRanges, samples, standIns } = options;
  const expected = expectedRanges(form, { inputRanges });
  const deciding = gridGroups(buildGraph(form)).flatMap((group) => group.deciding);
  const found = new Map(
    deciding.map((tensor): [string, Found] => {
      const key = tensorKey(tensor);
      return [key, { tensor, range: expected.get(key) }];
    }),
  );
  const watched = ({ runner, ...others }: RangeSamples): RangeSamples => ({
    ...others,
    runner: watchedRunner(runner, asStage(options, 'ranges')),
  });
  if (samples) await measure(found, [...found.keys()], form, watched(samples), 'samples');
  const unknown = [...found].flatMap(([key, { range }]) => (range ? [] : key));
  if (unknown.length > 0 && standIns) {
    const made = typeof standIns === 'function' ? await standIns() : standIns;
    await measure(found, unknown, form, watched(made), 'stand-ins');
  }
  const lost = [...found.values()].filter(({ range }) => !range);
  const [first] = lost;
  if (first) {
    throw new InvalidModelError(
      first.tensor.producer?.path ?? '',
      `nothing tells the range of ${placeOf(first.tensor)}${lost.length > 1 ? ` and of ${lost.length - 1} more tensors` : ''}: no batch ` +
        'norm, and no samples; give inputs to measure it on',
    );
  }
  return new Map([...found].flatMap(([key, { range }]) => (range ? [[key, range] as const] : [])));
}

interface Found {
  readonly tensor: GraphTensor;
  range: SourcedRange | undefined;
}

/** What is known of a model besides its statistics. */
export interface ExpectedRangeOptions {
  readonly inputRanges?: TensorRangeOptions['inputRanges'];
  /** Those of the model; from its statistics where they are left out. */
  readonly moments?: ActivationMoments;
}

/**
 * What statistics tell of the ranges of all tensors of `model`, as {@link tensorRanges} has it, by `tensorKey`; tensors of which
 * they tell nothing are left out. What ends in a softmax or sigmoid is between 0 and 1, behind a tanh between -1 and 1.
 *
 * @throws RangeError where there are not as many input ranges as inputs.
 */
export function expectedRanges(
  model: Model,
  { inputRanges, moments = activationMoments(model) }: ExpectedRangeOptions = {},
): TensorRanges {
  const graph = buildGraph(model);
  if (inputRanges && inputRanges.length !== graph.inputs.length) {
    throw new RangeError(`${inputRanges.length} input ranges for a model with ${graph.inputs.length} inputs`);
  }
  const reaches = expectedReaches(graph);
  const rangeOf = (tensor: GraphTensor): SourcedRange | undefined => {
    const path = tensor.producer?.path ?? '';
    const given = inputRanges?.[graph.inputs.indexOf(tensor)] ?? rangeOfKind(tensor);
    if (given) return { ...given, path, source: 'given', widestChannel: undefined, widthWithout: undefined };
    const distribution = moments.of(tensor);
    if (!distribution) return undefined;
    const { low, high } = channelReach(distribution, reaches.get(tensor) ?? 0);
    const [min, max] = [smallestOf([0, ...low]), largestOf([0, ...high])];
    if (!Number.isFinite(max - min)) return undefined;
    const widestChannel = widest(low, high);
    const [others, above] = [low, high].map((ends) => ends.filter((_, channel) => channel !== widestChannel));
    const widthWithout = largestOf([0, ...(above ?? [])]) - smallestOf([0, ...(others ?? [])]);
    return { min, max, path, source: 'statistics', widestChannel, widthWithout };
  };
  const ranges = new Map<string, SourcedRange>();
  for (const tensor of [...graph.inputs, ...graph.calls.flatMap(({ outputs }) => outputs)]) {
    const range = rangeOf(tensor);
    if (range) ranges.set(tensorKey(tensor), range);
  }
  return ranges;
}

const PROBABILITY: TensorRange = { min: 0, max: 1 };
const RANGES_OF_KINDS: ReadonlyMap<string, TensorRange> = new Map([
  ['softmax', PROBABILITY],
  ['sigmoid', PROBABILITY],
  ['tanh', { min: -1, max: 1 }],
]);

/** The range of what a layer ends in whatever it reads. */
function rangeOfKind({ producer }: GraphTensor): TensorRange | undefined {
  const activation = producer && activationOf(producer.layer.operation);
  return activation?.kind === 'other' ? RANGES_OF_KINDS.get(activation.name.toLowerCase()) : undefined;
}

function widest(low: Float64Array, high: Float64Array): number {
  const far = high.map((value, channel) => Math.max(value, -(low[channel] ?? 0)));
  return far.indexOf(largestOf(far));
}

/** Smallest and largest value on inputs. */
async function measure(
  found: ReadonlyMap<string, Found>,
  keys: readonly string[],
  form: Model,
  { runner, inputs, batchSize }: RangeSamples,
  source: RangeSource,
): Promise<void> {
  const wanted = new Set(keys);
  const measured = new Map<string, TensorRange>();
  await runner.run(form, inputs, {
    ...(batchSize === undefined ? {} : { batchSize }),
    wantsTensor: (tensor) => wanted.has(tensorKey(tensor)),
    onTensor: (tensor, values) => {
      if (!isFloat(values.dtype) || values.size === 0) return undefined;
      const key = tensorKey(tensor);
      const { min, max } = measured.get(key) ?? { min: 0, max: 0 };
      const extremes = extremesOf(values, wholeLayout(values));
      measured.set(key, {
        min: Math.min(min, extremes.min[0] ?? NaN),
        max: Math.max(max, extremes.max[0] ?? NaN),
      });
      return undefined;
    },
  });
  for (const [key, range] of measured) {
    const one = found.get(key);
    const path = one?.tensor.producer?.path ?? '';
    if (!Number.isFinite(range.max - range.min)) {
      throw new InvalidModelError(path, `its values range from ${range.min} to ${range.max} on these inputs`);
    }
    if (!one) continue;
    const { widestChannel, widthWithout } = one.range ?? {};
    one.range = { ...range, path, source, widestChannel, widthWithout };
  }
}
