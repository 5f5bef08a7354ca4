/**
 * Errors for programs, which `--json` prints in place of a result, or in it.
 *
 * @module
 */

import { CrosslayerError, type ErrorCode, messageOf } from '../errors.ts';
import { UsageError } from './usage-error.ts';

/** What went wrong, as `--json` has it. */
export interface ErrorJson {
  readonly code: ErrorCode | 'usage' | 'bug';
  /** The path of the layer at fault, or of a weight in it; null where it is none. */
  readonly layer: string | null;
  /** The whole message. */
  readonly message: string;
  /** The end of the message, behind its last semicolon: what to do; null where it has none. */
  readonly advice: string | null;
}

/** What the command says of an error. The library names its own options behind those of the command, which has no use for them. */
export function commandMessage(error: unknown): string {
  return messageOf(error)
    .replace(/, [\w: ]+ in programs(?=\))/g, '')
    .replace(/ \([\w: ]+ in programs\)/g, '');
}

/** An error for programs. */
export function errorJson(error: unknown): ErrorJson {
  const message = commandMessage(error);
  const layer = error instanceof CrosslayerError && 'layer' in error ? error.layer : undefined;
  const [, advice = null] = /; ([^;]+)$/.exec(message) ?? [];
  return {
    code: codeOf(error),
    layer: typeof layer === 'string' && layer !== '' ? layer : null,
    message,
    advice,
  };
}

function codeOf(error: unknown): ErrorJson['code'] {
  if (error instanceof UsageError) return 'usage';
  return error instanceof CrosslayerError ? error.code : 'bug';
}
