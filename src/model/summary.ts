import { largestOf } from '../tensor/extremes.ts';
import { buildGraph } from './graph.ts';
import type { Model } from './model.ts';

/** The text of {@link Model.summary}: a row a layer, nested models inlined. */
export function summarizeModel(model: Model): string {
  const graph = buildGraph(model);
  const rows = [...model.allLayers()].map(({ layer }) => {
    const call = graph.callsOf(layer)[0];
    const shape = call
      ?.output()
      .shape?.map((dimension) => dimension ?? 'None')
      .join(', ');
    const reads = (call?.inputs ?? []).map((tensor) => tensor.producer?.path ?? 'input').join(', ');
    return [
      `${layer.path} (${layer.className})`,
      shape === undefined ? '?' : `(${shape})`,
      String(layer.parameterCount),
      reads,
    ];
  });
  const header = ['Layer', 'Output shape', 'Parameters', 'Reads'];
  const widths = header.map((title, column) =>
    largestOf(
      rows.map((row) => (row[column] ?? '').length),
      title.length,
    ),
  );
  const lines = [header, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return [`${model.name} (${model.kind})`, ...lines, `${model.parameterCount} parameters`].join('\n');
}
