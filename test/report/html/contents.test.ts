import { expect, test } from 'vitest';
import { prepareQuantization } from '../../../src/equalization/quantize.ts';
import type { Model } from '../../../src/model/model.ts';
import { referencePasses } from '../../../src/primitives/equalize-model.ts';
import { allIn, runPasses } from '../../../src/primitives/pass.ts';
import { weightBytes } from '../../../src/quantization/packing/weight-bytes.ts';
import { equalizeForTarget } from '../../../src/report/equalize-for-target.ts';
import { inspectContent } from '../../../src/report/html/inspect-content.ts';
import { proofSection, trialSection } from '../../../src/report/html/proof-blocks.ts';
import { quantizeContent } from '../../../src/report/html/quantize-content.ts';
import type { ReportContent } from '../../../src/report/html/report-content.ts';
import { reportSubject } from '../../../src/report/html/report-subject.ts';
import { stepsContent } from '../../../src/report/html/steps-content.ts';
import { targetContent } from '../../../src/report/html/target-content.ts';
import { inspectModel } from '../../../src/report/inspect-report.ts';
import { damageReport } from '../../../src/report/layer-damage.ts';
import type { ProofReport } from '../../../src/report/proof-report.ts';
import { float32Bytes, type QuantizeReport } from '../../../src/report/quantize-report.ts';
import { buildModel, input, layer } from '../../support/model-builder.ts';

const WRITTEN = { dropped: ['the optimizer'], warnings: [] };

function model(): Model {
  return buildModel([
    input('x', [8, 8, 3]),
    layer('Conv2D', 'a', { filters: 4, kernel_size: 3 }),
    layer('BatchNormalization', 'bn_a'),
    layer('ReLU', 'relu'),
    layer('Conv2D', 'b', { filters: 4, kernel_size: 1 }),
    layer('BatchNormalization', 'bn_b'),
    layer('GlobalAveragePooling2D', 'pool'),
    layer('Dense', 'dense', { units: 3, activation: 'softmax' }),
  ]);
}

const fact = ({ facts }: ReportContent, name: RegExp): string | undefined =>
  facts.find(([title]) => name.test(title))?.[1];

/** All words of a section. */
function wordsOf({ sections }: ReportContent, title: string): string {
  return JSON.stringify(sections.find((section) => section.title === title)?.blocks ?? []);
}

test('an equalization for a target: regions, corrections and what was left alone in words', async () => {
  const original = model();
  const { model: after, plain, report: done } = await equalizeForTarget(original);
  const report = { ...done, ...WRITTEN };
  const content = targetContent(
    report,
    reportSubject(original, { before: plain, after, quantizer: 'int8-per-tensor' }),
  );
  expect(content.purpose).toBe('Equalized for int8-per-tensor');
  expect(fact(content, /^Batch norms folded/)).toBe('2');
  expect(fact(content, /^Settings/)).toContain('objective least-noise');
  expect(fact(content, /^Worst kernel/)).toMatch(/dB → .*dB/);
  expect(wordsOf(content, 'What was done')).toMatch(
    /bn_a into a.*a → b: 4 channels, factors [\d.]+ to [\d.]+/,
  );
  expect(wordsOf(content, 'Proof')).toContain('not run');
  expect(wordsOf(content, 'Notes')).toContain('the optimizer');
  for (const { message } of allIn(report.passes, 'left'))
    expect(wordsOf(content, 'Left alone')).toContain(message);
});

test('the steps of the reference: sets with their factors', async () => {
  const [original, after] = [model(), model()];
  const passes = await runPasses(after, referencePasses(['fold', 'scale']));
  const rangeSpread = { before: [], after: [] };
  const report = { schemaVersion: 2, passes, rangeSpread, verification: null, ...WRITTEN } as const;
  const content = stepsContent(
    report,
    reportSubject(original, { before: original, after, quantizer: 'int8-per-tensor' }),
  );
  expect(content.purpose).toContain('fold, scale');
  expect(fact(content, /^Sets of layers/)).toBe('1');
  expect(wordsOf(content, 'What was done')).toMatch(/a → b: 4 channels, factors/);
});

