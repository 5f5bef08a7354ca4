import { defineConfig } from 'vitest/config';
import { HANGING_MS } from './test/support/hanging.ts';

/**
 * Tests that leave nothing behind share what is loaded, which saves a third of their time. Those of HDF5 files do not: copies of the
 * package then share the library, and only the first makes it as new after a failure; nor those of reports, where modules are replaced.
 */
const SHARING = [
  'cli',
  'equalization',
  'formats/keras-config',
  'formats/npy',
  'formats/tflite',
  'json',
  'kernels',
  'model',
  'primitives',
  'quantization',
  'tensor',
  'text',
  'verification',
].map((folder) => `test/${folder}/**/*.test.ts`);

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
      { extends: true, test: { name: 'sharing', include: SHARING, isolate: false } },
      { extends: true, test: { name: 'apart', include: ['test/**/*.test.ts'], exclude: SHARING } },
    ],
  },
});
