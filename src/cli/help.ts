/**
 * The help of a command: one screen of what is used often, with examples; `--help --verbose` has the rest.
 *
 * @module
 */

import { type Command, Help, type HelpConfiguration, Option } from 'commander';
import { joined, widthOf, wrapped } from './wrap.ts';

/** The heading of options about what is written and printed. */
export const OUTPUT = 'Output:';

/** The heading of options that the short help leaves out. */
const SELDOM = 'Seldom needed:';

/** Options under a heading. */
export function group(heading: string, options: readonly Option[]): Option[] {
  return options.map((option) => option.helpGroup(heading));
}

/** Options that only `--help --verbose` lists. */
export function seldom(options: readonly Option[]): Option[] {
  return group(SELDOM, options);
}

/** What `--help` explains besides the options. */
interface HelpTexts {
  /** Calls, each with what it does: `['crosslayer inspect net.keras', 'what is in it']`. */
  readonly examples: readonly (readonly [call: string, what: string])[];
  /** Long explanations, for `--verbose`. */
  readonly more?: string;
}

/** Adds examples and explanations to a command that has its options. */
export function explained(command: Command, { examples, more = '' }: HelpTexts): Command {
  return command
    .addOption(
      new Option(
        '--config <file>',
        'options that are the same in every call (crosslayer.config.json)',
      ).helpGroup(SELDOM),
    )
    .addOption(new Option('--no-config', 'do not read crosslayer.config.json').helpGroup(SELDOM))
    .addOption(new Option('--quiet', 'print the result and errors, and no progress').helpGroup(SELDOM))
    .addOption(
      new Option(
        '--verbose',
        'tell why, where it is long to tell; with --help, list all options and explain them',
      ).helpGroup('Help:'),
    )
    .addHelpOption(new Option('-h, --help', 'show this').helpGroup('Help:'))
    .configureHelp(HELP_CONFIGURATION)
    .showHelpAfterError(helpHint(command.name()))
    .addHelpText('after', () => {
      const width = widthOf(process.stdout) ?? 80;
      const calls = examples.map(([call, what]) => `  # ${what}\n  ${call}`);
      const rest = isVerbose()
        ? more
        : `\ncrosslayer ${command.name()} --help --verbose has all options and explains them.`;
      const lines = ['', 'Examples:', ...calls.flatMap((call) => call.split('\n')), ...joined(rest)];
      return lines.flatMap((line) => wrapped(line, width)).join('\n');
    });
}

/** Where a mistake in the usage is told: what says how it is used. */
export function helpHint(command: string | undefined): string {
  return `(crosslayer ${command === undefined ? '' : `${command} `}--help says more)`;
}

const HELP_CONFIGURATION: HelpConfiguration = {
  visibleOptions(command) {
    const options = new Help().visibleOptions(command);
    return isVerbose() ? options : options.filter(({ helpGroupHeading }) => helpGroupHeading !== SELDOM);
  },
  optionDescription(option) {
    const { description, argChoices, defaultValue } = option;
    const [first = ''] = description.split('; ', 1);
    const choices = argChoices === undefined ? '' : `: ${argChoices.join(', ')}`;
    const byDefault = typeof defaultValue === 'string' ? ` (${defaultValue.replaceAll(',', ', ')})` : '';
    return `${isVerbose() ? description : first}${choices}${byDefault}`;
  },
};

/** Help is asked for before options are parsed. */
function isVerbose(): boolean {
  return process.argv.includes('--verbose');
}
