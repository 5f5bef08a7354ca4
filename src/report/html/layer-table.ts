/**
 * The table of all layers, which sorts by its columns.
 *
 * @module
 */

import type { WeightSqnr } from '../../quantization/weight-sqnr.ts';
import { shapeText, short, tinyPercent } from '../../text/numbers.ts';
import type { LayerFacts } from '../inspect-report.ts';
import { type Html, html, nameHtml } from './escape.ts';
import { kernelSqnrText } from './kernel-facts.ts';
import type { ReportContent } from './report-content.ts';
import type { NumberedStrip } from './strip-figures.ts';

interface Column {
  readonly title: string;
  /** What the values are; numbers go to the right, and the first click has the largest on top. */
  readonly kind: 'text' | 'number';
  cell(row: LayerFacts): { readonly text: string; readonly value?: number | undefined };
}

/** Every layer in a row, with a link to its strip. */
export function layerTable(content: ReportContent, strips: readonly NumberedStrip[]): Html {
  // The last kernel of a SeparableConv is the one that has its output channels.
  const stripOf = new Map(strips.map((one) => [one.strip.layer, one]));
  const rows = content.subject.layers;
  const columns = columnsOf(content, stripOf).filter(
    (column, index) => index < 3 || rows.some((row) => column.cell(row).text !== ''),
  );
  const lines = rows.map((row) => html`${rowOf(row, columns, stripOf.get(row.layer))}\n`);
  return html`<div class="scroll" role="region" aria-label="Table of layers" tabindex="0">
<table class="sortable"><thead><tr>${columns.map(({ title, kind }) => html`<th scope="col" class="${kind}" data-kind="${kind}">${title}</th>`)}</tr></thead>
<tbody>${lines}</tbody></table></div>`;
}

function rowOf(row: LayerFacts, columns: readonly Column[], strip: NumberedStrip | undefined): Html {
  const cells = columns.slice(1).map((column) => {
    const { text, value } = column.cell(row);
    const sortedBy = value === undefined || Number.isNaN(value) ? undefined : html` data-value="${value}"`;
    return html`<td class="${column.kind}"${sortedBy}>${text}</td>`;
  });
  const name = strip ? html`<a href="#${strip.id}">${nameHtml(row.layer)}</a>` : nameHtml(row.layer);
  return html`<tr><th scope="row">${name}</th>${cells}</tr>`;
}

function columnsOf(
  { subject: { labels, weightSqnr }, damage }: ReportContent,
  stripOf: ReadonlyMap<string, NumberedStrip>,
): Column[] {
  const number = (
    title: string,
    value: (layer: string) => number | undefined,
    text: (value: number) => string,
  ): Column => ({
    title,
    kind: 'number',
    cell: ({ layer }) => {
      const found = value(layer);
      return found === undefined ? { text: '' } : { text: text(found), value: found };
    },
  });
  const [before, after] = [weightSqnr.before, weightSqnr.after].map(worstByLayer);
  return [
    { title: 'Layer', kind: 'text', cell: ({ layer }) => ({ text: layer }) },
    { title: 'Class', kind: 'text', cell: ({ className }) => ({ text: className }) },
    { title: 'Output', kind: 'text', cell: ({ outputShape }) => shapeCell(outputShape) },
    number(`Spread ${labels.before}`, (layer) => stripOf.get(layer)?.scaled.before?.spread, short),
    number(`Spread ${labels.after}`, (layer) => stripOf.get(layer)?.scaled.after?.spread, short),
    number(`SQNR ${labels.before}`, (layer) => before?.get(layer), kernelSqnrText),
    number(`SQNR ${labels.after}`, (layer) => after?.get(layer), kernelSqnrText),
    number('Damage as it is', (layer) => damage.get(layer)?.before, tinyPercent),
    number('Damage equalized', (layer) => damage.get(layer)?.after, tinyPercent),
  ];
}

/** Shapes sort by their size. */
function shapeCell(shape: LayerFacts['outputShape']): ReturnType<Column['cell']> {
  if (shape === null) return { text: '' };
  const value = shape.slice(1).reduce<number>((product, length) => product * (length ?? 1), 1);
  return { text: shapeText(shape), value };
}

function worstByLayer(weights: readonly WeightSqnr[] = []): Map<string, number> {
  const worst = new Map<string, number>();
  for (const { layer, sqnr } of weights) worst.set(layer, Math.min(sqnr, worst.get(layer) ?? Infinity));
  return worst;
}
