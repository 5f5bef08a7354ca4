/**
 * Batch-norm folding, as AIMET's `aimet_tensorflow.keras.batch_norm_fold` has it.
 *
 * @module
 */

import { affineOf } from '../model/batch-norm.ts';
import { biasOf, setBias } from '../model/bias.ts';
import { constantResponse, scaleKernel } from '../model/channels.ts';
import { bypassLayers } from '../model/edit.ts';
import { buildGraph, type Graph, type GraphCall } from '../model/graph.ts';
import type { Layer } from '../model/layer.ts';
import type { Model } from '../model/model.ts';
import { isWeighted } from '../model/operation.ts';
import { describeSkip, type SkipReason } from '../model/skip-reason.ts';
import { keepStatistics, statisticsBehind } from '../model/statistics.ts';
import { type FoldablePair, findBackward, findForward } from './batch-norm-search.ts';
import { reverseDepthFirst } from './depth-first.ts';
import type { Pass, StepOptions } from './pass.ts';

/** A layer and the batch norm that was folded into it. */
export type FoldedPair = readonly [layer: Layer, bn: Layer];

/**
 * What {@link foldGivenBatchNorms} takes: `[layer, bn, true]` folds a batch norm into the layer before it,
 * `[bn, layer, false]` into the layer behind it; without the third element the order of the two tells.
 */
export type LayerPair = readonly [Layer, Layer, boolean] | readonly [Layer, Layer];

/**
 * Folds every batch norm that can be folded without changing the function: into the convolution or Dense before it,
 * else into the one behind it. Edits `model`.
 *
 * A folded batch norm leaves the model but keeps its weights; {@link Layer.foldedInto} tells where it went.
 *
 * @returns the pairs in the order of the reference (all backward ones, then all forward ones, each in reverse
 * depth-first order) and the model. `options.onSkip` is told of every batch norm that stays.
 */
export function foldAllBatchNorms(model: Model, options: StepOptions = {}): [FoldedPair[], Model] {
  const folded: FoldedPair[] = [];
  const total = [...model.allLayers()].filter(({ layer }) => layer.operation.kind === 'batchNorm').length;
  options.onProgress?.(0, total);
  // Each round may bring further batch norms next to a layer.
  for (const find of [findBackward, findForward]) {
    const findPairs = (): FoldablePair[] =>
      foldablePairs(model, find).filter((pair) => !options.veto?.(pathsOf(pair)));
    for (let pairs = findPairs(); pairs.length > 0; pairs = findPairs()) {
      folded.push(...foldPairs(pairs));
      options.onProgress?.(folded.length, total);
    }
  }
  const graph = buildGraph(model);
  for (const bn of batchNormCalls(graph)) options.onSkip?.(whyNot(graph, bn, options));
  return [folded, model];
}

/** A batch norm that was folded, and the layer that took it. Both by their paths. */
export interface FoldedBatchNorm {
  readonly layer: string;
  readonly batchNorm: string;
  /** `backward`: the layer stands before the batch norm; `forward`: behind it. */
  readonly direction: 'backward' | 'forward';
}

/** What was folded, as records and side-cars have it. */
export function foldsOf(foldedPairs: readonly FoldedPair[]): FoldedBatchNorm[] {
  return foldedPairs.map(([layer, bn]) => ({
    layer: layer.path,
    batchNorm: bn.path,
    direction: bn.foldedInto?.direction ?? 'backward',
  }));
}

/**
 * {@link foldAllBatchNorms} as a pass.
 *
 * ```ts
 * const [{ folded, left }] = await runPasses(model, [foldPass()]);
 * ```
 */
export function foldPass(): Pass<'fold', { readonly folded: readonly FoldedBatchNorm[] }> {
  return {
    name: 'fold',
    keepsFunction: true,
    run(model, context) {
      const [foldedPairs] = foldAllBatchNorms(model, context);
      const folded = foldsOf(foldedPairs);
      for (const { batchNorm, layer } of folded) context.onEdit([batchNorm, layer]);
      return { folded };
    },
  };
}

function pathsOf({ bn, layer }: FoldablePair): string[] {
  return [bn.path, layer.path];
}

/**
 * Folds the batch norms given. Edits `model`.
 *
 * @returns the model.
 * @throws TypeError where a pair is no layer with a batch norm of the model beside it, or where folding it would change
 * the function; the message has the reason. Nothing is folded then.
 */
