// Preloaded into the command (node --import): on standard error stand the packages, and folders of this one, that it loads.
import { register } from 'node:module';

const HOOKS = `
  import { writeSync } from 'node:fs';
  export function load(url, context, next) {
    const [, name] = /.*\\/node_modules\\/([^/]+)\\//.exec(url) ?? /\\/(dist(?:\\/.*)?)\\/[^/]+$/.exec(url) ?? [];
    if (name !== undefined) writeSync(2, name + '\\n');
    return next(url, context);
  }`;

register(`data:text/javascript,${encodeURIComponent(HOOKS)}`);
