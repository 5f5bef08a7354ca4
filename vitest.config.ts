import { defineConfig } from 'vitest/config';
import { HANGING_MS } from './test/support/hanging.ts';

/**
 * Tests that put other modules in the place of some, or count what nobody else may leave behind; all others share what is loaded,
 * which saves a third of the time.
 */
const APART = [
  'test/examples/tfjs.test.ts',
  'test/node/inputs.test.ts',
  'test/report/layer-damage-unequalized.test.ts',
  'test/tfjs/live-errors.test.ts',
];

// biome-ignore lint/style/noDefaultExport: vitest takes its configuration from the default export
export default defineConfig({
  // Examples, page and tests import the package by name; here that is the sources.
  resolve: { tsconfigPaths: true },
  test: {
    testTimeout: HANGING_MS,
    hookTimeout: HANGING_MS,
    teardownTimeout: HANGING_MS,
    // Without it a processor is left to those who watch the tests.
    maxWorkers: '100%',
    projects: [
      {
        extends: true,
        test: { name: 'sharing', include: ['test/**/*.test.ts'], exclude: APART, isolate: false },
      },
      { extends: true, test: { name: 'apart', include: APART } },
    ],
  },
});
