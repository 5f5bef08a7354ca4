/**
 * How the page is built: a static folder, every path in it relative, with the example and the WebAssembly of TF.js and LiteRT beside.
 *
 * @module
 */

import { createReadStream, readFileSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin, type UserConfigFnObject } from 'vite';
import { keptFiles, WORKER } from './kept-files.ts';

const inRoot = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url));

const WASM = 'node_modules/@tensorflow/tfjs-backend-wasm/dist';
const LITERT = 'node_modules/@litertjs/core/wasm/litert_wasm_compat_internal';

/** What lies beside the page, by the folder that it is in. */
const BESIDE: Readonly<Record<string, readonly string[]>> = {
  example: [
    inRoot('examples/fashion-mobilenetv2.keras'),
    inRoot('examples/fashion-mobilenetv2.keras.samples.npz'),
  ],
  // One thread each: threads need headers that not every file server sends.
  wasm: [inRoot(`${WASM}/tfjs-backend-wasm.wasm`), inRoot(`${WASM}/tfjs-backend-wasm-simd.wasm`)],
  // Layers that TF.js lacks, for models that need some.
  layers: [inRoot('dist/crosslayer-layers.js')],
  // The build that takes any browser with WebAssembly.
  litert: [inRoot(`${LITERT}.js`), inRoot(`${LITERT}.wasm`)],
};

const TYPES: ReadonlyMap<string, string> = new Map([
  ['.js', 'text/javascript'],
  ['.wasm', 'application/wasm'],
]);

/** Serves these files in development, and copies them into the built folder. */
function filesBeside(folders: Readonly<Record<string, readonly string[]>>): Plugin {
  const files = new Map(
    Object.entries(folders).flatMap(([folder, names]) =>
      names.map((name): [string, string] => [`${folder}/${basename(name)}`, name]),
    ),
  );
  return {
    name: 'files-beside',
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const name = files.get(new URL(request.url ?? '', 'http://page').pathname.slice(1));
        if (name === undefined) return next();
        response.setHeader('Content-Type', TYPES.get(extname(name)) ?? 'application/octet-stream');
        createReadStream(name).pipe(response);
      });
    },
    generateBundle() {
      for (const [fileName, name] of files) {
        this.emitFile({ type: 'asset', fileName, source: readFileSync(name) });
      }
    },
  };
}

/** Large files that are kept once they were used, and not from the first visit on. */
const KEPT_LATER = /^(litert|example|layers)\//;

/** Leads to the guides, where the page is a part of the site. */
function guidesLink(mode: string): Plugin {
  const link = mode === 'site' ? ' <a href="../index.html">The guides</a> say how.' : '';
  return { name: 'guides-link', transformIndexHtml: (html) => html.replace('<!-- guides -->', link) };
}

const config: UserConfigFnObject = defineConfig(({ mode }) => ({
  root: inRoot('web'),
  base: './',
  publicDir: false,
  plugins: [filesBeside(BESIDE), keptFiles({ later: KEPT_LATER }), guidesLink(mode)],
  // The package's entries, from the sources.
  resolve: { tsconfigPaths: true },
  build: {
    outDir: inRoot('dist-web'),
    emptyOutDir: true,
    target: 'es2022',
    // Inlined files would be data: addresses, which the page's policy forbids.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 4096,
    rolldownOptions: {
      input: { index: inRoot('web/index.html'), 'service-worker': inRoot('web/service-worker.ts') },
      output: {
        entryFileNames: ({ name }) => (name === 'service-worker' ? WORKER : 'assets/[name]-[hash].js'),
      },
    },
  },
  worker: { format: 'es' },
}));

// biome-ignore lint/style/noDefaultExport: vite takes its configuration from the default export
export default config;
