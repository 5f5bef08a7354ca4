/**
 * The report of a verification as text.
 *
 * @module
 */

import type { VerifyReport } from '../verification/verify.ts';

/** The report as JSON, which has no infinite numbers: they are the texts `Infinity` and `-Infinity`. */
export function verifyReportJson(report: VerifyReport): string {
  return JSON.stringify(report, (_, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
  );
}
