import { buildGraph, type GraphTensor } from '../../src/model/graph.ts';
import type { Model } from '../../src/model/model.ts';
import { shapeText } from '../../src/text/numbers.ts';
import type { MapLayer } from '../protocol.ts';

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
