import { expect, test, vi } from 'vitest';
import { printed, styled } from '../../src/cli/terminal.ts';
import { wrapped } from '../../src/cli/wrap.ts';

test('a line is broken at spaces, below its own text', () => {
  expect(wrapped('  exact  each channel gets a maximum', 24)).toEqual([
    '  exact  each channel',
    '         gets a maximum',
  ]);
  expect(wrapped('one two three', 7)).toEqual(['one two', 'three']);
  expect(wrapped('one two', 7)).toEqual(['one two']);
  expect(wrapped('averylongword and', 5)).toEqual(['averylongword', 'and']);
  expect(wrapped(`${' '.repeat(30)}a b c`, 20)).toEqual([`${' '.repeat(30)}a`, `${' '.repeat(10)}b c`]);
});

test('styles take no room', () => {
  const green = '\u001b[32msame function\u001b[39m';
  expect(wrapped(`fold: ${green}`, 19)).toEqual([`fold: ${green}`]);
  expect(wrapped(`fold: ${green} yes`, 19)).toEqual([`fold: ${green}`, 'yes']);
});

test('lines are broken on a terminal alone', () => {
  const terminal = (isTTY: boolean): void => {
    vi.spyOn(process, 'stdout', 'get').mockReturnValue({ isTTY, columns: 12 } as never);
  };
  const line = ['fold: ', styled('green', 'same'), ' function (1e-7)'];
  terminal(true);
  vi.stubEnv('NO_COLOR', '1');
  expect(printed([line])).toBe('fold: same\nfunction\n(1e-7)');
  terminal(false);
  expect(printed([line])).toBe('fold: same function (1e-7)');
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});
