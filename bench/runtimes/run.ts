/**
 * `npm run bench:runtimes`: what a picture takes as a `.tflite` in int8 and in float, and in TF.js, as a table.
 *
 * `-- --write` puts the table into docs/benchmarks.md, names of networks measure those alone, `--rounds` says how often each
 * way is timed, and `--python` names a Python with ai-edge-litert and numpy, which runs the files with XNNPACK as well.
 *
 * @module
 */

import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { EXAMPLE, NETWORKS, SHARED } from '../accuracy/networks.ts';
import { median } from '../median.ts';
import { replaceTables } from '../replace-tables.ts';
import { type Timed, waysOf } from './ways.ts';

/** Networks by their names, with their files. */
const SOURCES: Readonly<Record<string, { readonly title: string; readonly path: string }>> = {
  example: { title: 'The example', path: EXAMPLE.model },
  dogs: { title: NETWORKS['dogs']?.title ?? '', path: `${SHARED}/${NETWORKS['dogs']?.path}` },
};
const MARKS = { begin: '<!-- runtimes -->', end: '<!-- end of runtimes -->' } as const;
/** The way that the others are compared with. */
const BASE = 'LiteRT, float32';

const { values: options, positionals } = parseArgs({
  options: {
    write: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '9' },
    python: { type: 'string' },
  },
  allowPositionals: true,
});
const rounds = Number(options.rounds);
if (!Number.isInteger(rounds) || rounds < 1)
  throw new RangeError(`--rounds ${options.rounds}: give 1 or more`);
const rows: string[] = [];
for (const name of positionals.length > 0 ? positionals : Object.keys(SOURCES)) {
  const source = SOURCES[name];
  if (!source) throw new RangeError(`${name}: choose from ${Object.keys(SOURCES).join(', ')}`);
  if (!existsSync(source.path)) process.stderr.write(`${name}: left out, ${source.path} is missing\n`);
  else rows.push(...(await measured(name, source)));
}
const table = [
  '| network | runtime and numbers | a picture | of the time in float |',
  '| --- | --- | ---: | ---: |',
  ...rows,
].join('\n');
console.log(table);
if (options.write) replaceTables('docs/benchmarks.md', MARKS, table);

async function measured(name: string, { title, path }: { title: string; path: string }): Promise<string[]> {
  process.stderr.write(`${title} …\n`);
  const ways = await waysOf(name, path, options.python);
  const times = new Map<string, number[]>(ways.map(({ title }) => [title, []]));
  // In turns, so that what else the machine does meets each of them; the first round warms up.
  for (let round = 0; round <= rounds; round++) {
    for (const way of ways) {
      const seconds = await way.picture();
      if (round > 0) times.get(way.title)?.push(seconds);
    }
  }
  for (const way of ways) way.close();
  const base = times.get(BASE) ?? [];
  return ways.map(({ title: way }: Timed) => {
    const own = times.get(way) ?? [];
    const ratio = median(own.map((seconds, round) => seconds / (base[round] ?? Number.NaN)));
    return `| ${[title, way, `${(1000 * median(own)).toFixed(1)} ms`, ratio.toFixed(2)].join(' | ')} |`;
  });
}
