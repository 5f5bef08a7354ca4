/**
 * The errors that damaged, hostile or unsupported input ends in. Everything else that is thrown on purpose is a
 * `TypeError` or `RangeError` for misuse of the API.
 *
 * @module
 */

/** What an error class stands for; stable, for programs that branch on it. */
export type ErrorCode = 'format' | 'invalid-model' | 'unsupported-model' | 'limit' | 'output' | 'cannot-run';

/** The base of every error that input or output can cause. */
export abstract class CrosslayerError extends Error {
  /** Stable tag of the class. */
  abstract readonly code: ErrorCode;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The bytes are not what their format says: truncated, damaged, or not that format at all. */
export class FormatError extends CrosslayerError {
  override readonly code = 'format';
  /** The file (or the entry in it) that was being read. */
  readonly source: string;
  /** Where in it: a byte offset, an HDF5 path, a JSON path. */
  readonly where: string;

  constructor(source: string, where: string, reason: string, options?: { cause?: unknown }) {
    super(where === '' ? `${source}: ${reason}` : `${source}: ${where}: ${reason}`, options);
    this.source = source;
    this.where = where;
  }
}

/** The file is readable, but the model in it contradicts itself: shapes, names, links. */
export class InvalidModelError extends CrosslayerError {
  override readonly code = 'invalid-model';
  /** The layer at fault; empty where it is the model as a whole. */
  readonly layer: string;

  constructor(layer: string, reason: string, options?: { cause?: unknown }) {
    super(layer === '' ? reason : `${layer}: ${reason}`, options);
    this.layer = layer;
  }
}

/** A sound input of a kind that Crosslayer does not take, or an output that a format cannot carry. */
export class UnsupportedModelError extends CrosslayerError {
  override readonly code = 'unsupported-model';
  /** The format or feature that is not taken. */
  readonly feature: string;

  constructor(feature: string, reason: string, options?: { cause?: unknown }) {
    super(reason, options);
    this.feature = feature;
  }
}

/** A size declared by the input is larger than what it holds or than what is taken. */
export class LimitError extends CrosslayerError {
  override readonly code = 'limit';
  /** What was measured. */
  readonly what: string;
  /** Its size. */
  readonly actual: number;
  /** The largest size taken. */
  readonly limit: number;

  constructor(what: string, actual: number, limit: number, advice = '') {
    super(`${what}: ${actual} is past the limit of ${limit}${advice === '' ? '' : `; ${advice}`}`);
    this.what = what;
    this.actual = actual;
    this.limit = limit;
  }
}

/** The result could not be written; nothing was left behind. */
export class OutputError extends CrosslayerError {
  override readonly code = 'output';
  /** The path or name that could not be written. */
  readonly target: string;

  constructor(target: string, reason: string, options?: { cause?: unknown }) {
    super(`${target}: ${reason}`, options);
    this.target = target;
  }
}

/** The model is sound, but cannot be run here: a layer that the runner does not know, or no runner at all. */
export class CannotRunError extends CrosslayerError {
  override readonly code = 'cannot-run';
  /** The layer at fault; empty where it is the model as a whole, or the packages that run it. */
  readonly layer: string;

  constructor(layer: string, reason: string, options?: { cause?: unknown }) {
    super(layer === '' ? reason : `${layer}: ${reason}`, options);
    this.layer = layer;
  }
}

/** Packages that run models, which are optional, are not installed. */
export class NotInstalledError extends CannotRunError {
  readonly packages: readonly string[];

  /** @param what `running models takes TF.js` */
  constructor(what: string, packages: readonly string[], options?: { cause?: unknown }) {
    const state = what.includes(' and ') ? 'are not installed; to have them' : 'is not installed; to have it';
    super('', `${what}, which ${state}: npm install ${packages.join(' ')}`, options);
    this.packages = packages;
  }
}

/** What `work` gives; where a model cannot be run for it, what is made of the reason. */
export async function unlessCannotRun<Result, Instead>(
  work: () => Promise<Result>,
  instead: (reason: string) => Instead,
): Promise<Result | Instead> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CannotRunError) return instead(error.message);
    throw error;
  }
}

/** What something that was thrown says; other code may throw what is no error. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
