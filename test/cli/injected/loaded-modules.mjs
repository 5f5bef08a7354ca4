// Preloaded into the command (node --import): on standard error stand the packages, and folders of this one, that it loads.
import { register } from 'node:module';

// A file of the command has the names of the modules in front of them that it was made of.
const HOOKS = `
  import { writeSync } from 'node:fs';
  export async function load(url, context, next) {
    const loaded = await next(url, context);
    const [, name] = /.*\\/node_modules\\/([^/]+)\\//.exec(url) ?? [];
    const modules = String(loaded.source ?? '').matchAll(/^\\/\\/ (src(?:\\/.*)?)\\/[^/]+\\.ts$/gm);
    const names = name === undefined ? [...modules].map(([, folder]) => folder) : [name];
    for (const one of names) writeSync(2, one + '\\n');
    return loaded;
  }`;

register(`data:text/javascript,${encodeURIComponent(HOOKS)}`);
