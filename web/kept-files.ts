/**
 * Tells a service worker which files there are, when it is built: of the page, and of the guides.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import type { Plugin } from 'vite';

/** Beside the page that it keeps, for what lies in its folder. */
export const WORKER = 'service-worker.js';

/** Puts the names of all files that are built into the worker, and a version that changes with any of them. */
export function keptFiles(options: {
  /** Files that are kept once they were used, and not from the first visit on. */
  readonly later?: RegExp;
  /** Folders with a worker of their own: `page/`. */
  readonly apart?: readonly string[];
}): Plugin {
  return {
    name: 'kept-files',
    generateBundle: {
      // Once the page itself is among them.
      order: 'post',
      handler(_, bundle) {
        const hash = createHash('sha256');
        for (const [fileName, file] of Object.entries(bundle).sort(([one], [other]) =>
          one < other ? -1 : 1,
        )) {
          hash.update(fileName).update(file.type === 'chunk' ? file.code : file.source);
        }
        const files = Object.keys(bundle).filter((name) => name !== WORKER && !options.later?.test(name));
        const version = hash.digest('hex').slice(0, 16);
        const kept = { version, files: files.sort(), apart: options.apart ?? [] };
        const worker = bundle[WORKER];
        if (worker?.type !== 'chunk') throw new TypeError(`no ${WORKER} was built`);
        worker.code = worker.code.replace(/\bKEPT\b/, () => JSON.stringify(kept));
      },
    },
  };
}
