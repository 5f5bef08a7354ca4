import { expect, test } from 'vitest';
import { crosslayer } from '../support/shared-command.ts';

const COMMANDS = ['equalize', 'inspect', 'convert', 'verify', 'evaluate', 'quantize'];

/** The options that a help lists. */
const optionsIn = (text: string): string[] =>
  [...text.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, option = '']) => option);

test.each(COMMANDS)(
  '%s --help is one screen with three examples, of options that are there',
  async (command) => {
    const { code, stdout } = await crosslayer(command, '--help');
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(54);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    const calls = lines.filter((line) => line.startsWith(`  crosslayer ${command} `));
    expect(calls.length).toBe(3);
    const known = optionsIn((await crosslayer(command, '--help', '--verbose')).stdout);
    const used = calls.flatMap((call) => call.match(/--[\w-]+/g) ?? []);
    expect(used.filter((option) => !known.includes(option))).toEqual([]);
  },
);

test('--help --verbose has all options and explains them, in lines that fit', async () => {
  const short = (await crosslayer('equalize', '--help')).stdout;
  const { code, stdout } = await crosslayer('equalize', '--help', '--verbose');
  expect(code).toBe(0);
  expect(optionsIn(short)).not.toContain('--relu6');
  expect(short).not.toContain('Steps of the reference');
  const listed = optionsIn(stdout);
  for (const option of [...optionsIn(short), '--relu6', '--rounding', '--no-sidecar']) {
    expect(listed).toContain(option);
  }
  expect(stdout).toContain('Steps of the reference');
  expect(stdout).toContain('takes all names up to the next option');
  expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
});