test('an inspection: which layers hurt, with their shares in the table of layers', async () => {
  const original = model();
  const damage = await damageReport(original);
  const subject = reportSubject(original, {
    before: original,
    after: original,
    quantizer: 'int8-per-tensor',
  });
  const content = inspectContent({ ...inspectModel(original), damage }, subject);
  expect(fact(content, /^Batch norms that fold/)).toBe('2 of 2');
  expect(wordsOf(content, 'Which layers hurt')).toContain('dense');
  const shares = [...content.damage.values()].map(({ before }) => before ?? 0);
  expect([...content.damage.keys()].sort()).toEqual(['a', 'b', 'dense']);
  // Parts of one total, together with tensors.
  const rounded = damage.tensors.map(({ before }) => before?.share ?? 0);
  expect([...shares, ...rounded].reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
  expect(wordsOf(content, 'Which layers hurt')).toContain('output of dense');
});

test('an inspection: why a tensor hurts', async () => {
  const original = buildModel([
    input('x', [2, 2, 2]),
    layer(
      'BatchNormalization',
      'loud',
      { epsilon: 1e-9 },
      { weights: { gamma: [1, 40], beta: [0, 0], movingMean: [0, 0], movingVariance: [4, 4] } },
    ),
    layer('ReLU', 'relu'),
    layer('Conv2D', 'conv', { filters: 2, kernel_size: 1 }),
  ]);
  const damage = await damageReport(original, 'int8-per-channel');
  const subject = reportSubject(original, {
    before: original,
    after: original,
    quantizer: 'int8-per-channel',
  });
  const content = inspectContent({ ...inspectModel(original), damage }, subject);
  expect(wordsOf(content, 'Which layers hurt')).toMatch(
    /output of relu: its range is set by channel 1 alone/,
  );
});

test('a quantization: sizes, types and what the written files do', async () => {
  const original = model();
  const { copy: after, passes, told } = await prepareQuantization(original, {});
  let unrounded = original;
  const records = await runPasses(after, passes, {
    before: (pass) => {
      if (pass === 'pack') unrounded = after.clone();
    },
  });
  const report: QuantizeReport = {
    schemaVersion: 2,
    ...told,
    passes: records,
    bytes: {
      float32: float32Bytes(after),
      before: weightBytes(original),
      after: weightBytes(after),
      filesBefore: 9000,
      filesAfter: 4000,
    },
    verification: null,
    check: {
      inputs: '16 samples',
      backend: 'cpu',
      samples: 16,
      outputs: [{ name: 'dense', scores: 'logits', sqnrDb: 38.86, top1Agreement: 0.9375 }],
      accuracy: { before: 0.92, after: 0.9205 },
      tfjs: { maxRelative: 1e-7 },
    },
    ...WRITTEN,
  };
  const subject = reportSubject(original, { before: original, after, unrounded, quantizer: 'tfjs-uint8' });
  const content = quantizeContent(report, subject);
  expect(content.purpose).toBe('Quantized for TF.js: 3 kernels in uint8');
  expect(fact(content, /^All files/)).toBe('9 kB → 4 kB');
  expect(fact(content, /^SQNR/)).toBe('38.9 dB');
  expect(fact(content, /^Same top-1/)).toBe('93.8 %');
  expect(fact(content, /^Accuracy/)).toBe('92.00 % → 92.05 %');
  expect(wordsOf(content, 'The written files')).toContain('its logits');
  expect(wordsOf(content, 'What was done')).toContain('a/kernel: uint8, 108 bytes');
  // What lies on its grid would say nothing about the rounding.
  expect(subject.weightSqnr.after?.every(({ sqnr }) => Number.isFinite(sqnr))).toBe(true);
});

test('the proof tells what was undone, what changed and what was not run', () => {
  const output = {
    name: 'dense',
    shape: [null, 3],
    maxAbsolute: 1,
    maxRelative: 0.25,
    scores: 'logits',
    sqnrDb: 12.34,
    top1Agreement: 0.5,
    worstInput: 0,
    same: false,
  } as const;
  const verification: ProofReport = {
    inputs: '4 samples',
    backend: 'cpu',
    weights: 'float16',
    proofs: [
      {
        pass: 'scale',
        keepsFunction: true,
        verdict: 'different',
        reason: 'dense differs',
        outputs: [output],
        notes: ['a note'],
        undone: [{ layers: ['a', 'b'], maxRelative: 0.5 }],
      },
    ],
  };
  const words = JSON.stringify(proofSection(verification));
  expect(words).toContain('["scale","changes","0.25","12.3 dB","50 %"]');
  expect(words).toContain('a → b changed the function by 0.5 of the output and was undone');
  expect(words).toContain('stored as float16');
  expect(words).toContain('scale: dense differs');
  expect(words).toContain('scale: a note');
  const open = {
    ...verification,
    inputs: null,
    proofs: [{ ...verification.proofs[0]!, reason: 'no TF.js' }],
  };
  expect(JSON.stringify(proofSection(open))).toContain('The model was not run: no TF.js.');
});

test('trials show the settings that differ, and only where there was a choice', () => {
  const trial = {
    target: 'tfjs-uint8',
    objective: 'least-noise',
    relu6: 'exact',
    biasCorrection: 'analytic',
  } as const;
  const trials = [
    { ...trial, rounding: 'nearest', sqnrDb: 30, top1Agreement: 1 },
    { ...trial, rounding: 'cancelling', sqnrDb: 28.25, top1Agreement: null },
  ] as const;
  expect(trialSection(trials, 'tfjs-uint8').blocks[1]).toMatchObject({
    header: ['Rounding', 'SQNR', 'Same top-1'],
    rows: [
      ['nearest', '30.0 dB', '100 %'],
      ['cancelling', '28.3 dB', ''],
    ],
  });
  expect(trialSection(trials.slice(0, 1), 'tfjs-uint8').blocks).toEqual([]);
});
