/**
 * How the site is built: one static folder with the guides, what was measured as pictures, the API reference and a search, every
 * path in it relative. The page is built into it behind this; each has a service worker that keeps it.
 *
 * @module
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin, type UserConfigFnObject } from 'vite';
import { keptFiles, WORKER } from '../web/kept-files.ts';
import { kernelsOfExample } from './example-kernels.ts';
import { type Guide, renderGuide, type Section } from './guide.ts';
import { layOut } from './layout.ts';
import { PARTS, placeOf, REFERENCE_WEIGHT, relativeAddress } from './pages.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Made by `npm run docs`. */
const API = 'docs/api';

const SEARCH = `<h1>Search</h1>
<p id="found" role="status"></p>
<ol id="results"></ol>
<noscript><p>The search works in JavaScript, which is turned off in this browser.</p></noscript>`;

/** Renders the guides and what they link to. */
function guides(options: { readonly reference: boolean }): Plugin {
  return {
    name: 'guides',
    async generateBundle() {
      const emit = (fileName: string, source: string | Uint8Array): void =>
        void this.emitFile({ type: 'asset', fileName, source });
      const sections: Section[] = [];
      const known = new Set(PARTS.flatMap(({ pages }) => pages.map(([file]) => file)));
      // Guides that are linked to are added while the set is walked.
      for (const file of known) {
        if (!existsSync(join(root, file))) throw new TypeError(`${file}: there is no such file to link to`);
        if (!file.endsWith('.md')) {
          emit(file, readFileSync(join(root, file)));
          continue;
        }
        const guide = renderGuide(file, readFileSync(join(root, file), 'utf8'), {
          plots: file === 'docs/accuracy.md',
        });
        for (const linked of guide.files) known.add(linked);
        sections.push(...guide.sections);
        const html =
          file === 'docs/accuracy.md' ? `${guide.html}${await kernelsOfExample(root)}` : guide.html;
        emit(placeOf(file), pageOf(file, { ...guide, html }));
      }
      const reference = options.reference ? readReference() : [];
      for (const file of reference) emit(`api/${file.name}`, withWayBack(file));
      sections.push(...reference.flatMap(sectionOfReference));
      const script = 'assets/search.js';
      emit('search.html', layOut({ place: 'search.html', title: 'Search', html: SEARCH, script }));
      emit('sections.json', JSON.stringify(sections));
    },
  };
}

function pageOf(file: string, { title, html }: Guide): string {
  return layOut({ place: placeOf(file), title, html });
}

interface ReferenceFile {
  readonly name: string;
  readonly bytes: Buffer;
}

function readReference(): ReferenceFile[] {
  const names = readdirSync(join(root, API), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(root, API).length + 1));
  return names.map((name) => ({ name, bytes: readFileSync(join(root, API, name)) }));
}

/** A page of the reference leads back to the guides, is kept as they are, and asks the host for no icon. */
function withWayBack({ name, bytes }: ReferenceFile): string | Uint8Array {
  if (!name.endsWith('.html')) return bytes;
  const to = (target: string): string => relativeAddress(`api/${name}`, target);
  const guides = `<a href="${to('index.html')}">Guides</a>`;
  const head = `<link rel="icon" href="data:,"><script type="module" src="${to('assets/offline.js')}"></script>`;
  return bytes
    .toString('utf8')
    .replace('</head>', (end) => `${head}${end}`)
    .replace('<div id="tsd-toolbar-links">', (links) => `${links}${guides}`);
}

/** A page of the reference is found by its name. */
function sectionOfReference({ name, bytes }: ReferenceFile): Section[] {
  const [, kind] = /^(classes|functions|interfaces|types|variables)\//.exec(name) ?? [];
  if (kind === undefined) return [];
  const html = bytes.toString('utf8');
  const [, title] = /<title>([^|<]+?) \|/.exec(html) ?? [];
  const [, comment = ''] = /<div class="tsd-comment tsd-typography">(.*?)<\/div>/s.exec(html) ?? [];
  const text = comment.replace(/<[^>]*>/g, '').replace(/\s+/g, ' ');
  return title === undefined
    ? []
    : [
        {
          ...{ title, page: 'API reference', address: `api/${name}`, text },
          weight: REFERENCE_WEIGHT,
        },
      ];
}

const config: UserConfigFnObject = defineConfig(({ mode }) => ({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
  publicDir: false,
  // Tests do without the reference.
  plugins: [guides({ reference: mode !== 'test' }), keptFiles({ apart: ['page/'] })],
  build: {
    outDir: join(root, 'dist-site'),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: {
        search: fileURLToPath(new URL('client/search.ts', import.meta.url)),
        offline: fileURLToPath(new URL('client/offline.ts', import.meta.url)),
        'service-worker': fileURLToPath(new URL('../web/service-worker.ts', import.meta.url)),
        site: fileURLToPath(new URL('client/site.css', import.meta.url)),
      },
      output: {
        entryFileNames: ({ name }) => (name === 'service-worker' ? WORKER : 'assets/[name].js'),
        assetFileNames: 'assets/[name][extname]',
      },
    },
  },
}));

// biome-ignore lint/style/noDefaultExport: vite takes its configuration from the default export
export default config;
