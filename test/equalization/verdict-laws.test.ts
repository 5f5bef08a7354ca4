import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { EqualizationRecord } from '../../src/equalization/equalization-recipe.ts';
import { equalize } from '../../src/equalization/equalize.ts';
import { TARGETS, type Target } from '../../src/equalization/options.ts';
import type { Model } from '../../src/model/model.ts';
import { isWeighted } from '../../src/model/operation.ts';
import { loadModel } from '../../src/node.ts';
import { skippedIn } from '../../src/report/target-report.ts';
import { goldenCases, goldenPath } from '../support/golden.ts';
import { randomGraph } from '../support/random-graph.ts';

/** The same graphs in every run. */
const seed = 20_240;

/** What became of layers in a stage, by their paths. */
type Stage = EqualizationRecord['stages'][number];

/** What its reasons say at least. */
const SENTENCES: Partial<Record<Stage, RegExp>> = {
  scale: /is not scaled: before it stands \S.*; behind it, \S/,
  carry: /keeps its scale: \S/,
};

/** What a stage edited. */
function doneIn(record: EqualizationRecord, stage: Stage): string[] {
  switch (stage) {
    case 'scale':
      return (record.regions?.regions ?? []).flatMap(({ sources, sinks }) => [...sources, ...sinks]);
    case 'carry':
      return (record.carried?.carried ?? []).map(({ layer }) => layer.path);
    case 'correct':
      return (record.correction?.corrected ?? []).map(({ path }) => path);
    case 'fold':
      return record.foldedPairs.map(([, batchNorm]) => batchNorm.path);
    default:
      return [];
  }
}

/** Each layer that a stage is about is either in what it edited or in what it left alone, with a sentence. */
function expectVerdicts(paths: readonly string[], record: EqualizationRecord, stage: Stage): void {
  const done = new Set(doneIn(record, stage));
  const reasons = skippedIn(record).filter((reason) => reason.stage === stage);
  for (const path of paths) {
    const own = reasons.filter(({ layers }) => layers[0] === path);
    expect(own, `${stage} ${path}`).toHaveLength(done.has(path) ? 0 : 1);
    for (const { message } of own) expect(message).toMatch(SENTENCES[stage] ?? /\S \S/);
  }
}

async function expectAllVerdicts(model: Model, target: Target): Promise<EqualizationRecord> {
  const { report } = await equalize(model, { target });
  const layers = [...model.allLayers()];
  const kernels = layers.filter(({ layer }) => isWeighted(layer.operation)).map(({ path }) => path);
  const batchNorms = layers
    .filter(({ layer }) => layer.operation.kind === 'batchNorm')
    .map(({ path }) => path);
  for (const stage of report.stages) expectVerdicts(stage === 'fold' ? batchNorms : kernels, report, stage);
  return report;
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
      { seed, numRuns: 500 },
    );
  });

  it('in the golden models', async () => {
    let [edited, left] = [0, 0];
    for (const model of golden) {
      const report = await expectAllVerdicts(model, target);
      edited += report.stages.flatMap((stage) => doneIn(report, stage)).length;
      left += skippedIn(report).length;
    }
    expect(edited).toBeGreaterThan(50);
    expect(left).toBeGreaterThan(50);
  });
});
