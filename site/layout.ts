/**
 * What stands around every page of the site.
 *
 * @module
 */

import { PARTS, placeOf, relativeAddress } from './pages.ts';
import { escaped } from './plots.ts';

/** A page of the site. */
export interface LaidOut {
  /** Where it lies. */
  readonly place: string;
  readonly title: string;
  readonly html: string;
  /** A script of the site that it needs. */
  readonly script?: string;
}

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'";

/** The whole page. All addresses are relative, so that the site may lie in any folder. */
export function layOut({ place, title, html, script }: LaidOut): string {
  const to = (target: string): string => relativeAddress(place, target);
  const link = (target: string, text: string): string =>
    `<li><a href="${to(target)}"${target === place ? ' aria-current="page"' : ''}>${escaped(text)}</a></li>`;
  const parts = PARTS.map(
    ({ title: name, pages }) =>
      `<h2>${name}</h2><ul>${pages.map(([file, text]) => link(placeOf(file), text)).join('')}${name === 'Look up' ? link('api/index.html', 'API reference') : ''}</ul>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(title)}${title === 'Crosslayer' ? '' : ' · Crosslayer'}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${to('assets/site.css')}">
<script type="module" src="${to('assets/offline.js')}"></script>
${script === undefined ? '' : `<script type="module" src="${to(script)}"></script>`}
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header>
<a class="home" href="${to('index.html')}">Crosslayer</a>
<a class="try" href="${to('page/index.html')}">Try it on a model</a>
<form role="search" action="${to('search.html')}"><label for="q">Search</label><input type="search" id="q" name="q" autocomplete="off"></form>
</header>
<div class="columns">
<nav aria-label="Pages">${parts.join('')}</nav>
<main id="content" tabindex="-1">
${html}
</main>
</div>
</body>
</html>
`;
}
