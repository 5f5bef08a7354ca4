/**
 * Draws the picture at the top of README from the example: one kernel before and after, on the grid of 8 bits that it has.
 *
 *     node examples/idea.mjs examples/fashion-mobilenetv2.keras docs/idea.svg
 */

import { writeFileSync } from 'node:fs';
import { equalize } from 'crosslayer';
import { foldAllBatchNorms } from 'crosslayer/aimet';
import { loadModel } from 'crosslayer/node';
import { channelStrips, GRID_STEPS, scaledStrip } from 'crosslayer/report';

const LAYER = 'expanded_conv_depthwise';

const [WIDTH, HEIGHT] = [960, 384];
const PANEL = { width: 400, top: 74, height: 210 };
const [BEFORE, AFTER] = /** @type {const} */ ([40, 520]);

/** @typedef {{ readonly low: Float64Array, readonly high: Float64Array }} Ranges channels in steps of the grid */

/**
 * @param {string} input
 * @param {string} output
 */
export async function main(input, output) {
  const model = await loadModel(input);
  const folded = model.clone();
  foldAllBatchNorms(folded);
  const { model: equalized } = await equalize(model, { target: 'int8-per-tensor' });
  const strip = channelStrips(folded, equalized).find(({ layer }) => layer === LAYER);
  const { before, after } = strip ? scaledStrip(strip) : {};
  if (!before || !after) throw new RangeError(`${input} has no kernel ${LAYER} on a grid`);
  writeFileSync(output, picture(before, after));
}

/**
 * @param {Ranges} before
 * @param {Ranges} after
 */
function picture(before, after) {
  const [old, now] = [before, after].map((ranges) => Math.round(median(stepsOf(ranges))));
  const middle = (BEFORE + PANEL.width + AFTER) / 2;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" role="img" aria-label="One kernel on its grid of 8 bits: before, half of its channels use ${old} of 256 numbers or fewer; equalized, half use ${now} or more">
<style>
  text { fill: #24292f } .quiet { fill: #57606a } .frame { fill: #f6f8fa; stroke: #d0d7de } .grid { stroke: #d0d7de; stroke-width: .5 }
  .before { fill: #cf4a1f } .after { fill: #1a7f5a } .arrow { fill: none; stroke: #57606a; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .quiet { fill: #9198a1 } .frame { fill: #151b23; stroke: #3d444d } .grid { stroke: #3d444d }
    .before { fill: #ff8f66 } .after { fill: #4fc38f } .arrow { stroke: #9198a1 }
  }
</style>
${panel('before', before, BEFORE, 'A kernel, batch norm folded', 'One range for all channels. Half of them are left', `with ${old} of the 256 numbers of 8 bits, or fewer.`)}
<path class="arrow" d="M${middle - 24} ${PANEL.top + PANEL.height / 2}h44m-10 -8l10 8l-10 8"/>
<text class="quiet" x="${middle}" y="${PANEL.top + PANEL.height / 2 - 18}" text-anchor="middle" font-size="14">÷ s</text>
${panel('after', after, AFTER, 'The same kernel, equalized', 'Each channel is divided by a factor s of its own,', 'and the next layer multiplies by it: same outputs.', `Now half of them have ${now} numbers or more.`)}
</svg>
`;
}

/**
 * @param {string} name
 * @param {Ranges} ranges
 * @param {number} left
 * @param {string} title
 * @param {string[]} words
 */
function panel(name, { low, high }, left, title, ...words) {
  const { width, top, height } = PANEL;
  const least = low.reduce((one, other) => Math.min(one, other), 0);
  const y = (/** @type {number} */ step) => top + height - ((step - least) / GRID_STEPS) * height;
  const column = width / low.length;
  const lines = Array.from({ length: 17 }, (_, index) => least + (index * GRID_STEPS) / 16);
  const bars = Array.from(low, (smallest, channel) => {
    const [from, to] = [Math.min(0, smallest), Math.max(0, high[channel] ?? 0)];
    const tall = Math.max(1, y(from) - y(to));
    return `<rect class="${name}" x="${near(left + (channel + 0.2) * column)}" y="${near(y(to))}" width="${near(0.6 * column)}" height="${near(tall)}"/>`;
  });
  return [
    `<text x="${left}" y="32" font-size="19" font-weight="600">${title}</text>`,
    `<text class="quiet" x="${left}" y="56" font-size="14">its channels, from the smallest weight to the largest</text>`,
    `<rect class="frame" x="${left}" y="${top}" width="${width}" height="${height}"/>`,
    ...lines.map((line) => `<path class="grid" d="M${left} ${near(y(line))}h${width}"/>`),
    ...bars,
    ...words.map(
      (text, line) => `<text x="${left}" y="${top + height + 30 + 22 * line}" font-size="15">${text}</text>`,
    ),
  ].join('\n');
}

/** @param {Ranges} ranges */
function stepsOf({ low, high }) {
  return Array.from(low, (least, channel) => Math.max(0, high[channel] ?? 0) - Math.min(0, least) + 1);
}

/** @param {number[]} values */
function median(values) {
  return values.sort((one, other) => one - other)[values.length >> 1] ?? Number.NaN;
}

/** @param {number} value */
function near(value) {
  return Number(value.toFixed(1));
}

if (process.argv[1] === import.meta.filename) {
  const [input, output] = process.argv.slice(2);
  if (input === undefined || output === undefined) {
    console.error('usage: node examples/idea.mjs IN OUT.svg');
    process.exitCode = 2;
  } else {
    await main(input, output);
  }
}
