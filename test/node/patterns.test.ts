import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { matchingNames } from '../../src/node/patterns.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-patterns-'));
const at = (name: string): string => path.join(folder, name);
for (const name of ['b.keras', 'a.keras', '.c.keras', 'a+b.h5', 'what?.h5', 'one/x.h5', 'two/x.h5']) {
  fs.mkdirSync(path.dirname(at(name)), { recursive: true });
  fs.writeFileSync(at(name), '');
}

afterAll(() => fs.rmSync(folder, { recursive: true }));

test.each([
  ['*.keras', ['a.keras', 'b.keras']],
  ['.*.keras', ['.c.keras']],
  ['?.KERAS', ['a.keras', 'b.keras']],
  ['a+*.h5', ['a+b.h5']],
  // There is a file of that very name.
  ['what?.h5', ['what?.h5']],
  ['t*/x.h5', ['two/x.h5']],
  ['*/*', ['one/x.h5', 'two/x.h5']],
  ['*.tflite', ['*.tflite']],
  ['none/*.h5', ['none/*.h5']],
  ['no.h5', ['no.h5']],
])('%s stands for what a shell finds', (name, expected) => {
  expect(matchingNames(at(name))).toEqual(expected.map(at));
});
