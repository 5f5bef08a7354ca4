/**
 * What a command took from the configuration file, and what it left out.
 *
 * @module
 */

import { ClashError, UsageError } from './usage-error.ts';

/** A file that was read, and what came from it. */
export interface UsedConfig {
  readonly file: string;
  /** The options that it gave, by their keys, with their values. */
  readonly given: ReadonlyMap<string, unknown>;
  /** Flags that were left out, each with the reason. Commands add what does not apply to them. */
  readonly leftOut: Map<string, string>;
}

/** The option that a command has for it; false where there is no file. */
export interface ConfigOptions {
  readonly config?: UsedConfig | false;
}

/**
 * Runs a command. A value of the configuration file that does not apply to it is left out; one of the command line is an
 * error.
 */
export async function withConfig<Options extends ConfigOptions, Result>(
  options: Options,
  run: (options: Options) => Result | Promise<Result>,
): Promise<Result> {
  const { config } = options;
  try {
    return await run(options);
  } catch (error) {
    if (!config || !(error instanceof UsageError)) throw error;
    const keys = error instanceof ClashError ? fromFile(error, options) : [];
    if (keys.length === 0) throw namingFile(error, options);
    for (const key of keys) config.leftOut.set(flagOf(key, config.given.get(key)), reasonOf(error));
    const others = Object.entries(options).filter(([key]) => !keys.includes(key));
    return withConfig(Object.fromEntries(others) as never, run);
  }
}

/** The flag that gives an option a value: `shardSize` is `--shard-size`, `verify` `--no-verify` where it is false. */
export function flagOf(key: string, value: unknown): string {
  const flag = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return value === false ? `--no-${flag}` : `--${flag}`;
}

/** The flags that the file gave. */
export function flagsGiven({ given, leftOut }: UsedConfig): string[] {
  return [...given].map(([key, value]) => flagOf(key, value)).filter((flag) => !leftOut.has(flag));
}

/** What is said of the file at the end. */
export function configLines({ config }: ConfigOptions): string[] {
  if (!config) return [];
  const flags = flagsGiven(config);
  return [
    ...(flags.length === 0 ? [] : [`${config.file} gave ${flags.join(', ')}`]),
    ...[...config.leftOut].map(([flag, reason]) => `${config.file}: ${flag} left out: ${reason}`),
  ];
}

/** The keys to leave out: those of the last group of which all that is set came from the file. */
function fromFile({ groups }: ClashError, options: ConfigOptions): readonly string[] {
  const { config } = options;
  const set = new Map(Object.entries(options).filter(([, value]) => value !== undefined));
  const isGiven = (key: string): boolean => config !== false && config?.given.has(key) === true;
  const sets = groups.map((group) => group.filter((key) => set.has(key)));
  return sets.findLast((keys) => keys.length > 0 && keys.every(isGiven)) ?? [];
}

/** `--io: it is for .tflite files; leave it out`: what stands between. */
function reasonOf({ message }: Error): string {
  return message.replace(/^-[^:]*: /, '').replace(/; [^;]*$/, '');
}

/** An error about an option that the file gave says so. */
function namingFile(error: UsageError, { config }: ConfigOptions): UsageError {
  const flags = config ? flagsGiven(config).filter((flag) => error.message.includes(flag)) : [];
  if (!config || flags.length === 0) return error;
  return new UsageError(
    `${error.message} (${config.file} gave ${flags.join(', ')}; --no-config leaves it out)`,
  );
}
