/**
 * Prints the tables of full-integer TFLite models in docs/accuracy.md.
 *
 *     node test/interop/tflite-table.mjs [--training FILE] [--recipe TEXT] [--write] [NETWORK…]
 *
 * @module
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ENVIRONMENTS, pythonOf } from './environments.mjs';
import { isThere, measure, NETWORKS, RECIPES, writeRecipes } from './tflite-models.mjs';

const ROOT = new URL('../../', import.meta.url).pathname;
const CACHE = join(ROOT, '.cache', 'interop');
const PAGE = join(ROOT, 'docs', 'accuracy.md');
const [START, END] = ['<!-- tflite -->', '<!-- end of tflite -->'];
const HEAD = [
  '| recipe | in float | per tensor | per channel | operators | kB |',
  '| --- | ---: | ---: | ---: | ---: | ---: |',
];

const { values: options, positionals } = parseArgs({
  options: {
    training: { type: 'string' },
    recipe: { type: 'string', default: '' },
    write: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const unknown = positionals.find((name) => !(name in NETWORKS));
if (unknown) throw new RangeError(`${unknown}: choose from ${Object.keys(NETWORKS).join(', ')}`);
if (options.write && (positionals.length > 0 || options.recipe)) {
  throw new RangeError('--write needs everything');
}
const environment = ENVIRONMENTS.find(({ name }) => name === 'keras3');
const interpreter = await pythonOf(environment, join(CACHE, 'environments'));
const tables = [];
for (const name of positionals.length > 0 ? positionals : Object.keys(NETWORKS)) {
  if (!isThere(NETWORKS[name])) throw new Error(`${NETWORKS[name].path} or its images are missing`);
  tables.push(await tableOf(name, NETWORKS[name]));
}
const text = tables.join('\n\n');
console.log(text);
if (options.write) write(text);

async function tableOf(name, network) {
  const recipes = Object.keys(RECIPES).filter((recipe) => recipe.includes(options.recipe));
  const models = await writeRecipes(network, recipes, join(CACHE, 'tflite', name));
  const isLabelled = 'labelled' in network.images;
  const job = {
    ...{ original: network.path, ...network.images },
    ...(isLabelled && options.training ? { training: options.training } : {}),
    // Keras 3 does not open every file of Keras 2; what was converted stands for the original.
    ...(network.path.endsWith('.keras') ? {} : { original: (await plainOf(network, name)).path }),
    models: models.map((model) => ({ ...model, perChannel: [false, true] })),
  };
  const results = [];
  await measure(interpreter, job, (result) => {
    results.push(result);
    process.stderr.write(`${JSON.stringify(result)}\n`);
  });
  const [{ images, float }] = results;
  const about = isLabelled
    ? `Accuracy on ${images} images; in float ${shown(float)}.`
    : `Agreement with the largest class in float, on ${images} crops.`;
  return [
    `### ${network.title}`,
    '',
    about,
    '',
    ...HEAD,
    ...recipes.map((recipe) => row(recipe, results)),
  ].join('\n');
}

async function plainOf(network, name) {
  const [plain] = await writeRecipes(network, ['plain'], join(CACHE, 'tflite', name));
  return plain;
}

function row(recipe, results) {
  const found = results.filter(({ name }) => name === recipe);
  const tensor = found.find(({ wantsPerChannel }) => !wantsPerChannel);
  const channel = found.find(({ wantsPerChannel }) => wantsPerChannel);
  const operators = Object.values(tensor.operators).reduce((sum, number) => sum + number, 0);
  const inFloat = tensor.notInteger === 0 ? '' : `, ${tensor.notInteger} tensors in float`;
  const cells = [recipe, shown(tensor.float), shownInteger(tensor), shownInteger(channel)];
  return `| ${[...cells, `${operators}${inFloat}`, Math.round(tensor.bytes / 1000)].join(' | ')} |`;
}

/** With a star where XNNPACK refuses the model and the built-in kernels ran it. */
function shownInteger({ integer, xnnpack }) {
  return `${shown(integer)}${xnnpack ? '' : ' \\*'}`;
}

function shown({ accuracy, agreement }) {
  return accuracy === null ? agreement.toFixed(3) : `${(100 * accuracy).toFixed(2)} %`;
}

function write(text) {
  const page = readFileSync(PAGE, 'utf8');
  const [start, end] = [page.indexOf(START), page.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`${PAGE}: ${START} … ${END} is missing`);
  writeFileSync(PAGE, `${page.slice(0, start + START.length)}\n\n${text}\n\n${page.slice(end)}`);
}
