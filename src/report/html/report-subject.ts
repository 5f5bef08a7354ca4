/**
 * The model that a report is about, before and after.
 *
 * @module
 */

import { InvalidModelError } from '../../errors.ts';
import type { Model } from '../../model/model.ts';
import { parseQuantizer, type QuantizerName } from '../../quantization/quantizer.ts';
import { type WeightSqnr, weightSqnr } from '../../quantization/weight-sqnr.ts';
import { type LayerFacts, layerFacts } from '../inspect-report.ts';
import { type ChannelStrip, channelStrips } from '../strips/channel-strips.ts';
import { tensorStrips } from '../strips/tensor-strips.ts';

/** What a report needs of the models. */
export interface ReportSubject {
  readonly name: string;
  /** What before and after are called. */
  readonly labels: { readonly before: string; readonly after: string };
  readonly quantizer: QuantizerName;
  /** Of the original, then what was added. */
  readonly layers: readonly LayerFacts[];
  readonly strips: readonly ChannelStrip[];
  /** Of tensors, where activations have 8 bits. */
  readonly tensorStrips: readonly ChannelStrip[];
  /** Of each kernel on the grid of the quantizer; undefined where it has none, because a weight is not finite. */
  readonly weightSqnr: {
    readonly before: readonly WeightSqnr[] | undefined;
    readonly after: readonly WeightSqnr[] | undefined;
  };
}

/** What is compared in a report. */
export interface ReportSubjectOptions {
  /** What the kernels of are shown first, such as the original with batch norms folded. */
  readonly before: Model;
  readonly after: Model;
  /** What the kernels are rounded from where `after` has them on their grid already; `after` if left out. */
  readonly unrounded?: Model;
  readonly quantizer: QuantizerName;
  /** Whether activations have 8 bits too. */
  readonly hasTensors?: boolean;
  readonly labels?: ReportSubject['labels'];
}

/** Looks at two forms of `original`, none of which is changed. Their kernels are read up to three times. */
export function reportSubject(original: Model, options: ReportSubjectOptions): ReportSubject {
  const { before, after, unrounded = after, quantizer, labels, hasTensors = false } = options;
  const layers = layerFacts(original);
  const known = new Set(layers.map(({ layer }) => layer));
  return {
    name: original.name,
    labels: labels ?? { before: 'before', after: 'after' },
    quantizer,
    layers: [...layers, ...layerFacts(after).filter(({ layer }) => !known.has(layer))],
    strips: channelStrips(before, after),
    tensorStrips: hasTensors ? tensorStrips(before, after) : [],
    weightSqnr: { before: sqnrOf(before, quantizer), after: sqnrOf(unrounded, quantizer) },
  };
}

function sqnrOf(model: Model, quantizer: QuantizerName): WeightSqnr[] | undefined {
  try {
    return weightSqnr(model, parseQuantizer(quantizer));
  } catch (error) {
    if (error instanceof InvalidModelError) return undefined;
    throw error;
  }
}
