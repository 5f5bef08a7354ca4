#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { allCommands, COMMANDS } from './command-list.ts';
import { EXIT, EXIT_CODE_HELP, endWithError, printErrorJson } from './command-result.ts';
import { runRebuilt } from './fresh-build.ts';
import { helpHint } from './help.ts';
import { printError, progress } from './terminal.ts';
import { UsageError } from './usage-error.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

/** The command that is called, which alone is loaded; none for the version, and all where they are to be listed. */
function called([first = '']: readonly string[]): (() => Promise<(root: Command) => void>)[] {
  if (first === '--version' || first === '-V') return [];
  return [COMMANDS.get(first) ?? [...COMMANDS.values()]].flat();
}

/** What is known before a command runs: options of the configuration file, and how much it says of its progress. */
async function prepare(command: Command): Promise<void> {
  if (command.options.every(({ long }) => long !== '--config')) return;
  const { applyConfig } = await import('./config-file.ts');
  await applyConfig(command, allCommands);
  progress.begin({ quiet: command.opts()['quiet'] === true });
}

async function program(): Promise<Command> {
  const root = new Command('crosslayer')
    .description(
      'Makes Keras models ready for 8-bit weights: folds batch norms, equalizes channel ranges. No Python.',
    )
    .version(version)
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .showHelpAfterError(helpHint(undefined))
    .addHelpText('after', EXIT_CODE_HELP)
    .configureOutput({ outputError: (text) => printError(...errorLines(text)) })
    .exitOverride()
    .hook('preAction', (_, command) => prepare(command))
    .hook('postAction', async () => (await import('./opened-models.ts')).closeOpened());
  for (const load of called(process.argv.slice(2))) (await load())(root);
  return root;
}

/** A message of commander in its lines: the names it suggests begin one; other ends of lines came in with arguments. */
function errorLines(text: string): string[] {
  const [suggestion = ''] = /\n\(Did you mean [-\w, ]+\?\)\n$/.exec(text) ?? ['\n'];
  const message = text.slice(0, -suggestion.length);
  return [message, suggestion.trim()].filter((line) => line !== '');
}

/** A mistake that commander found, which has told it already. */
function usageErrorOf({ message }: CommanderError): UsageError {
  const [what = '', ...suggestion] = errorLines(`${message}\n`).map((line) =>
    line.replace(/^\((.*)\)$/, '$1'),
  );
  return new UsageError([what.replace(/^error: /, ''), ...suggestion].join('; '));
}

/** Known before arguments are parsed, since that may be what fails. */
const json = process.argv.slice(2).includes('--json');

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that stops early, such as `head`, is no error.
  if (error.code === 'EPIPE') return;
  printError(`crosslayer: the result cannot be printed: ${error.message}`);
  process.exitCode = EXIT.input;
});

try {
  const exitCode = await runRebuilt();
  if (exitCode === undefined) await (await program()).parseAsync();
  else process.exitCode = exitCode;
} catch (error) {
  if (error instanceof CommanderError) {
    progress.clear();
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (json && error.exitCode !== 0) await printErrorJson(usageErrorOf(error));
  } else {
    await endWithError(error, json);
  }
}
