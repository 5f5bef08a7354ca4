import { buildGraph, type GraphTensor } from '../model/graph.ts';
import type { Model } from '../model/model.ts';
import { shapeText } from '../text/numbers.ts';

/** A row of the map: a layer, in the order of the graph. */
export interface MapLayer {
  /** Its path; unique. */
  readonly layer: string;
  readonly className: string;
  /** As `32 x 32 x 8`; `?` where not known. */
  readonly shape: string;
  readonly parameters: number;
  /** max / median of the channel ranges as 8-bit weights would see them (batch norms folded); null without a kernel. */
  readonly spread: number | null;
  /** Indices of the rows that it reads, each above it. */
  readonly reads: readonly number[];
}

/**
 * The rows of the map of a model: its layers in the order of its flat graph, nested models walked as if inlined.
 *
 * @param spreads of layers with a kernel, by their paths.
 */
export function modelMap(model: Model, spreads: ReadonlyMap<string, number | null>): MapLayer[] {
  const graph = buildGraph(model);
  const indices = new Map<string, number>();
  for (const { path } of graph.calls) if (!indices.has(path)) indices.set(path, indices.size);
  return [...indices].map(([path, index]) => {
    const calls = graph.calls.filter((call) => call.path === path);
    const layer = calls[0]?.layer;
    // A shared layer has one row, where it is used first; what it reads later stands below.
    const reads = calls
      .flatMap(({ inputs }) => inputs.map((tensor) => rowOf(tensor, indices)))
      .filter((row): row is number => row !== undefined && row < index);
    return {
      layer: path,
      className: layer?.className ?? '',
      shape: shapeText(calls[0]?.outputs[0]?.shape),
      parameters: layer?.parameterCount ?? 0,
      spread: spreads.get(path) ?? null,
      reads: [...new Set(reads)],
    };
  });
}

function rowOf({ producer }: GraphTensor, indices: ReadonlyMap<string, number>): number | undefined {
  return producer && indices.get(producer.path);
}
