/**
 * What is in a model and what equalization would do with it, without doing it.
 *
 * @module
 */

import { type Relu6Damage, relu6Damage } from '../equalization/caps/relu6-damage.ts';
import { buildGraph } from '../model/graph.ts';
import type { Model } from '../model/model.ts';
import type { Shape } from '../model/operation.ts';
import { ownClassNotes } from '../model/own-classes.ts';
import { describeSkip, type SkipCode, type SkipReason } from '../model/skip-reason.ts';
import { foldAllBatchNorms } from '../primitives/batch-norm-fold.ts';
import { findClsSets } from '../primitives/layer-groups.ts';
import { replaceRelu6WithRelu } from '../primitives/replace-relu6.ts';
import type { DamageReport } from './layer-damage.ts';
import { rangeSpreads } from './range-spread.ts';
import type { SidecarReport } from './sidecar-report.ts';

/** A layer, as reports name it. */
export interface LayerFacts {
  /** `Layer.path`. */
  readonly layer: string;
  readonly className: string;
  /** With the batch first; null where not known. */
  readonly outputShape: Shape | null;
}

/** One object for programs: what `crosslayer inspect --json` prints. Layers are named by their paths. */
export interface InspectReport {
  readonly schemaVersion: 1;
  readonly name: string;
  readonly kind: 'functional' | 'sequential';
  readonly parameters: number;
  readonly layers: readonly (LayerFacts & {
    readonly parameters: number;
    /** max / median of the channel ranges; null for a layer without kernel. */
    readonly rangeSpread: number | null;
    /** The same with batch norms folded, which is what plain 8-bit weights would see. */
    readonly foldedRangeSpread: number | null;
  })[];
  readonly batchNorms: readonly {
    readonly bn: string;
    /** The layer that takes it; null where it stays. */
    readonly into: string | null;
    readonly direction: 'backward' | 'forward' | null;
    /** Why it stays. */
    readonly reason: { readonly code: SkipCode; readonly message: string } | null;
  }[];
  /** Layers whose ReLU6 the step `relu6` would make a ReLU. */
  readonly relu6: readonly string[];
  /** What that is expected to change, from the statistics of batch norms, for each call of such a layer. */
  readonly relu6Damage: readonly Relu6Damage[];
  /** The sets that would be scaled after ReLU6 was replaced and batch norms were folded. */
  readonly clsSets: readonly {
    readonly layers: readonly string[];
    readonly reluBetween: readonly boolean[];
  }[];
  readonly notScaled: readonly {
    readonly code: SkipCode;
    readonly layers: readonly string[];
    readonly message: string;
  }[];
  /** What nobody looked at: the code of models of classes of somebody's own. */
  readonly notes: readonly string[];
  /** Which layers hurt at 8 bits, where that was asked for. */
  readonly damage?: DamageReport;
  /** What the command did with a side-car. */
  readonly sidecar?: SidecarReport;
}

/** Looks at `model`, which is not changed. */
export function inspectModel(model: Model): InspectReport {
  const spreads = spreadsByLayer(model);
  const notScaled: SkipReason[] = [];
  const [copy, relu6] = replaceRelu6WithRelu(model.clone());
  const stay = new Map<string, SkipReason>();
  const [foldedPairs] = foldAllBatchNorms(copy, {
    onSkip: (reason) => stay.set(reason.layers[0] ?? '', reason),
  });
  const foldedSpreads = spreadsByLayer(copy);
  const parameters = new Map([...model.allLayers()].map(({ path, layer }) => [path, layer.parameterCount]));
  const layers = layerFacts(model).map((facts) => ({
    ...facts,
    parameters: parameters.get(facts.layer) ?? 0,
    rangeSpread: spreads.get(facts.layer) ?? null,
    foldedRangeSpread: foldedSpreads.get(facts.layer) ?? null,
  }));
  const sets = findClsSets(copy, { onSkip: (reason) => notScaled.push(reason) });
  const takers = new Map(
    foldedPairs.map(([layer, bn]) => [bn.path, { layer, direction: bn.foldedInto?.direction }]),
  );
  return {
    schemaVersion: 1,
    name: model.name,
    kind: model.kind,
    parameters: model.parameterCount,
    layers,
    batchNorms: [...model.allLayers()]
      .filter(({ layer }) => layer.operation.kind === 'batchNorm')
      .map(({ path }) => {
        const taker = takers.get(path);
        const reason = stay.get(path);
        return {
          bn: path,
          into: taker?.layer.path ?? null,
          direction: taker?.direction ?? null,
          reason: reason ? { code: reason.code, message: describeSkip(reason) } : null,
        };
      }),
    relu6: relu6.map(({ path }) => path),
    relu6Damage: relu6Damage(model),
    notes: ownClassNotes(model),
    clsSets: sets.map(({ paths, reluBetween }) => ({ layers: paths, reluBetween })),
    notScaled: notScaled.map((reason) => ({
      code: reason.code,
      layers: reason.layers,
      message: describeSkip(reason),
    })),
  };
}

/** All layers of a model, nested ones too. */
export function layerFacts(model: Model): LayerFacts[] {
  const graph = buildGraph(model);
  return [...model.allLayers()].map(({ path, layer }) => ({
    layer: path,
    className: layer.className,
    outputShape: graph.callsOf(layer)[0]?.output().shape ?? null,
  }));
}

function spreadsByLayer(model: Model): Map<string, number> {
  return new Map(rangeSpreads(model).map(({ layer, spread }) => [layer, spread]));
}
