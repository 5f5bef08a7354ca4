/**
 * `npm run bench:accuracy`: what 8-bit kernels leave of published networks after each recipe, of the example at 8, 6
 * and 4 bits, and what is left of them on integers, as tables.
 *
 * `-- --write` puts the tables into docs/accuracy.md; names of networks (or `example`) measure those alone,
 * `--recipe TEXT` the recipes whose names have the text, and `--part kernels` or `--part integers` one of the two; `--calibration FOLDER`
 * measures the ranges of a network on `FOLDER/NAME.npy` instead of the inputs, such as `matched_pictures.py` makes them.
 *
 * @module
 */

import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Model } from '../../src/model/model.ts';
import { loadInputs, loadModel } from '../../src/node.ts';
import { TfjsRunner } from '../../src/verification/run/runner.ts';
import { firstSamples } from '../../src/verification/run/samples.ts';
import { BATCH, labelledImages, unlabelledInputs } from './inputs.ts';
import { INTEGER_RECIPES, type IntegerBench, measureIntegers, worstTensors } from './integers.ts';
import { measureAccuracy, measureAgreement } from './measure.ts';
import { type AnyNetwork, EXAMPLE, NETWORKS, SHARED, SMALL_NETWORKS } from './networks.ts';
import { RECIPES } from './recipes.ts';
import {
  type AccuracyResults,
  type IntegerTables,
  renderIntegerTables,
  renderTables,
  writeIntegerTables,
  writeTables,
} from './tables.ts';

const BITS = [8, 6, 4];
const WORST = 3;

const { values: options, positionals } = parseArgs({
  options: {
    write: { type: 'boolean', default: false },
    recipe: { type: 'string', default: '' },
    part: { type: 'string', default: '' },
    calibration: { type: 'string' },
  },
  allowPositionals: true,
});
const parts = ['kernels', 'integers'].filter((part) => part.includes(options.part));
const everything = [...Object.keys(NETWORKS), ...Object.keys(SMALL_NETWORKS), 'example'];
const unknown = positionals.find((name) => !everything.includes(name));
if (unknown !== undefined) throw new RangeError(`${unknown}: choose from ${everything.join(', ')}`);
if (options.write && (positionals.length > 0 || options.recipe !== '' || options.calibration !== undefined)) {
  throw new RangeError('--write needs everything');
}
const names = positionals.length > 0 ? positionals : everything;
const named = <One extends { readonly name: string }>(list: readonly One[]): One[] =>
  list.filter(({ name }) => name.includes(options.recipe));
const runner = await TfjsRunner.create();
if (parts.includes('kernels')) {
  const networks: AccuracyResults['networks'][number][] = [];
  for (const { name, title, model, bench } of await published(NETWORKS)) {
    process.stderr.write(`${name}: kernels …\n`);
    networks.push({ title, rows: await measureAgreement(model, named(RECIPES), bench) });
  }
  const tables = renderTables({ networks, example: await measureExample() });
  console.log(tables);
  if (options.write) writeTables(tables);
}
if (parts.includes('integers')) {
  const networks: IntegerTables[] = [];
  for (const one of [...(await published({ ...NETWORKS, ...SMALL_NETWORKS })), ...(await labelled())]) {
    process.stderr.write(`${one.name}: integers …\n`);
    networks.push(await measuredIntegers(one));
  }
  const tables = renderIntegerTables(networks);
  console.log(tables);
  if (options.write) writeIntegerTables(tables);
}

interface Measurable {
  readonly name: string;
  readonly title: string;
  readonly model: Model;
  readonly bench: IntegerBench;
}

async function published(networks: Readonly<Record<string, AnyNetwork>>): Promise<Measurable[]> {
  const found: Measurable[] = [];
  for (const [name, network] of Object.entries(networks)) {
    const { title, path, normalization } = network;
    if (!names.includes(name)) continue;
    if (!existsSync(`${SHARED}/${path}`)) {
      if (options.write) throw new Error(`${SHARED}/${path} is missing, and --write needs everything`);
      process.stderr.write(`${title}: left out, ${SHARED}/${path} is missing\n`);
      continue;
    }
    const model = await loadModel(`${SHARED}/${path}`);
    const inputs = await unlabelledInputs(model, network);
    found.push({
      name,
      title,
      model,
      bench: { runner, inputs, batchSize: BATCH.photographs, normalization },
    });
  }
  return found;
}

async function measuredIntegers({ name, title, model, bench }: Measurable): Promise<IntegerTables> {
  const recipes = named(INTEGER_RECIPES);
  const { calibration } = options;
  const given =
    calibration === undefined ? undefined : await loadInputs(model, [`${calibration}/${name}.npy`]);
  const rows = await measureIntegers(model, recipes, { ...bench, calibrating: given?.tensors });
  const few = { ...bench, inputs: firstSamples(bench.inputs, BATCH.photographs) };
  const usual = recipes.find(({ factors }) => factors === 'kernels and tensors');
  return { title, rows, worst: usual ? await worstTensors(model, usual, few, WORST) : [] };
}

async function labelled(): Promise<(Measurable & { bench: { readonly labels: Int32Array } })[]> {
  if (!names.includes('example')) return [];
  const model = await loadModel(EXAMPLE.model);
  const { images, labels } = await labelledImages(model);
  const { title, normalization } = EXAMPLE;
  const bench = { runner, inputs: [images], batchSize: BATCH.small, labels, normalization };
  return [{ name: 'example', title, model, bench }];
}

async function measureExample(): Promise<AccuracyResults['example']> {
  const [example] = await labelled();
  if (!example) return undefined;
  const { title, model, bench } = example;
  return { title, widths: BITS, ...(await measureAccuracy(model, named(RECIPES), BITS, bench)) };
}
