/**
 * A report as JSON, which has no infinite numbers: they are the texts `Infinity`, `-Infinity` and `NaN`. Vectors of channels,
 * which side-cars keep, are left out.
 */
export function reportJson(report: object): string {
  return JSON.stringify(report, (_, value: unknown) => {
    if (ArrayBuffer.isView(value) || value instanceof Map) return undefined;
    return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
  });
}
