import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { HANGING_MS } from './test/support/hanging.ts';

const source = (name: string): string => fileURLToPath(new URL(`src/${name}`, import.meta.url));

// biome-ignore lint/style/noDefaultExport: vitest takes its configuration from the default export
export default defineConfig({
  resolve: {
    // The examples import the package by name; tests run them from the sources.
    alias: [
      { find: /^crosslayer$/, replacement: source('index.ts') },
      { find: /^crosslayer\/node$/, replacement: source('node.ts') },
      { find: /^crosslayer\/tfjs$/, replacement: source('tfjs.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: HANGING_MS,
    hookTimeout: HANGING_MS,
    teardownTimeout: HANGING_MS,
    // Without it a processor is left to those who watch the tests.
    maxWorkers: '100%',
  },
});
