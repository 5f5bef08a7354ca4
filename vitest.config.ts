import { defineConfig } from 'vitest/config';
import { HANGING_MS } from './test/support/hanging.ts';

// biome-ignore lint/style/noDefaultExport: vitest takes its configuration from the default export
export default defineConfig({
  // Examples, page and tests import the package by name; here that is the sources.
  resolve: { tsconfigPaths: true },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: HANGING_MS,
    hookTimeout: HANGING_MS,
    teardownTimeout: HANGING_MS,
    // Without it a processor is left to those who watch the tests.
    maxWorkers: '100%',
  },
});
