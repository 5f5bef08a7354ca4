import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allCommands } from '../../src/cli/command-list.ts';
import { completionScript, SHELLS, type Shell } from '../../src/cli/completion-scripts.ts';
import { TARGETS } from '../../src/equalization/options.ts';
import { crosslayer } from '../support/shared-command.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-completion-'));
const scripts = new Map<Shell, string>();

beforeAll(async () => {
  for (const shell of SHELLS) scripts.set(shell, completionScript(shell, await allCommands()));
  for (const [shell, script] of scripts) fs.writeFileSync(path.join(folder, `script.${shell}`), script);
});

afterAll(() => fs.rmSync(folder, { recursive: true }));

function isInstalled(shell: string): boolean {
  try {
    execFileSync(shell, ['-c', 'exit 0']);
    return true;
  } catch {
    return false;
  }
}

/** What bash offers for a line whose last word is to be completed. */
function offered(line: string): string[] {
  const words = line.split(' ');
  const script = `
    source script.bash
    COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}) COMP_CWORD=${words.length - 1}
    function_name=$(complete -p crosslayer | sed 's/.*-F \\([^ ]*\\).*/\\1/')
    $function_name
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const text = execFileSync('bash', ['--norc', '-euc', script], { cwd: folder, encoding: 'utf8' });
  return text.split('\n').filter((one) => one !== '');
}

describe('bash', () => {
  test('completes commands', () => {
    expect(offered('crosslayer e')).toEqual(['equalize', 'evaluate']);
    expect(offered('crosslayer --v')).toEqual(['--version']);
    expect(offered('crosslayer ')).toContain('completion');
  });

  test('completes options of the command, and what they take', () => {
    expect(offered('crosslayer equalize net.keras --ta')).toEqual(['--target']);
    expect(offered('crosslayer equalize --target ')).toEqual([...TARGETS]);
    expect(offered('crosslayer equalize --target int8-per-c')).toEqual(['int8-per-channel']);
    expect(offered('crosslayer quantize --i')).toEqual(['--io', '--input-shape', '--include', '--inputs']);
    expect(offered('crosslayer verify --target ')).toEqual([]);
    expect(offered('crosslayer completion ')).toEqual([...SHELLS]);
  });

  test('leaves files to readline', () => {
    for (const line of [
      'crosslayer equalize ne',
      'crosslayer equalize -o ',
      'crosslayer inspect --report -',
    ]) {
      expect(offered(line)).toEqual([]);
    }
    const told = execFileSync('bash', ['--norc', '-c', 'source script.bash; complete -p crosslayer'], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(told).toContain('-o default');
  });
});

// Others than bash may not be there; then the tests say so.
test.for(['bash', 'zsh', 'fish'] as const)('%s can read its script', (shell, { skip }) => {
  skip(!isInstalled(shell), `${shell} is not installed here`);
  execFileSync(shell, ['-n', `script.${shell}`], { cwd: folder });
});

test.for([
  ['crosslayer e', ['equalize', 'evaluate']],
  ['crosslayer equalize --target int8-per-c', ['int8-per-channel']],
] as const)('fish offers for %s what there is', ([line, names], { skip }) => {
  skip(!isInstalled('fish'), 'fish is not installed here');
  const script = `source script.fish; complete -C '${line}'`;
  const text = execFileSync('fish', ['--no-config', '-c', script], { cwd: folder, encoding: 'utf8' });
  expect(
    text
      .trim()
      .split('\n')
      .map((one) => one.split('\t')[0]),
  ).toEqual(names);
});

test('every script has every command, option and choice', async () => {
  for (const command of await allCommands()) {
    for (const [shell, script] of scripts) {
      expect(script).toContain(command.name());
      for (const { long = '', argChoices = [] } of command.options) {
        expect(script, `${shell} ${command.name()}`).toContain(
          shell === 'fish' ? ` -l ${long.slice(2)} ` : long,
        );
        const list = argChoices.map((one) => (shell === 'powershell' ? `'${one}'` : one));
        expect(script).toContain(list.join(shell === 'powershell' ? ', ' : ' '));
      }
    }
  }
});

test('the command prints the script, and refuses other shells', async () => {
  const { code, stdout } = await crosslayer('completion', 'fish');
  expect({ code, stdout }).toEqual({ code: 0, stdout: scripts.get('fish') });
  expect(await crosslayer('completion', 'tcsh')).toMatchObject({ code: 2, stdout: '' });
});
