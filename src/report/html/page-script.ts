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
  const svg = chart.querySelector('svg');
  const readout = chart.parentElement.querySelector('.readout');
  const channels = Number(svg.dataset.channels);
  const left = Number(svg.dataset.left);
  const right = Number(svg.dataset.right);
  const [lowest, highest] = svg.dataset.steps.split(' ').map(Number);
  let sides;
  let channel = -1;
  const tell = (next) => {
    channel = Math.max(0, Math.min(channels - 1, next));
    sides ??= [...svg.querySelectorAll('[aria-label="area"] path')].map(sideOf);
    const names = [...svg.querySelectorAll('[aria-label="text"] text')].map((text) => text.textContent);
    const lines = sides.map((side, index) => names[index] + ' ' + rangeText(side(channel)));
    readout.textContent = 'channel ' + channel + ': ' + lines.join(', ');
  };
  const clear = () => {
    readout.textContent = '';
    channel = -1;
  };
  function rangeText(steps) {
    return steps === undefined ? 'none' : 'about ' + steps.map((step) => Math.round(step)).join(' to ') + ' steps';
  }
  function sideOf(path) {
    const frame = svg.querySelector('[aria-label="frame"] rect');
    const top = Number(frame.getAttribute('y'));
    const bottom = top + Number(frame.getAttribute('height'));
    const { upper, lower } = outline(path.getAttribute('d'));
    return (index) => {
      const x = left + ((index + 0.5) / channels) * (right - left);
      const ends = [lower, upper].map((line) => line.find(([from, to]) => from <= x && x <= to));
      if (ends.includes(undefined)) return undefined;
      return ends.map(([, , y]) => lowest + ((bottom - y) / (bottom - top)) * (highest - lowest));
    };
  }
  chart.addEventListener('pointermove', (event) => {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    if (x < left || x > right) clear();
    else tell(Math.floor(((x - left) / (right - left)) * channels));
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
/* The level parts of a path of right angles: [from, to, y], those above and those below. */
function outline(path) {
  let x = 0;
  let y = 0;
  const upper = [];
  const lower = [];
  for (const [, kind, one, other] of path.matchAll(/([MLHV])(-?[\\d.]+)(?:,(-?[\\d.]+))?/g)) {
    const toX = kind === 'V' ? x : Number(one);
    const toY = kind === 'V' ? Number(one) : kind === 'H' ? y : Number(other);
    if (kind === 'H' && toX > x) upper.push([x, toX, y]);
    if (kind === 'H' && toX < x) lower.push([toX, x, y]);
    x = toX;
    y = toY;
  }
  return { upper, lower };
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
