import fc from 'fast-check';
import { expect, test } from 'vitest';
import { visible, visibleJson } from '../../src/text/visible.ts';

test.each([
  ['plain größe 層 🙂', 'plain größe 層 🙂'],
  ['\x1b[31mRED\x1b[0m', '\\u001b[31mRED\\u001b[0m'],
  ['\x1b]0;title\x07', '\\u001b]0;title\\u0007'],
  ['x\r\nfake: same function', 'x\\r\\nfake: same function'],
  ['\x9b2J\x7f\x85', '\\u009b2J\\u007f\\u0085'],
  ['a\u2028b\u2029c', 'a\\u2028b\\u2029c'],
  ['\u202e\u2066\u200f\u061c', '\\u202e\\u2066\\u200f\\u061c'],
  ['\t\v\0', '\\t\\u000b\\u0000'],
])('%j is shown as one line', (text, shown) => {
  expect(visible(text)).toBe(shown);
  expect(visible(shown)).toBe(shown);
});

test('JSON stays what it is', () => {
  fc.assert(
    fc.property(fc.json({ noUnicodeString: false } as never), (json) => {
      const safe = visibleJson(JSON.stringify(JSON.parse(json)));
      expect(JSON.parse(safe)).toEqual(JSON.parse(json));
      expect(visible(safe)).toBe(safe);
    }),
  );
  expect(JSON.parse(visibleJson(JSON.stringify(['\x9b\u202e\u2028\n\x7f'])))).toEqual([
    '\x9b\u202e\u2028\n\x7f',
  ]);
});
