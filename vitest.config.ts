import { defineConfig } from 'vitest/config';
import { HANGING_MS } from './test/support/hanging.ts';

/**
 * The others share what is loaded, which saves a third of their time. Not these: they break the HDF5 library on purpose, count the
 * tensors of TF.js, or replace modules.
 */
const APART = ['damage', 'examples', 'report'].map((folder) => `test/${folder}/**/*.test.ts`);

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
