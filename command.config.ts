/**
 * How `dist/cli/` is made: the command in few files, because Node takes a millisecond for each that it loads. What is imported
 * when it is needed stays apart.
 *
 * @module
 */

import { fileURLToPath } from 'node:url';
import { defineConfig, type UserConfig } from 'vite';

const inRoot = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

const config: UserConfig = defineConfig({
  publicDir: false,
  logLevel: 'warn',
  build: {
    outDir: inRoot('dist'),
    emptyOutDir: false,
    target: 'node20',
    minify: false,
    ssr: true,
    rolldownOptions: {
      input: { main: inRoot('src/cli/main.ts') },
      // Chunks must not import what starts the command.
      preserveEntrySignatures: 'strict',
      output: { entryFileNames: 'cli/[name].js', chunkFileNames: 'cli/[name].js' },
    },
  },
});

// biome-ignore lint/style/noDefaultExport: vite takes its configuration from the default export
export default config;
