/**
 * The configuration file: options that are the same in every call.
 *
 * @module
 */

import fs from 'node:fs';
import type { Command, Option } from 'commander';
import { FormatError, messageOf } from '../errors.ts';
import { inside, type Place, requireObject, shownValue } from '../json/place.ts';
import { parseJson } from '../json/text.ts';
import { isObject, type JsonObject, type JsonValue, ownEntry } from '../json/value.ts';
import { similarTo } from '../text/names.ts';
import { UsageError } from './usage-error.ts';
import { flagOf, type UsedConfig } from './used-config.ts';

/** The name that is looked for in the working directory. */
export const CONFIG_FILE = 'crosslayer.config.json';

/** The section for all commands that have an option. */
const FOR_ALL = 'all';
/** Options that belong to one call. */
const OF_A_CALL: ReadonlySet<string> = new Set(['output', 'report', 'config', 'help', 'verbose']);

/**
 * Gives `command` what the configuration file says, where the command line does not. Its option `config` becomes a {@link UsedConfig},
 * or false where there is no file or nothing in it is for this command.
 *
 * @param allCommands with all their options, asked for where there is a file
 * @throws FormatError where the file cannot be read; UsageError where a key is no option, or its value is none.
 */
export async function applyConfig(
  command: Command,
  allCommands: () => Promise<readonly Command[]>,
): Promise<void> {
  const name = command.opts()['config'];
  const file = typeof name === 'string' ? name : CONFIG_FILE;
  const isWanted = name !== false && (typeof name === 'string' || fs.existsSync(file));
  const config = isWanted ? applied(command, await allCommands(), file) : undefined;
  const isUsed = config !== undefined && config.given.size + config.leftOut.size > 0;
  command.setOptionValue('config', isUsed ? config : false);
}

function applied(command: Command, all: readonly Command[], file: string): UsedConfig {
  const commands = all.filter(({ options }) => options.some(({ long }) => long === '--config'));
  const sections = sectionsOf(file, commands);
  const given = new Map<string, unknown>();
  const leftOut = new Map<string, string>();
  for (const { section, key, value, place } of entriesFor(command, sections, file)) {
    const option = optionOf(command, key, value);
    const attribute = option?.attributeName() ?? '';
    if (!option || command.getOptionValueSource(attribute) === 'cli') continue;
    // Others are as they are without the file.
    if (typeof value === 'boolean' && value === option.negate) continue;
    try {
      const parsed = parsedValue(option, value, place);
      command.setOptionValueWithSource(attribute, parsed, 'config');
      given.set(attribute, parsed);
    } catch (error) {
      const others = commands.filter((one) => one.name() !== command.name());
      if (section !== FOR_ALL || !others.some((one) => takes(one, key, value, place))) throw error;
      leftOut.set(
        flagOf(attribute, value),
        `crosslayer ${command.name()} does not take ${shownValue(value)}`,
      );
    }
  }
  return { file, given, leftOut };
}

interface Entry {
  readonly section: string;
  readonly key: string;
  readonly value: JsonValue;
  readonly place: Place;
}

/** What the file has for a command: each key once, from its own section where that has it. */
function entriesFor(command: Command, sections: JsonObject, file: string): Entry[] {
  const entries = new Map<string, Entry>();
  for (const section of [FOR_ALL, command.name()]) {
    const place = inside({ source: file, where: '' }, section);
    const values = requireObject(ownEntry(sections, section) ?? {}, place);
    for (const [key, value] of Object.entries(values)) {
      entries.set(key, { section, key, value, place: inside(place, key) });
    }
  }
  return [...entries.values()];
}

/** The sections of the file. @throws UsageError where one is for no command, or a key is no option. */
function sectionsOf(file: string, commands: readonly Command[]): JsonObject {
  const root: Place = { source: file, where: '' };
  const sections = requireObject(parseJson(read(file), file, ''), root);
  for (const [name, section] of Object.entries(sections)) {
    const own = commands.filter((one) => name === FOR_ALL || one.name() === name);
    if (own.length === 0) throw noSection(file, name, section, commands);
    for (const [key, value] of Object.entries(requireObject(section, inside(root, name)))) {
      if (!own.some((one) => optionOf(one, key, value))) throw noOption(file, name, key, own);
    }
  }
  return sections;
}

function read(file: string): string {
  try {
    const bytes = fs.readFileSync(file);
    // So PowerShell of Windows writes what is redirected into a file.
    const isUtf16 = bytes[0] === 0xff && bytes[1] === 0xfe;
    return new TextDecoder(isUtf16 ? 'utf-16le' : 'utf-8').decode(bytes);
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

function takes(command: Command, key: string, value: JsonValue, place: Place): boolean {
  const option = optionOf(command, key, value);
  try {
    return option !== undefined && parsedValue(option, value, place) !== undefined;
  } catch {
    return false;
  }
}

function noSection(file: string, name: string, section: JsonValue, commands: readonly Command[]): UsageError {
  const names = [FOR_ALL, ...commands.map((one) => one.name())];
  const isOption = !isObject(section) && commands.some((one) => optionOf(one, name, section));
  return new UsageError(
    isOption
      ? `${file}: '${name}' is an option, not a section; write it into a section: {"${FOR_ALL}": {"${name}": ${JSON.stringify(section)}}}`
      : `${file}: '${name}' is not a section; ${didYouMean(name, names)}Sections are ${names.join(', ')}`,
  );
}

function noOption(file: string, section: string, key: string, commands: readonly Command[]): UsageError {
  const refuse = (why: string): UsageError => new UsageError(`${file}: ${section}.${key}: ${why}`);
  if (OF_A_CALL.has(key)) return refuse('belongs to one call; give it on the command line');
  const plain = key.replace(/^-+/, '').replace(/^no-/, '');
  const whose = section === FOR_ALL ? 'any command' : `crosslayer ${section}`;
  if (plain !== key) return refuse(`is not an option of ${whose}; write "${plain}": false or true`);
  const keys = commands.flatMap(({ options }) => options.map(({ long }) => long?.replace(/^--(no-)?/, '')));
  const known = keys.filter((one) => one !== undefined && !OF_A_CALL.has(one)) as string[];
  const list = `crosslayer ${section === FOR_ALL ? 'COMMAND' : section} --help --verbose lists the options`;
  return refuse(`is not an option of ${whose}; ${didYouMean(key, known)}${list}`);
}

function didYouMean(key: string, known: readonly string[]): string {
  const similar = similarTo(key, known);
  return similar === undefined ? '' : `did you mean ${similar}? `;
}

/** What commander makes of it on the command line. */
function parsedValue(option: Option, value: JsonValue, place: Place): unknown {
  const refuse = (why: string): UsageError =>
    new UsageError(`${place.source}: ${place.where}: ${why}; found ${shownValue(value)}`);
  if (!option.required && !option.optional) {
    if (typeof value !== 'boolean') throw refuse('is switched on or off by true or false');
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
      throw new UsageError(
        `${place.source}: ${place.where}: ${shownValue(one)} does not do. ${messageOf(error)}`,
      );
    }
  }
  return parsed;
}
