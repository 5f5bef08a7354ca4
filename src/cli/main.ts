#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { EXIT, EXIT_CODE_HELP, endWithErrors } from './command-result.ts';
import { addConvert } from './commands/convert.ts';
import { addEqualize } from './commands/equalize.ts';
import { addEvaluate } from './commands/evaluate.ts';
import { addInspect } from './commands/inspect.ts';
import { addQuantize } from './commands/quantize.ts';
import { addVerify } from './commands/verify.ts';
import { printError, progressDone } from './terminal.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

function program(): Command {
  const root = new Command('crosslayer')
    .description(
      'Makes Keras models ready for 8-bit weights: folds batch norms, equalizes channel ranges. No Python.',
    )
    .version(version)
    .showHelpAfterError('(crosslayer --help says more)')
    .addHelpText('after', EXIT_CODE_HELP)
    .configureOutput({ outputError: (text) => printError(...errorLines(text)) })
    .exitOverride();
  const commands = [addEqualize, addInspect, addConvert, addVerify, addEvaluate, addQuantize];
  for (const add of commands) add(root);
  return root;
}

/** A message of commander in its lines: the names it suggests begin one; other ends of lines came in with arguments. */
function errorLines(text: string): string[] {
  const [suggestion = ''] = /\n\(Did you mean [-\w, ]+\?\)\n$/.exec(text) ?? ['\n'];
  const message = text.slice(0, -suggestion.length);
  return [message, suggestion.trim()].filter((line) => line !== '');
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that stops early, such as `head`, is no error.
  if (error.code === 'EPIPE') return;
  printError(`crosslayer: the result cannot be printed: ${error.message}`);
  process.exitCode = EXIT.input;
});

try {
  await program().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    progressDone();
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  } else {
    endWithErrors([error]);
  }
}
