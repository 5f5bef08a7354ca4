/** A report as JSON, which has no infinite numbers: they are the texts `Infinity`, `-Infinity` and `NaN`. */
export function reportJson(report: object): string {
  return JSON.stringify(report, (_, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
  );
}
