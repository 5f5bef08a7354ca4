/**
 * The script of a report: without it nothing is missing but sorting and the numbers of single channels.
 *
 * It is text and not a function, because whatever compiles this library may rewrite a function.
 */
export const PAGE_SCRIPT = `
'use strict';
for (const table of document.querySelectorAll('.sortable')) {
  const body = table.tBodies[0];
  const original = [...body.rows];
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    // No button element: browsers leave those out of the headers that they repeat on each printed page.
    const button = document.createElement('span');
    button.setAttribute('role', 'button');
    button.tabIndex = 0;
    button.append(...header.childNodes);
    header.append(button);
    header.setAttribute('aria-sort', 'none');
    button.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== ' ') return;
      event.preventDefault();
      button.click();
    });
    button.addEventListener('click', () => {
      const isNumber = header.dataset.kind === 'number';
      const orders = isNumber ? ['descending', 'ascending', 'none'] : ['ascending', 'descending', 'none'];
      const next = orders[(orders.indexOf(header.getAttribute('aria-sort')) + 1) % 3];
      for (const other of headers) other.setAttribute('aria-sort', 'none');
      header.setAttribute('aria-sort', next);
      body.append(...sorted(original, column, next));
    });
  });
}
function sorted(rows, column, order) {
  if (order === 'none') return rows;
  const sign = order === 'ascending' ? 1 : -1;
  return rows
    .map((row) => ({ row, key: keyOf(row.cells[column]) }))
    .sort((a, b) => {
      if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
      if (typeof a.key === 'number' && typeof b.key === 'number') return sign * (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
      return sign * String(a.key).localeCompare(String(b.key), 'en', { numeric: true });
    })
    .map(({ row }) => row);
}
function keyOf(cell) {
  if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
  return cell.textContent === '' ? null : cell.textContent;
}
for (const chart of document.querySelectorAll('.chart')) {
  const readout = chart.parentElement.querySelector('.readout');
  const band = chart.querySelector('.band');
  const channels = Number(band.getAttribute('width'));
  let sides;
  let channel = -1;
  const tell = (next) => {
    channel = Math.max(0, Math.min(channels - 1, next));
    sides ??= [...chart.querySelectorAll('.bars')].map(sideOf);
    readout.textContent = 'channel ' + channel + ': ' + sides.map((side) => side(channel)).join(', ');
  };
  const clear = () => {
    readout.textContent = '';
    channel = -1;
  };
  chart.addEventListener('pointermove', (event) => {
    const box = band.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    if (share < 0 || share > 1) clear();
    else tell(Math.floor(share * channels));
  });
  chart.addEventListener('pointerleave', clear);
  chart.addEventListener('blur', clear);
  chart.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step === undefined && event.key !== 'Home' && event.key !== 'End') return;
    event.preventDefault();
    if (step === undefined) tell(event.key === 'Home' ? 0 : channels - 1);
    else tell(channel + step);
  });
  chart.tabIndex = 0;
  chart.setAttribute('role', 'group');
  chart.setAttribute('aria-label', 'Arrow keys go from channel to channel');
}
function sideOf(path) {
  const name = path.closest('g').querySelector('.side').textContent;
  const [low, high] = [path.dataset.low, path.dataset.high].map((list) => list.split(' '));
  return (index) => name + (index < low.length ? ' about ' + low[index] + ' to ' + high[index] + ' steps' : ' none');
}
const folded = () => [...document.querySelectorAll('details:not([open])')];
let unfolded = [];
addEventListener('beforeprint', () => {
  unfolded = folded();
  for (const details of unfolded) details.open = true;
});
addEventListener('afterprint', () => {
  for (const details of unfolded) details.open = false;
});
`;

/** The SHA-256 of {@link PAGE_SCRIPT}, by which the page's policy lets it run and nothing else. */
export const PAGE_SCRIPT_HASH = 'sha256-o9r1S6n0bBKGnBZjiKDEU1T+qkigjRZhi362laGxbbI=';
