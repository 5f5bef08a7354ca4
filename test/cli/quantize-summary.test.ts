import { describe, expect, it } from 'vitest';
import { quantizeSummary } from '../../src/cli/commands/quantize-summary.ts';
import { printed } from '../../src/cli/terminal.ts';
import { isSameByTfjs, type WrittenCheck } from '../../src/report/quantize-report.ts';

const CHECK: WrittenCheck = {
  inputs: '8 samples',
  backend: 'wasm',
  samples: 8,
  outputs: [{ name: 'dense', scores: 'logits', sqnrDb: 38.86, top1Agreement: 1 }],
  accuracy: null,
  tfjs: { maxRelative: 1e-7 },
};

const PACKED = { pass: 'pack', packed: [], plan: null, edits: [], left: [] } as const;

function summaryOf(
  check: Partial<WrittenCheck>,
  changes: Partial<Parameters<typeof quantizeSummary>[1]> = {},
): string {
  const lines = quantizeSummary('web-model', {
    schemaVersion: 2,
    trials: [],
    quantizedBefore: [],
    storedCoarsely: [],
    passes: [PACKED],
    bytes: { float32: 4, before: 4, after: 1, filesBefore: 9, filesAfter: 6 },
    verification: null,
    check: { ...CHECK, ...check },
    dropped: [],
    warnings: [],
    sidecar: { read: null, measured: [], written: null },
    ...changes,
  });
  return printed(lines);
}

describe('quantizeSummary', () => {
  it('says that TF.js computes the same only where it does', () => {
    expect(summaryOf({})).toMatch(/opens them and computes the same \(1e-7\)/);
    // As its batch norm of channels_first does.
    for (const maxRelative of [0.035, Infinity, Number.NaN]) {
      expect(summaryOf({ tfjs: { maxRelative } })).toMatch(
        /opens them, but TF\.js \(wasm\) does not compute what Keras does/,
      );
      expect(isSameByTfjs({ maxRelative })).toBe(false);
    }
    expect(isSameByTfjs({ opens: true, reason: 'no such class' })).toBe(false);
  });

  it('counts the biases that moved', () => {
    const corrected = [0, 0.01].map((largestShift) => ({
      layer: 'conv',
      shift: Float64Array.of(largestShift),
      largestShift,
      batchNorms: [],
      isNew: false,
      ignoresBorders: false,
    }));
    const passes = [{ pass: 'correct', corrected, edits: [], left: [] } as const, PACKED];
    expect(summaryOf({}, { passes })).toMatch(/^ {2}correct {2}1 bias corrected/m);
  });

  it('says why outputs were not compared', () => {
    const summary = summaryOf({ outputs: [], notCompared: 'conv/kernel of the original is NaN' });
    expect(summary).toContain('    not compared: conv/kernel of the original is NaN\n');
  });
});
