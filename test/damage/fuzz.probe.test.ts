import { appendFileSync } from 'node:fs';
import { test } from 'vitest';
import { seededRandom } from '../support/random.ts';
import { wholeJob } from './campaign.ts';
import { configurationOf, fixtureFiles, mainName } from './model-files.ts';
import { flipped, flippedEntry, reconfigured, truncations, type Variant } from './variants.ts';

const names = (process.env['PROBE'] ?? '').split(',');
const times = Number(process.env['N'] ?? 300);
const seed = Number(process.env['SEED'] ?? 1);
const log = (s: string) => appendFileSync(process.env['LOG'] ?? '/tmp/probe.log', s + '\n');
test.each(names)(
  '%s',
  async (name) => {
    const files = fixtureFiles(name);
    const random = seededRandom(seed);
    const counts: Record<string, number> = {};
    let slowest = 0,
      total = 0;
    const t00 = performance.now();
    let maxRss = 0;
    const run = async (kind: string, v: Variant) => {
      total++;
      appendFileSync('/tmp/probe.last', '');
      const t0 = performance.now();
      let outcome: string;
      try {
        outcome = await wholeJob(v.files);
      } catch (e) {
        outcome = 'ESCAPE';
        const err = e as Error;
        log(
          `${name} ${kind}: ${v.label}\n   ${(err.stack ?? String(err)).split('\n').slice(0, 7).join('\n   ')}`,
        );
      }
      const ms = performance.now() - t0;
      if (ms > 400) log(`SLOW ${name} ${kind} ${Math.round(ms)}: ${v.label}`);
      slowest = Math.max(slowest, ms);
      maxRss = Math.max(maxRss, process.memoryUsage.rss());
      counts[`${kind} ${outcome}`] = (counts[`${kind} ${outcome}`] ?? 0) + 1;
    };
    for (const v of truncations(files)) await run('trunc', v);
    const zip = mainName(files).endsWith('.keras');
    for (let i = 0; i < times; i++)
      await run('flip', zip && i % 3 > 0 ? flippedEntry(files, random) : flipped(files, random));
    const c = await configurationOf(files);
    for (let i = 0; i < times; i++) await run('config', await reconfigured(c, random));
    log(
      `== ${name} ${total} in ${Math.round(performance.now() - t00)} ms, slowest ${Math.round(slowest)}, rss ${Math.round(maxRss / 2 ** 20)} ${JSON.stringify(counts)}`,
    );
  },
  1e7,
);
