import { NORMALIZATIONS, type Normalization } from './normalization.ts';

/** @throws RangeError, which lists the names, where there is no such normalization; undefined is one to be guessed. */
export function checkNormalization(normalization: Normalization | undefined): void {
  if (normalization === undefined || NORMALIZATIONS.includes(normalization)) return;
  throw new RangeError(
    `there is no normalization ${String(normalization)}; there are ${NORMALIZATIONS.join(', ')}`,
  );
}
