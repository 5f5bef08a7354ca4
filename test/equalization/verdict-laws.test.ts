import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type EqualizationRecord, equalize } from '../../src/equalization/equalize.ts';
import { TARGETS, type Target } from '../../src/equalization/options.ts';
import type { Model } from '../../src/model/model.ts';
import { isWeighted } from '../../src/model/operation.ts';
import { loadModel } from '../../src/node.ts';
import { allIn } from '../../src/primitives/pass.ts';
import { goldenCases, goldenPath } from '../support/golden.ts';
import { randomGraph } from '../support/random-graph.ts';

/** The same graphs in every run. */
const seed = 20_240;

type Record = EqualizationRecord['passes'][number];

/** What its reasons say at least. */
const SENTENCES: Partial<{ readonly [Pass in Record['pass']]: RegExp }> = {
  scale: /is not scaled: before it stands \S.*; behind it, \S/,
  carry: /keeps its scale: \S/,
};

/** What a pass edited. */
function doneIn(record: Record): string[] {
  switch (record.pass) {
    case 'scale':
      return record.regions.flatMap(({ sources, sinks }) => [...sources, ...sinks]);
    case 'carry':
      return record.carried.map(({ layer }) => layer);
    case 'correct':
      return record.corrected.map(({ layer }) => layer);
    case 'fold':
      return record.folded.map(({ batchNorm }) => batchNorm);
    default:
      return [];
  }
}

/** Each layer that a pass is about is either in what it edited or in what it left alone, with a sentence. */
function expectVerdicts(paths: readonly string[], record: Record): void {
  const done = new Set(doneIn(record));
  for (const path of paths) {
    const own = record.left.filter(({ layers }) => layers[0] === path);
    expect(own, `${record.pass} ${path}`).toHaveLength(done.has(path) ? 0 : 1);
    for (const { message } of own) expect(message).toMatch(SENTENCES[record.pass] ?? /\S \S/);
  }
}

async function expectAllVerdicts(model: Model, target: Target): Promise<readonly Record[]> {
  const { report } = await equalize(model, { target });
  const layers = [...model.allLayers()];
  const kernels = layers.filter(({ layer }) => isWeighted(layer.operation)).map(({ path }) => path);
  const batchNorms = layers
    .filter(({ layer }) => layer.operation.kind === 'batchNorm')
    .map(({ path }) => path);
  for (const record of report.passes) expectVerdicts(record.pass === 'fold' ? batchNorms : kernels, record);
  return report.passes;
}

let golden: Model[];
beforeAll(async () => {
  golden = await Promise.all(goldenCases().map(({ name }) => loadModel(goldenPath(name, 'input.h5'))));
});

describe.each(TARGETS)('for %s every layer with a kernel and every batch norm has a verdict', (target) => {
  it('in random graphs', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(randomGraph(), randomGraph({ barriers: 'relu6' })), async (make) => {
        await expectAllVerdicts(make(), target);
      }),
      { seed, numRuns: 200 },
    );
  });

  it('in the golden models', async () => {
    let [edited, left] = [0, 0];
    for (const model of golden) {
      const records = await expectAllVerdicts(model, target);
      edited += records.flatMap(doneIn).length;
      left += allIn(records, 'left').length;
    }
    // Of either kind there are some, in the committed selection too.
    expect(edited).toBeGreaterThan(15);
    expect(left).toBeGreaterThan(10);
  });
});
