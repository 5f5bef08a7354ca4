/**
 * How `dist/crosslayer-layers.js` is made: one script without imports, which finds TF.js as the global `tf`.
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
    target: 'es2022',
    lib: {
      entry: inRoot('src/verification/layers/layers-script.ts'),
      formats: ['iife'],
      name: 'crosslayerLayers',
      fileName: () => 'crosslayer-layers.js',
    },
    rolldownOptions: {
      external: ['@tensorflow/tfjs-core', '@tensorflow/tfjs-layers'],
      output: { globals: { '@tensorflow/tfjs-core': 'tf', '@tensorflow/tfjs-layers': 'tf' } },
    },
  },
});

// biome-ignore lint/style/noDefaultExport: vite takes its configuration from the default export
export default config;
