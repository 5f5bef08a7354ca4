/**
 * The configuration file: options that are the same in every call.
 *
 * @module
 */

import fs from 'node:fs';
import type { Command, Option } from 'commander';
import { FormatError, messageOf } from '../errors.ts';
import { inside, type Place, requireObject } from '../json/place.ts';
import { parseJson } from '../json/text.ts';
import { type JsonValue, ownEntry } from '../json/value.ts';
import { named } from '../text/names.ts';
import { UsageError } from './usage-error.ts';

/** The name that is looked for in the working directory. */
export const CONFIG_FILE = 'crosslayer.config.json';

/** The section for all commands that have an option. */
const FOR_ALL = 'all';
/** Options that belong to one call. */
const OF_A_CALL: ReadonlySet<string> = new Set(['output', 'report', 'config', 'help', 'verbose']);

/** A file that was read, and the options that came from it. */
export interface UsedConfig {
  readonly file: string;
  /** As on the command line: `--target`. */
  readonly options: readonly string[];
}

/**
 * Gives `command` what the configuration file says, where the command line does not. Its option `config` becomes a {@link UsedConfig},
 * or false where there is no file or nothing of it was taken.
 *
 * @param allCommands with all their options, asked for where there is a file
 * @throws FormatError where the file cannot be read; UsageError where a key is no option, or its value is none.
 */
export async function applyConfig(
  command: Command,
  allCommands: () => Promise<readonly Command[]>,
): Promise<void> {
  const given = command.opts()['config'];
  const file = typeof given === 'string' ? given : CONFIG_FILE;
  const isWanted = given !== false && (typeof given === 'string' || fs.existsSync(file));
  const hasConfig = (one: Command): boolean => one.options.some(({ long }) => long === '--config');
  const options = isWanted ? taken(command, (await allCommands()).filter(hasConfig), file) : [];
  command.setOptionValue('config', options.length === 0 ? false : { file, options });
}

function taken(command: Command, commands: readonly Command[], file: string): string[] {
  const root: Place = { source: file, where: '' };
  const sections = requireObject(parseJson(read(file), file, ''), root);
  for (const [name, section] of Object.entries(sections)) {
    const own = commands.filter((one) => name === FOR_ALL || one.name() === name);
    const place = inside(root, name);
    if (own.length === 0) {
      const names = [FOR_ALL, ...commands.map((one) => one.name())];
      throw new UsageError(`${file}: '${name}' is no command; there are ${named(names, names.length)}`);
    }
    for (const [key, value] of Object.entries(requireObject(section, place))) {
      if (!own.some((one) => optionOf(one, key, value))) throw noOption(file, name, key);
    }
  }
  const found = new Map<string, readonly [Option, JsonValue, Place]>();
  for (const name of [FOR_ALL, command.name()]) {
    const section = ownEntry(sections, name) ?? {};
    for (const [key, value] of Object.entries(requireObject(section, inside(root, name)))) {
      const option = optionOf(command, key, value);
      if (option) found.set(option.attributeName(), [option, value, inside(inside(root, name), key)]);
    }
  }
  return [...found].flatMap(([attribute, [option, value, place]]) => {
    if (command.getOptionValueSource(attribute) === 'cli') return [];
    command.setOptionValueWithSource(attribute, parsedValue(option, value, place), 'config');
    // Others are as they are without the file.
    const isNoted = typeof value !== 'boolean' || value !== option.negate;
    return isNoted ? (option.long ?? []) : [];
  });
}

function read(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (cause) {
    throw new FormatError(file, '', `the configuration cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/** The option of a key: `verify` is `--no-verify` where it is false, `trials` either. */
function optionOf(command: Command, key: string, value: unknown): Option | undefined {
  if (OF_A_CALL.has(key) || key.startsWith('no-')) return undefined;
  const find = (flag: string): Option | undefined => command.options.find(({ long }) => long === flag);
  if (value === false) return find(`--no-${key}`) ?? find(`--${key}`);
  return find(`--${key}`) ?? find(`--no-${key}`);
}

function noOption(file: string, section: string, key: string): UsageError {
  const whose = section === FOR_ALL ? 'of any command' : `of crosslayer ${section}`;
  const plain = key.replace(/^-+/, '').replace(/^no-/, '');
  const advice = plain === key ? '--help --verbose lists them' : `write "${plain}": false or true`;
  return new UsageError(
    OF_A_CALL.has(key)
      ? `${file}: ${section}.${key}: belongs to one call; give it on the command line`
      : `${file}: ${section}.${key}: is no option ${whose}; ${advice}`,
  );
}

/** What commander makes of it on the command line. */
function parsedValue(option: Option, value: JsonValue, place: Place): unknown {
  const refuse = (why: string): UsageError => new UsageError(`${place.source}: ${place.where}: ${why}`);
  if (!option.required && !option.optional) {
    if (typeof value !== 'boolean') throw refuse('is switched on or off; write true or false');
    return value;
  }
  const list = Array.isArray(value) ? value : [value];
  if (list.length !== 1 && !option.variadic) throw refuse('takes one value');
  if (list.length === 0) throw refuse('has no value');
  let parsed: unknown;
  for (const one of list) {
    if (typeof one !== 'string' && typeof one !== 'number') throw refuse('takes a text or a number');
    try {
      if (option.parseArg) parsed = option.parseArg(String(one), parsed as never);
      else
        parsed = option.variadic ? [...((parsed as string[] | undefined) ?? []), String(one)] : String(one);
    } catch (error) {
      throw refuse(messageOf(error));
    }
  }
  return parsed;
}
