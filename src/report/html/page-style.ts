/** The style sheet of a report. Orange and blue are told apart by all kinds of colour vision. */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fff; --ink: #1a1a1a; --soft: #595959; --line: #c9c9c9; --raised: #f5f5f3;
  --before: #b35806; --after: #1f6fb4; --band: #00000026; --link: #1558a0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16181b; --ink: #ececec; --soft: #ababab; --line: #4a4d52; --raised: #212429;
    --before: #f1a340; --after: #6db3f2; --band: #ffffff3d; --link: #8cc4ff;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem clamp(1rem, 3vw, 3rem) 3rem; max-width: 112rem;
  background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif;
}
h1 { margin: 0; font-size: 1.7rem; line-height: 1.25; overflow-wrap: anywhere; }
h2 { margin: 2.25rem 0 .5rem; font-size: 1.25rem; }
p, ul, details { margin: .5rem 0; max-width: 75ch; overflow-wrap: anywhere; }
.purpose { margin-top: .25rem; color: var(--soft); font-size: 1.1rem; }
a { color: var(--link); }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)); gap: .6rem; margin: 1.25rem 0; }
.facts div { padding: .6rem .8rem; border-radius: .4rem; background: var(--raised); break-inside: avoid; }
dt { color: var(--soft); font-size: .85rem; }
dd { margin: 0; overflow-wrap: anywhere; }
summary { cursor: pointer; font-weight: 600; }
details li { margin: .2rem 0; }
.scroll { overflow: auto; max-width: 100%; width: fit-content; border: 1px solid var(--line); border-radius: .4rem; }
.scroll:has(.sortable) { max-height: min(80vh, 60rem); }
table { border-collapse: separate; border-spacing: 0; font-size: .875rem; line-height: 1.25rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3125rem .6875rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
tbody tr:last-child > * { border-bottom: 0; }
tbody th { min-width: 9rem; max-width: 26rem; font-weight: 400; overflow-wrap: anywhere; }
thead th { vertical-align: bottom; background: var(--raised); }
td { white-space: nowrap; }
.number { text-align: right; }
.sortable thead th { position: sticky; top: 0; min-width: 5.5rem; z-index: 1; }
.sortable tbody th { position: sticky; left: 0; background: var(--paper); background-clip: padding-box; }
.sortable thead th:first-child { left: 0; z-index: 2; }
.sortable thead [role=button] { cursor: pointer; }
th[aria-sort] [role=button]::after { content: ' \\2195'; color: var(--soft); }
th[aria-sort=ascending] [role=button]::after { content: ' \\2191'; color: inherit; }
th[aria-sort=descending] [role=button]::after { content: ' \\2193'; color: inherit; }
.strips { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 25rem), 1fr)); gap: 1rem 2rem; }
.strip-figure { margin: 0; min-width: 0; max-width: 44rem; break-inside: avoid; scroll-margin-top: 1rem; }
.strip-figure:target { outline: 2px solid var(--link); outline-offset: .5rem; }
figcaption { overflow-wrap: anywhere; }
figcaption span, .numbers, .none { color: var(--soft); font-size: .85rem; }
.numbers { margin: 0; padding: 0; list-style: none; }
.strip { display: block; width: 100%; height: auto; }
.strip text { font-size: 12px; font-variant-numeric: tabular-nums; white-space: pre; fill: currentColor; }
.strip .side { font-weight: 600; } .strip .step { text-anchor: end; } .strip .channel { text-anchor: middle; }
.strip .band { fill: var(--band); } .strip .frame { fill: none; stroke: var(--line); } .strip .ticks { stroke: currentColor; }
.strip .before .bars { stroke: var(--before); } .strip .after .bars { stroke: var(--after); }
.chart { cursor: crosshair; }
.readout { margin: 0; min-height: 1.3em; font-size: .85rem; line-height: 1.3; }
.legend i { display: inline-block; width: .8em; height: .8em; border-radius: .15em; vertical-align: -.05em; }
.legend .before { background: var(--before); } .legend .after { background: var(--after); }
@media (max-width: 40rem) {
  tbody th { min-width: 8rem; max-width: 10.5rem; }
  th, td { padding: .3125rem .5rem; }
}
@media print {
  :root {
    color-scheme: light;
    --paper: #fff; --ink: #000; --soft: #444; --line: #bbb; --raised: #f3f3f3;
    --before: #b35806; --after: #1f6fb4; --band: #00000026; --link: #000;
  }
  body { padding: 0; font-size: 9.5pt; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .scroll, .scroll:has(.sortable) { overflow: visible; max-height: none; width: auto; border: 0; }
  table { width: 100%; font-size: 7.5pt; line-height: 1.35; }
  th, td { padding: .15rem .3rem; }
  p, ul, details { max-width: none; }
  details ul { columns: 2; column-gap: 2.5rem; }
  details li { break-inside: avoid; }
  .sortable tbody th, .sortable thead th { position: static; min-width: 0; }
  tbody th { max-width: none; min-width: 0; }
  tr, dl div { break-inside: avoid; }
  thead { display: table-header-group; }
  h2, summary { break-after: avoid; }
  details::details-content { content-visibility: visible; display: block; height: auto; }
  .strips { grid-template-columns: 1fr 1fr; gap: .8rem 1rem; }
  .readout, .sortable th[aria-sort] [role=button]::after { display: none; }
}
`;

/** The SHA-256 of {@link PAGE_STYLE}, by which the page's policy lets it apply and nothing else. */
export const PAGE_STYLE_HASH = 'sha256-gzmuH6qRT/oDZxs5h/nia7/6bKnYSitnbtmceOEiDaA=';
