/** What the product tells people to do works on Windows too: no message has what only a POSIX shell takes. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';

const SOURCES = join(import.meta.dirname, '../../src');

/** Whose texts are no advice: scripts for the shell that is named, what runs in a page, the file system of a library. */
const NO_ADVICE = [
  'cli/completion-scripts.ts',
  'cli/commands/completion.ts',
  'report/html/page-script.ts',
  'formats/hdf5/source-folder.ts',
];

const POSIX_ONLY: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['commands one after the other', /\w && (?:\w|\.\/)/],
  ['a command in a command', /\$\([a-z]/],
  ['an argument in single quotes', /(?<![\w-])--?[\w-]+[ =]'[^']*'/],
  ['a pattern in single quotes', /(?<!\w)'[^' ]*[*?][^' ]*'/],
  ['a variable before a command', /(?:^|\s)[A-Z][A-Z_]+=\S+ [a-z]+ /],
  ['a variable of the shell', /\bexport [A-Z_]+=|\$[A-Z]{2,}/],
  ['a program of POSIX', /\b(?:sudo|apt-get|chmod|rm -|mv -|cp -|ls -|cat |grep |sed |zip -|unzip|touch )/],
  ['a place of POSIX', /(?:^|[\s(])(?:~\/|\/dev\/|\/tmp\/|\/usr\/)/],
];

/** Every text of a source: of a template the pieces, with … where a value is. */
function textsOf(name: string): string[] {
  const file = ts.createSourceFile(name, readFileSync(join(SOURCES, name), 'utf8'), ts.ScriptTarget.ES2022);
  const texts: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node)) texts.push(node.text);
    if (ts.isTemplateExpression(node)) {
      texts.push([node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join('…'));
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return texts;
}

const found = (text: string): string[] =>
  POSIX_ONLY.flatMap(([what, pattern]) => (pattern.test(text) ? [`${what}: ${text}`] : []));

test('the patterns find such advice', () => {
  for (const advice of [
    'cd model && zip -r ../model.keras .',
    'crosslayer convert $(ls *.h5) -o out',
    "tensorflowjs_converter --quantize_uint8 '*kernel'",
    "crosslayer quantize --include 'head/*'",
    'TF_USE_LEGACY_KERAS=1 python convert.py',
    'export NODE_OPTIONS=--max-old-space-size=8192',
    'rm -r out',
    'write it to /tmp/out.keras',
  ]) {
    expect(found(advice), advice).not.toEqual([]);
  }
});

test('no message has any', () => {
  const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => name.endsWith('.ts') && !NO_ADVICE.includes(name));
  expect(files.length).toBeGreaterThan(300);
  expect(
    files.flatMap((name) =>
      textsOf(name)
        .flatMap(found)
        .map((one) => `${name}: ${one}`),
    ),
  ).toEqual([]);
});
