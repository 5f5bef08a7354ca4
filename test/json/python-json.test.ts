import { describe, expect, test } from 'vitest';
import { FormatError } from '../../src/errors.ts';
import { parsePythonJson, pythonJson } from '../../src/json/python-json.ts';
import { parseJson } from '../../src/json/text.ts';
import { type JsonValue, sameJson } from '../../src/json/value.ts';

const TEXT =
  '{"a": 1.0, "b": [1, 1.50, 1e-05, -0.0, 12345678901234567890], "c": {"d": "\\u00e9\\n\\"", "e": null}, "f": true}';

describe('writing', () => {
  test('numbers that did not change are written as they were', () => {
    expect(pythonJson(JSON.parse(TEXT), TEXT)).toBe(TEXT.replace('\\u00e9', 'é'));
  });

  test('numbers that changed are written as JavaScript has them', () => {
    const value = JSON.parse(TEXT);
    value.a = 2;
    value.b[1] = 0.25;
    expect(pythonJson(value, TEXT)).toContain('{"a": 2, "b": [1, 0.25, 1e-05,');
  });

  test('layers are found by name where others were removed', () => {
    const text = '{"layers": [{"config": {"name": "x", "rate": 1}}, {"name": "y", "rate": 1.0}]}';
    const value = { layers: [{ name: 'y', rate: 1 }] };
    expect(pythonJson(value, text)).toBe('{"layers": [{"name": "y", "rate": 1.0}]}');
  });

  test('NaN and infinities are those of Python', () => {
    const value = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    expect(pythonJson(value)).toBe('[NaN, Infinity, -Infinity]');
    expect(parsePythonJson('[NaN, Infinity, -Infinity]')).toEqual(value);
  });
});

describe('parsing', () => {
  test.each<[string, JsonValue]>([
    [TEXT, JSON.parse(TEXT)],
    [' [ ] ', []],
    ['{ }', {}],
    ['"x"', 'x'],
    ['-1.5e+3', -1500],
    ['{"__proto__": 1}', JSON.parse('{"__proto__": 1}')],
  ])('%s', (text, value) => expect(parsePythonJson(text)).toEqual(value));

  test.each(['', '[', '[1,]', '{"a"}', '{a: 1}', '01', '1.', 'nul', '"\n"', '[1] 2', '-', "'x'"])(
    'not %j',
    (text) => {
      expect(() => parsePythonJson(text)).toThrow(SyntaxError);
      expect(() => parseJson(text, 'file', 'config')).toThrow(FormatError);
    },
  );

  test('a text of many megabytes does not exhaust the stack', () => {
    const text = `"${'a\\n'.repeat(8e6)}"`;
    expect(parsePythonJson(text)).toBe(JSON.parse(text));
    expect(pythonJson(JSON.parse(text), text)).toBe(text);
  });

  test('nesting without end is an error, not a crash', () => {
    expect(() => parseJson('['.repeat(1e6), 'file', 'config')).toThrow(FormatError);
    expect(() => parsePythonJson('['.repeat(1e6))).toThrow(SyntaxError);
  });
});

test('JSON is the same whatever the order of keys', () => {
  expect(sameJson({ a: 1, b: [1, { c: null }] }, { b: [1, { c: null }], a: 1 })).toBe(true);
  expect(sameJson([Number.NaN], [Number.NaN])).toBe(true);
  for (const [a, b] of [
    [{ a: 1 }, { a: 1, b: 2 }],
    [[1], [1, 2]],
    [{}, []],
    [null, {}],
    [1, '1'],
    [{ a: undefined }, { b: 1 }],
  ]) {
    expect(sameJson(a, b)).toBe(false);
    expect(sameJson(b, a)).toBe(false);
  }
});