export function foldGivenBatchNorms(model: Model, layerPairs: readonly LayerPair[]): Model {
  const graph = buildGraph(model);
  const seen = new Set<Layer>();
  const pairs = layerPairs.map((given, index) => {
    const pair = findGiven(graph, given, index);
    if (seen.has(pair.bn.layer)) throw new TypeError(`layerPairs[${index}]: ${pair.bn.path} is given twice`);
    seen.add(pair.bn.layer);
    return pair;
  });
  foldPairs(pairs);
  return model;
}

/** The first call of every batch norm, in the model's order. */
function batchNormCalls(graph: Graph): GraphCall[] {
  return graph.calls.filter(
    (call) => call.layer.operation.kind === 'batchNorm' && graph.callsOf(call.layer)[0] === call,
  );
}

function foldablePairs(model: Model, find: typeof findBackward): FoldablePair[] {
  const graph = buildGraph(model);
  const batchNorms = new Set(batchNormCalls(graph));
  return reverseDepthFirst(graph)
    .filter((call) => batchNorms.has(call))
    .flatMap((bn) => {
      const found = find(graph, bn);
      return 'pair' in found ? [found.pair] : [];
    });
}

/** The reason that says most: a veto, or that of the neighbour which is a layer with a kernel at all. */
function whyNot(graph: Graph, bn: GraphCall, { veto }: StepOptions): SkipReason {
  const found = [findBackward(graph, bn), findForward(graph, bn)];
  const [vetoed] = found.flatMap((one) => ('pair' in one ? (veto?.(pathsOf(one.pair)) ?? []) : []));
  const reasons = found.flatMap((one) => ('reason' in one ? [one.reason] : []));
  const telling = vetoed ?? reasons.find(({ code }) => code !== 'no-neighbour') ?? reasons[0];
  if (!telling) throw new TypeError(`${bn.path} could have been folded`);
  return telling;
}

function findGiven(graph: Graph, given: LayerPair, index: number): FoldablePair {
  const [first, second, isBackward = isWeighted(given[0].operation)] = given;
  const [layer, bn] = isBackward ? [first, second] : [second, first];
  const where = `layerPairs[${index}]`;
  const call = graph.callsOf(bn)[0];
  if (!call || bn.operation.kind !== 'batchNorm') {
    throw new TypeError(`${where}: ${bn.name} (${bn.className}) is no BatchNormalization of the model`);
  }
  const found = isBackward ? findBackward(graph, call) : findForward(graph, call);
  if ('reason' in found) throw new TypeError(`${where}: ${describeSkip(found.reason)}`);
  if (found.pair.layer.layer !== layer) {
    throw new TypeError(`${where}: ${found.pair.layer.path} stands beside ${call.path}, not ${layer.name}`);
  }
  return found.pair;
}

/** Folds pairs of one graph; their batch norms leave the model together. */
function foldPairs(pairs: readonly FoldablePair[]): FoldedPair[] {
  const folded = pairs.map(foldPair);
  const taken = new Map<Model, Set<Layer>>();
  for (const { owner, call } of pairs.map(({ bn }) => bn)) {
    taken.set(owner, (taken.get(owner) ?? new Set()).add(call.layer));
  }
  for (const [owner, layers] of taken) bypassLayers(owner, layers);
  return folded;
}

function foldPair(pair: FoldablePair): FoldedPair {
  const layer = pair.layer.layer;
  const bn = pair.bn.layer;
  if (pair.affine) foldForward(layer, pair.affine);
  else foldBackward(layer, bn);
  bn.foldedInto = { layer, direction: pair.direction, weights: new Map(layer.weights) };
  return [layer, bn];
}

/** `W[.., o] *= gamma / sigma`, `b = beta + (b - mean) gamma / sigma`. */
function foldBackward(layer: Layer, bn: Layer): void {
  const { a, d } = affineOf(bn);
  const statistics = statisticsBehind(bn, layer.statistics);
  scaleKernel(layer, 'output', a);
  setBias(
    layer,
    biasOf(layer).map((bias, channel) => bias * (a[channel] ?? 1) + (d[channel] ?? 0)),
  );
  layer.statistics = statistics;
}

/** `b[o] += sum over i, k of W d[i]` with the kernel as it was, then `W[.., i, ..] *= a[i]`. */
function foldForward(layer: Layer, { a, d }: { readonly a: Float64Array; readonly d: Float64Array }): void {
  const response = constantResponse(layer, d);
  keepStatistics(layer, () => {
    setBias(
      layer,
      biasOf(layer).map((bias, channel) => bias + (response[channel] ?? 0)),
    );
    scaleKernel(layer, 'input', a);
  });
}
