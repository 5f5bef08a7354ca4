/**
 * How `dist/cli/` is made: the command in few files, because Node takes its time for each that it loads. What is imported when it is
 * needed stays apart.
 *
 * @module
 */

import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin, type UserConfig } from 'vite';

const inRoot = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/**
 * TF.js by `require`: for the names of what is imported Node reads all of its CommonJS first, which takes three times as long as to
 * load it.
 */
const required: Plugin = {
  name: 'required',
  enforce: 'pre',
  resolveId(id, importer) {
    if (!id.startsWith('@tensorflow/')) return null;
    return importer?.startsWith(REQUIRED) ? { id, external: true } : `${REQUIRED}${id}`;
  },
  load(id) {
    return id.startsWith(REQUIRED) ? `module.exports = require('${id.slice(REQUIRED.length)}');` : null;
  },
};
const REQUIRED = '\0required:';

const config: UserConfig = defineConfig({
  publicDir: false,
  logLevel: 'warn',
  plugins: [required],
  build: {
    outDir: inRoot('dist'),
    emptyOutDir: false,
    target: 'node20',
    minify: false,
    ssr: true,
    rolldownOptions: {
      input: { main: inRoot('src/cli/main.ts') },
      // No file imports the one that starts the command.
      preserveEntrySignatures: 'strict',
      output: { entryFileNames: 'cli/[name].js', chunkFileNames: 'cli/[name].js' },
    },
  },
});

// biome-ignore lint/style/noDefaultExport: vite takes its configuration from the default export
export default config;
