/**
 * A report as a page: one file, which asks for nothing else.
 *
 * @module
 */

import { reportJson } from '../report-json.ts';
import { GRID_STEPS, NARROW_STEPS } from '../strips/strip-scale.ts';
import { type Html, html, jsonForScript, nameHtml, trusted } from './escape.ts';
import { layerTable } from './layer-table.ts';
import { PAGE_SCRIPT, PAGE_SCRIPT_HASH } from './page-script.ts';
import { PAGE_STYLE, PAGE_STYLE_HASH } from './page-style.ts';
import type { ReportContent } from './report-content.ts';
import { factsList, reportSection } from './sections.ts';
import { numberedStrips, stripFigures } from './strip-figures.ts';

/** Characters of JSON that go into the page; a longer report is left out, and the page says so. */
const MAX_JSON = 1 << 20;

/** Nothing is fetched, whatever a layer may be called. */
const POLICY = `default-src 'none'; style-src '${PAGE_STYLE_HASH}'; script-src '${PAGE_SCRIPT_HASH}'`;

/** The page of a report. It prints, needs no network, and is the same for the same content. */
export function htmlReport(content: ReportContent): string {
  const { subject, purpose, facts, sections } = content;
  const strips = numberedStrips(subject.strips, 'strip');
  const tensors = numberedStrips(subject.tensorStrips, 'tensor');
  return html`<!doctype html>
<html lang="en"><head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${subject.name} · Crosslayer</title>
<style>${trusted(PAGE_STYLE)}</style>
</head><body>
<header><h1>${nameHtml(subject.name)}</h1><p class="purpose">${purpose}</p></header>
<main>
${factsList(facts)}
${sections.map(reportSection)}<section><h2>Layers</h2>
<p>Spread is the largest channel range of a kernel over the median one. SQNR is what rounding to ${subject.quantizer} leaves of
its weights.${sqnrNote(subject)}${content.damage.size === 0 ? undefined : ' Damage is its part of the error of the outputs that is expected.'}</p>
${layerTable(content, strips)}
</section>
${
  strips.length === 0
    ? undefined
    : html`<section><h2>Channel ranges</h2>
${legend(subject.labels)}
${stripFigures(strips, subject)}</section>`
}
${
  tensors.length === 0
    ? undefined
    : html`<section><h2>Ranges of tensors</h2>
<p class="legend">The same for what flows between layers, which has grids of 8 bits too: the least and the largest value that each
channel is expected to reach, as batch norms tell it. A channel in the grey band has at most 4 of its 8 bits left.</p>
${stripFigures(tensors, subject)}</section>`
}
</main>
${embedded(content.report)}
<script>${trusted(PAGE_SCRIPT)}</script>
</body></html>
`.html;
}

function legend({ before, after }: ReportContent['subject']['labels']): Html {
  return html`<p class="legend">Least to largest weight of each output channel, <i class="before"></i> ${before} and
<i class="after"></i> ${after}. Both are drawn in steps of the 8-bit grid that the kernel as a whole has, ${GRID_STEPS} steps from
end to end, so that all strips have one scale. A channel that stays inside the grey band, ${NARROW_STEPS} steps, has at most 4 of
its 8 bits left where the kernel has one range.</p>`;
}

/** One weight that is not finite leaves no grid to measure the others on. */
function sqnrNote({ weightSqnr: { before, after } }: ReportContent['subject']): string | undefined {
  return before && after ? undefined : ' Where it is missing a weight of the model is not finite.';
}

function embedded(report: object): Html {
  const json = reportJson(report);
  if (json.length > MAX_JSON) {
    return html`<footer><p>The report for programs is too long for this page; --json prints it.</p></footer>`;
  }
  return html`<script type="application/json" id="report">${jsonForScript(json)}</script>`;
}
