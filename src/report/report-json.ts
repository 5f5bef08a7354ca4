import { visibleJson } from '../text/visible.ts';

/**
 * A report as JSON, which has no infinite numbers: they are the texts `Infinity`, `-Infinity` and `NaN`, and in which
 * characters that act on a terminal are escaped. Vectors of channels, which side-cars keep, are left out.
 */
export function reportJson(report: object): string {
  const json = JSON.stringify(report, (_, value: unknown) => {
    if (ArrayBuffer.isView(value) || value instanceof Map) return undefined;
    return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
  });
  return visibleJson(json);
}
