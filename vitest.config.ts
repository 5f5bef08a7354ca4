import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

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
    // Spawned commands and busy machines are slow; nothing here measures time.
    testTimeout: 60_000,
  },
});
