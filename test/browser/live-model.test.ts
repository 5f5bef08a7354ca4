import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from './page/scenario.ts';
import { openPages, type Pages, type Visit } from './pages.ts';

/** Six layers in float32, a step of 6e-8 each; a wrong fold is off by parts in ten. */
const SAME_FUNCTION = 1e-5;

let pages: Pages;
beforeAll(async () => {
  pages = await openPages(['modules.html', 'script-tags.html']);
});
afterAll(async () => {
  await pages.close();
});

const visit = (name: string, backend: string): Promise<Visit<Outcome>> =>
  pages.visit(name, backend, (asked) => globalThis.runScenario(asked));

describe.each(['modules.html', 'script-tags.html'])('%s', (name) => {
  it.each(['cpu', 'wasm'])('equalizes a live model on %s', async (backend) => {
    const { outcome, paths, foreign, complaints } = await visit(name, backend);
    expect(complaints).toEqual([]);
    expect(foreign).toEqual([]);
    expect(paths.some((path) => path.endsWith('.wasm'))).toBe(backend === 'wasm');
    expect(outcome.backend).toBe(backend);
    expect(outcome.foldedBatchNorms).toBe(3);
    expect(outcome.scaledSets).toBe(1);
    expect(outcome.layersAfter).toEqual([
      'Conv2D',
      'ReLU',
      'DepthwiseConv2D',
      'ReLU',
      'Conv2D',
      'ReLU',
      'GlobalAveragePooling2D',
      'Dense',
    ]);

    const scale = Math.max(...outcome.before.map(Math.abs));
    const worst = Math.max(...outcome.before.map((value, index) => Math.abs(value - outcome.after[index]!)));
    expect(outcome.before).toHaveLength(10);
    expect(scale).toBeGreaterThan(0.1);
    expect(worst / scale).toBeLessThan(SAME_FUNCTION);

    const { start, live, read, both, refused, end } = outcome.tensors;
    expect(read).toBe(live);
    expect(both).toBe(read + outcome.weightsAfter);
    expect(outcome.refusal).toMatch(/^CannotRunError: .*TF\.js has no class Dense/);
    expect(refused).toBe(both);
    expect(end).toBe(start);
  });
});

it('brings no second copy of TF.js into a page that has one', async () => {
  const { paths } = await visit('script-tags.html', 'cpu');
  expect([...paths].sort()).toEqual([
    expect.stringMatching(/^\/assets\/.*\.js$/),
    expect.stringMatching(/^\/assets\/.*\.js$/),
    '/script-tags.html',
    '/tfjs-backend-cpu/tf-backend-cpu.min.js',
    '/tfjs-core/tf-core.min.js',
    '/tfjs-layers/tf-layers.min.js',
    '/wasm/tf-backend-wasm.min.js',
  ]);
});
