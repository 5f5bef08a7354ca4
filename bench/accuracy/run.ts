/**
 * `npm run bench:accuracy`: what 8-bit kernels leave of published networks after each recipe, and of the example at 8, 6
 * and 4 bits, as tables.
 *
 * `-- --write` puts the tables into docs/accuracy.md; names of networks (or `example`) measure those alone, and
 * `--recipe TEXT` the recipes whose names have the text.
 *
 * @module
 */

import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { loadInputs, loadModel } from '../../src/node.ts';
import { modelInputs } from '../../src/verification/inputs/model-inputs.ts';
import { TfjsRunner } from '../../src/verification/run/runner.ts';
import { naturalCrops } from './crops.ts';
import { measureAccuracy, measureAgreement } from './measure.ts';
import { EXAMPLE, NETWORKS, SHARED } from './networks.ts';
import { RECIPES } from './recipes.ts';
import { type AccuracyResults, renderTables, writeTables } from './tables.ts';

const BITS = [8, 6, 4];
const BATCH = { photographs: 8, small: 100 } as const;

const { values: options, positionals } = parseArgs({
  options: { write: { type: 'boolean', default: false }, recipe: { type: 'string', default: '' } },
  allowPositionals: true,
});
const everything = [...Object.keys(NETWORKS), 'example'];
const unknown = positionals.find((name) => !everything.includes(name));
if (unknown !== undefined) throw new RangeError(`${unknown}: choose from ${everything.join(', ')}`);
if (options.write && (positionals.length > 0 || options.recipe !== '')) {
  throw new RangeError('--write needs everything');
}
const names = positionals.length > 0 ? positionals : everything;
const recipes = RECIPES.filter(({ name }) => name.includes(options.recipe));
const runner = await TfjsRunner.create();
const networks: AccuracyResults['networks'][number][] = [];
for (const [name, { title, path, normalization }] of Object.entries(NETWORKS)) {
  if (!names.includes(name)) continue;
  if (!existsSync(`${SHARED}/${path}`)) {
    if (options.write) throw new Error(`${SHARED}/${path} is missing, and --write needs everything`);
    process.stderr.write(`${title}: left out, ${SHARED}/${path} is missing\n`);
    continue;
  }
  process.stderr.write(`${title} …\n`);
  const model = await loadModel(`${SHARED}/${path}`);
  const size = modelInputs(model)[0]?.image?.height;
  if (!size) throw new Error(`${title}: takes no pictures of a known size`);
  const inputs = [await naturalCrops(`${SHARED}/photos`, size, normalization)];
  const bench = { runner, inputs, batchSize: BATCH.photographs };
  networks.push({ title, rows: await measureAgreement(model, recipes, bench) });
}
const example = names.includes('example') ? await measureExample() : undefined;
const tables = renderTables({ networks, example });
console.log(tables);
if (options.write) writeTables(tables);

async function measureExample(): Promise<AccuracyResults['example']> {
  process.stderr.write(`${EXAMPLE.title} …\n`);
  const model = await loadModel(EXAMPLE.model);
  const { tensors, labels } = await loadInputs(model, [EXAMPLE.images], { normalization: 'tf' });
  if (!labels) throw new Error(`${EXAMPLE.images}: no labels`);
  const bench = { runner, inputs: tensors, batchSize: BATCH.small, labels };
  return { title: EXAMPLE.title, widths: BITS, ...(await measureAccuracy(model, recipes, BITS, bench)) };
}
