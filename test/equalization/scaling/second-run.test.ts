import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { scalePass } from '../../../src/equalization/scaling/scale-pass.ts';
import { OBJECTIVES } from '../../../src/equalization/scaling/scale-regions.ts';
import { loadModel } from '../../../src/node.ts';
import { foldPass } from '../../../src/primitives/batch-norm-fold.ts';
import { runPasses } from '../../../src/primitives/pass.ts';

const path = (of: string): string => new URL(`../../../${of}`, import.meta.url).pathname;
const GOLDEN = 'test/fixtures/golden';
const FILES = [
  'examples/fashion-mobilenetv2.keras',
  ...readdirSync(path(GOLDEN), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `${GOLDEN}/${name}/input.h5`),
];

const WAYS = [
  ...OBJECTIVES.map((objective) => ({ objective })),
  { objective: 'least-noise', tensors: true },
] as const;

describe.each(WAYS)('scaling for $objective', ({ objective, ...options }) => {
  it('keeps a model that was scaled exactly as it is', async () => {
    let scaled = 0;
    for (const file of FILES) {
      const model = await loadModel(path(file));
      const [, first] = await runPasses(model, [foldPass(), scalePass({ objective, ...options })]);
      // A dead channel is scaled up, and is less dead each time.
      if (first === undefined || !('regions' in first) || first.deadChannels > 0) continue;
      // Where no statistics tell what layers write, it is guessed, and for a model that was scaled not the same.
      const written = first.regions.flatMap(({ sources }) => sources).map((source) => model.layer(source));
      if (objective === 'least-noise' && !written.every(({ statistics }) => statistics)) continue;
      const [second] = await runPasses(model, [scalePass({ objective, ...options })]);
      for (const { smallest, largest } of second?.regions ?? []) {
        expect({ file, smallest, largest }).toEqual({ file, smallest: 1, largest: 1 });
        scaled++;
      }
    }
    expect(scaled).toBeGreaterThan(objective === 'least-noise' ? 30 : 60);
  });
});
