import type { GraphTensor } from '../../model/graph.ts';

/** An Embedding that an input is for. */
export interface EmbeddingEntries {
  /** The path of the layer. */
  readonly layer: string;
  /** It takes the whole numbers from 0 to one less. */
  readonly entries: number;
}

/** Layers that an index passes unchanged. */
const NEUTRAL_KINDS: ReadonlySet<string> = new Set(['input', 'identity', 'reshape', 'flatten']);

/** The Embedding that reads `input`, of several the one with the fewest entries; undefined where none does. */
export function embeddingEntries(input: GraphTensor): EmbeddingEntries | undefined {
  const found = input.consumers.flatMap(({ layer, outputs }): EmbeddingEntries[] => {
    const table = layer.weights.values().next().value;
    if (layer.className === 'Embedding' && table) return [{ layer: layer.path, entries: table.rows }];
    if (!NEUTRAL_KINDS.has(layer.operation.kind)) return [];
    return outputs.flatMap((output) => embeddingEntries(output) ?? []);
  });
  return found.reduce<EmbeddingEntries | undefined>(
    (fewest, one) => (fewest === undefined || one.entries < fewest.entries ? one : fewest),
    undefined,
  );
}
