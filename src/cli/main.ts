#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { STEPS } from '../primitives/run-steps.ts';
import { convertCommand } from './commands/convert.ts';
import { equalizeCommand } from './commands/equalize.ts';
import { inspectCommand } from './commands/inspect.ts';
import { EXIT, EXIT_CODE_HELP, exitCodeOf, messageOf } from './exit-code.ts';
import { progressDone } from './render.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

/** The whole result of a command goes out in one piece. */
async function print(result: Promise<string>): Promise<void> {
  process.stdout.write(`${await result}\n`);
}

function program(): Command {
  const root = new Command('crosslayer')
    .description(
      'Makes Keras models ready for 8-bit weights: folds batch norms, equalizes channel ranges. No Python.',
    )
    .version(version)
    .showHelpAfterError('(crosslayer --help says more)')
    .addHelpText('after', EXIT_CODE_HELP)
    .exitOverride();
  root
    .command('equalize')
    .description('fold batch norms and scale channels so that the ranges of consecutive layers match')
    .argument('<in>', 'a .keras or .h5 file, or the model.json or folder of a TF.js layers model')
    .requiredOption('-o, --output <out>', 'where the result goes; its ending decides the format')
    .option('--steps <list>', 'which steps, separated by commas', STEPS.join(','))
    .option('--force', 'overwrite the output')
    .option('--json', 'print everything that was done as one JSON object')
    .addHelpText(
      'after',
      `
Steps, always in this order:
  relu6  replace ReLU6 by ReLU; changes the function wherever an activation exceeds 6
  fold   fold batch norms into the layers beside them
  scale  cross-layer scaling
  bias   high-bias fold (bias absorption); may change the function a little
With --steps fold,scale the function stays the same.`,
    )
    .action((input, options) => print(equalizeCommand(input, options)));
  root
    .command('inspect')
    .description('show layers, batch norms, sets and spreads of channel ranges, and change nothing')
    .argument('<in>', 'the model')
    .option('--json', 'print one JSON object')
    .action((input, options) => print(inspectCommand(input, options)));
  root
    .command('convert')
    .description(
      'write the model in another format: .keras, .h5, or a folder (or .json) for a TF.js layers model',
    )
    .argument('<in>', 'the model')
    .requiredOption('-o, --output <out>', 'where the result goes; its ending decides the format')
    .addOption(
      new Option('--keras <version>', "which Keras the file is for; the model's own if left out").choices([
        '2',
        '3',
      ]),
    )
    .option('--force', 'overwrite the output')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
A new .keras file is always for Keras 3; for Keras 2 write an .h5 file: --keras 2 -o model.h5`,
    )
    .action((input, options) => print(convertCommand(input, options)));
  return root;
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that stops early, such as `head`, is no error.
  if (error.code === 'EPIPE') return;
  process.stderr.write(`crosslayer: the result cannot be printed: ${error.message}\n`);
  process.exitCode = EXIT.input;
});

try {
  await program().parseAsync();
} catch (error) {
  progressDone();
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  } else {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = exitCodeOf(error);
  }
}
