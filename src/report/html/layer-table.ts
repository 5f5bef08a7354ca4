/**
 * The table of all layers, which sorts by its columns.
 *
 * @module
 */

import type { WeightSqnr } from '../../quantization/weight-sqnr.ts';
import { shapeText, short, tinyPercent } from '../../text/numbers.ts';
import { type Html, html, nameHtml } from './escape.ts';
import { kernelSqnrText } from './kernel-facts.ts';
import type { ReportContent } from './report-content.ts';
import type { NumberedStrip } from './strip-figures.ts';

interface Column {
  readonly title: string;
  /** What the values are; numbers go to the right, and the first click has the largest on top. */
  readonly kind: 'text' | 'number';
  cell(row: Row): { readonly text: string; readonly value?: number | undefined };
}

interface Row {
  readonly layer: string;
  readonly className: string;
  readonly shape: string;
  readonly size: number | undefined;
  readonly strip: NumberedStrip | undefined;
  readonly sqnrBefore: number | undefined;
  readonly sqnrAfter: number | undefined;
  readonly damageBefore: number | undefined;
  readonly damageAfter: number | undefined;
}

/** Every layer in a row, with a link to its strip. */
export function layerTable(content: ReportContent, strips: readonly NumberedStrip[]): Html {
  const rows = rowsOf(content, strips);
  const columns = columnsOf(content).filter(
    (column, index) => index < 3 || rows.some((row) => column.cell(row).text !== ''),
  );
  return html`<div class="scroll" role="region" aria-label="Table of layers" tabindex="0">
<table class="sortable"><thead><tr>${columns.map(({ title, kind }) => html`<th scope="col" class="${kind}" data-kind="${kind}">${title}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`${rowOf(row, columns)}\n`)}</tbody></table></div>`;
}

function rowOf(row: Row, columns: readonly Column[]): Html {
  const cells = columns.slice(1).map((column) => {
    const { text, value } = column.cell(row);
    const sortedBy = value === undefined || Number.isNaN(value) ? undefined : html` data-value="${value}"`;
    return html`<td class="${column.kind}"${sortedBy}>${text}</td>`;
  });
  const name = row.strip ? html`<a href="#${row.strip.id}">${nameHtml(row.layer)}</a>` : nameHtml(row.layer);
  return html`<tr><th scope="row">${name}</th>${cells}</tr>`;
}

function columnsOf({ subject: { labels } }: ReportContent): Column[] {
  const number = (
    title: string,
    value: (row: Row) => number | undefined,
    text: (value: number) => string,
  ): Column => ({
    title,
    kind: 'number',
    cell: (row) => {
      const found = value(row);
      return found === undefined ? { text: '' } : { text: text(found), value: found };
    },
  });
  return [
    { title: 'Layer', kind: 'text', cell: ({ layer }) => ({ text: layer }) },
    { title: 'Class', kind: 'text', cell: ({ className }) => ({ text: className }) },
    { title: 'Output', kind: 'text', cell: ({ shape, size }) => ({ text: shape, value: size }) },
    number(`Spread ${labels.before}`, ({ strip }) => strip?.scaled.before?.spread, short),
    number(`Spread ${labels.after}`, ({ strip }) => strip?.scaled.after?.spread, short),
    number(`SQNR ${labels.before}`, ({ sqnrBefore }) => sqnrBefore, kernelSqnrText),
    number(`SQNR ${labels.after}`, ({ sqnrAfter }) => sqnrAfter, kernelSqnrText),
    number('Damage as it is', ({ damageBefore }) => damageBefore, tinyPercent),
    number('Damage equalized', ({ damageAfter }) => damageAfter, tinyPercent),
  ];
}

function rowsOf({ subject, damage }: ReportContent, strips: readonly NumberedStrip[]): Row[] {
  // The last kernel of a SeparableConv is the one that has its output channels.
  const stripOf = new Map(strips.map((one) => [one.strip.layer, one]));
  const before = worstByLayer(subject.weightSqnr.before);
  const after = worstByLayer(subject.weightSqnr.after);
  return subject.layers.map(({ layer, className, outputShape }) => ({
    layer,
    className,
    shape: outputShape === null ? '' : shapeText(outputShape),
    size: outputShape?.slice(1).reduce<number>((product, length) => product * (length ?? 1), 1),
    strip: stripOf.get(layer),
    sqnrBefore: before.get(layer),
    sqnrAfter: after.get(layer),
    damageBefore: damage.get(layer)?.before,
    damageAfter: damage.get(layer)?.after,
  }));
}

function worstByLayer(weights: readonly WeightSqnr[] = []): Map<string, number> {
  const worst = new Map<string, number>();
  for (const { layer, sqnr } of weights) worst.set(layer, Math.min(sqnr, worst.get(layer) ?? Infinity));
  return worst;
}
