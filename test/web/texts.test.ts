import { describeSkip, TARGETS } from 'crosslayer';
import { INTEGER_WEIGHTS, TFLITE_IO } from 'crosslayer/quantization';
import type { DamageReport, InspectReport, ProofReport, RunCheck, TargetReport } from 'crosslayer/report';
import { describe, expect, it } from 'vitest';
import { RELU6_POLICIES } from '../../src/equalization/options.ts';
import { previewText, RELU6_TEXTS, TARGET_TEXTS } from '../../web/page/choices/choice-texts.ts';
import {
  changeText,
  damageRows,
  improvementText,
  type RankedBy,
  type RankedKind,
} from '../../web/page/choices/damage-rows.ts';
import { previewedChoices, previewOf } from '../../web/page/choices/previewed-choices.ts';
import { threeModelsText } from '../../web/page/compare/compare-view.ts';
import {
  byName,
  className,
  EXAMPLE_CLASSES,
  labelsFromNames,
  readLabels,
} from '../../web/page/compare/picture-labels.ts';
import { equalizedStory, openedStory } from '../../web/page/map/layer-story.ts';
import { pictureObstacle } from '../../web/page/open/opening.ts';
import { spreadSentences, trialSentences } from '../../web/page/take/equalized-view.ts';
import { proofSentences, proofVerdict } from '../../web/page/take/proof-texts.ts';
import { IO_TEXTS, tfliteSentences, tfliteVerdict, WEIGHTS_TEXTS } from '../../web/page/take/tflite-texts.ts';
import type { OpenedModel, Preview, TakenTflite } from '../../web/protocol.ts';

describe('choices', () => {
  it('that were tried are told by what they differ in', () => {
    const trial = { relu6: 'exact', objective: 'least-noise', sqnrDb: 32, top1Agreement: 0.5 };
    const trials = [{ ...trial, objective: 'equal-ranges' }, trial] as unknown as TargetReport['trials'];
    expect(trialSentences(trials)).toEqual([
      'objective equal-ranges: SQNR 32.0 dB, same top-1 class in 50 %',
      'objective least-noise: SQNR 32.0 dB, same top-1 class in 50 %',
    ]);
  });

  it('have a text each', () => {
    expect(TARGET_TEXTS.map(([value]) => value).sort()).toEqual([...TARGETS].sort());
    expect(RELU6_TEXTS.map(({ value }) => value).sort()).toEqual([...RELU6_POLICIES].sort());
  });

  const preview = (one: Partial<Preview>): Preview => ({
    target: 'int8-per-tensor',
    relu6: 'exact',
    gainDb: 20,
    cost: 'Nothing.',
    obstacle: null,
    ...one,
  });

  it('find their preview, which all policies share where they make no difference', () => {
    const previews = [preview({}), preview({ relu6: 'keep', gainDb: 3 }), preview({ target: 'tfjs-uint8' })];
    const of = (target: Preview['target'], relu6: Preview['relu6']) =>
      previewOf({ previews, opened: undefined }, { target, relu6 });
    expect(of('int8-per-tensor', 'keep')?.gainDb).toBe(3);
    expect(of('int8-per-tensor-symmetric', 'keep')?.gainDb).toBe(3);
    expect(of('int8-per-tensor', 'relu')).toBeUndefined();
    expect(of('tfjs-uint8', 'relu')?.target).toBe('tfjs-uint8');
    expect(previewedChoices(true).map(({ target, relu6 }) => `${target} ${relu6}`)).toEqual([
      'int8-per-tensor exact',
      'int8-per-tensor keep',
      'int8-per-tensor relu',
      'int8-per-channel exact',
      'tfjs-uint8 exact',
      'float exact',
      'float keep',
      'float relu',
    ]);
    expect(previewedChoices(false)).toHaveLength(4);
  });

  it('say what they bring, or why they cannot be made', () => {
    expect(previewText(preview({})).gain).toBe('Expected gain: 20.0 dB less error, 100 times less.');
    expect(previewText(preview({ gainDb: 3 })).gain).toBe(
      'Expected gain: 3.0 dB less error, 2.0 times less.',
    );
    expect(previewText(preview({ gainDb: -1 })).gain).toBe('Expected loss: 1.0 dB more error.');
    expect(previewText(preview({ gainDb: 0 })).gain).toBe('Expected gain: none.');
    expect(previewText(preview({ gainDb: null })).gain).toBe('Expected gain: not known.');
    const blocked = preview({ obstacle: 'a kernel is int8' });
    expect(previewText(blocked).gain).toBe('Not possible: a kernel is int8');
  });
});

describe('damage', () => {
  const sqnr = (layer: string, decibels: number) => ({ layer, weight: 'kernel', sqnr: decibels });
  const weightSqnr = {
    before: [sqnr('a', 9.96), sqnr('b', 30)],
    after: [sqnr('a', 41), sqnr('c', Infinity)],
  };
  const report: DamageReport = {
    target: 'int8-per-tensor',
    layers: [
      {
        layer: 'a',
        before: { damage: 8, share: 0.8, isKnown: true },
        after: { damage: 0.5, share: 0.5, isKnown: true },
      },
      { layer: 'b', before: { damage: 2, share: 0.2, isKnown: false }, after: null },
      { layer: 'c', before: null, after: { damage: 0.5, share: 0.5, isKnown: true } },
    ],
    tensors: [
      {
        layer: 'a',
        tensor: 'output of a',
        before: { damage: 4, share: 0, isKnown: true, min: 0, max: 9, loneChannel: 3 },
        after: { damage: 1, share: 0, isKnown: true, min: 0, max: 1, loneChannel: null },
      },
    ],
    improvementDb: 10,
    notes: [],
  };

  it('has rows with shares, changes and bars on one scale', () => {
    expect(damageRows({ report, weightSqnr }, { kind: 'all', by: 'damage-before' })).toEqual([
      {
        layer: 'a',
        name: 'a',
        remedy: '',
        before: '80 %',
        after: '50 %',
        change: '16\u00d7 less',
        sqnr: { before: '10.0 dB', after: '41.0 dB' },
        bars: { before: 1, after: 0.0625 },
      },
      {
        layer: 'a',
        name: 'output of a',
        remedy: 'its range is set by channel 3 alone; equalize cures that',
        before: '0 %',
        after: '0 %',
        change: '4\u00d7 less',
        sqnr: { before: undefined, after: undefined },
        bars: { before: 0.5, after: 0.125 },
      },
      {
        ...{ layer: 'b', name: 'b', remedy: '', before: '20 % ?', after: undefined, change: '' },
        sqnr: { before: '30.0 dB', after: undefined },
        bars: { before: 0.25, after: 0 },
      },
      {
        layer: 'c',
        name: 'c',
        remedy: '',
        before: undefined,
        after: '50 %',
        change: 'new layer',
        sqnr: { before: undefined, after: 'on the grid' },
        bars: { before: 0, after: 0.0625 },
      },
    ]);
  });

  it('are ranked by damage or by what kernels lose, of each kind', () => {
    const names = (kind: RankedKind, by: RankedBy): string[] =>
      damageRows({ report, weightSqnr }, { kind, by }).map(({ name }) => name);
    expect(names('kernels', 'damage-before')).toEqual(['a', 'b', 'c']);
    expect(names('tensors', 'damage-before')).toEqual(['output of a']);
    expect(names('all', 'damage-after')).toEqual(['output of a', 'a', 'c', 'b']);
    expect(names('all', 'sqnr-before')).toEqual(['a', 'b']);
    expect(names('all', 'sqnr-after')).toEqual(['a', 'c']);
    expect(names('tensors', 'sqnr-after')).toEqual([]);
  });

  it('says what all layers do together', () => {
    expect(improvementText(report)).toContain('10.0 dB less');
    expect(improvementText({ ...report, improvementDb: -2 })).toContain('2.0 dB more');
    expect(improvementText({ ...report, improvementDb: null })).toContain('not known');
  });

  it('says what became of a layer', () => {
    const side = (damage: number) => ({ damage, share: 0, isKnown: true });
    expect(changeText(side(1), side(3))).toBe('3\u00d7 more');
    expect(changeText(side(1), side(0))).toBe('none left');
    expect(changeText(side(0), side(0))).toBe('the same');
    expect(changeText(side(Infinity), side(1))).toBe('');
  });
});

describe('the proof', () => {
  const output = {
    name: 'out',
    shape: [null, 10],
    maxAbsolute: 1,
    maxRelative: 0.01,
    scores: 'logits',
    sqnrDb: 34.7,
    top1Agreement: 0.75,
    worstInput: 0,
    same: false,
  } as const;
  const proof = (pass: string, one: Partial<ProofReport['proofs'][number]> = {}) =>
    ({
      pass,
      keepsFunction: ['fold', 'scale', 'carry'].includes(pass),
      verdict: 'same',
      reason: null,
      outputs: [{ ...output, maxRelative: 2e-6 }],
      notes: [],
      undone: [],
      ...one,
    }) as const;
  const verification = (...proofs: ProofReport['proofs']): ProofReport => ({
    inputs: '4 samples',
    backend: 'wasm',
    proofs,
    weights: 'float32',
  });

  it('is good where all steps that must keep the function do', () => {
    expect(proofVerdict(verification(proof('fold'), proof('scale')))).toEqual({
      isGood: true,
      text: 'The model still computes the same.',
    });
    const corrected = proof('correct', { verdict: 'different', outputs: [output] });
    expect(proofVerdict(verification(proof('fold'), corrected))).toMatchObject({ isGood: true });
    expect(proofSentences(verification(corrected))[1]).toBe(
      'Correcting biases: changes the output by 0.01 of its largest value (SQNR 34.7 dB; same top-1 class in 75 %), in ' +
        'advance of the rounding to 8 bits, which will shift it back.',
    );
  });

  it('is not where one of them does not, where something was taken back, and where nothing was run', () => {
    const different = proof('scale', { verdict: 'different', reason: 'out differs' });
    const undone = proof('fold', { undone: [{ layers: ['a', 'b'], maxRelative: 0.1 }] });
    const open = proof('fold', { verdict: 'not-verified', reason: 'no such layer', outputs: [] });
    expect(proofVerdict(verification(different))).toMatchObject({ isGood: false });
    expect(proofVerdict(verification(proof('fold'), open)).text).toContain('no such layer');
    expect(proofVerdict(verification(undone)).text).toContain('taken back');
    expect(proofVerdict({ ...verification(open), inputs: null })).toEqual({
      isGood: false,
      text: 'Not proven: no such layer',
    });
    expect(proofVerdict(null).isGood).toBe(false);
  });

  it('does not say that a model was run that could not be', () => {
    const open = proof('fold', { verdict: 'not-verified', reason: 'no such layer', outputs: [] });
    expect(proofSentences(verification(open))).toEqual(['Folding batch norms: not proven: no such layer.']);
    expect(proofSentences(verification(open, proof('scale')))[0]).toMatch(/^The model was run/);
  });
});

describe('the largest spread', () => {
  const map = [{ spread: 9 }, { spread: null }] as unknown as OpenedModel['map'];
  const passes = [{ pass: 'scale', regions: [{}] }] as unknown as TargetReport['passes'];

  it('is told before and after, and how it can have grown', () => {
    const spreads = (after: number) =>
      spreadSentences({ spreads: [['a', after]], report: { passes } }, { map });
    expect(spreads(2)).toEqual(['The largest spread of a layer was 9\u00d7 and is 2\u00d7 now.']);
    expect(spreads(139)[0]).toMatch(/is 139\u00d7 now\. Factors are chosen so that rounding disturbs/);
    expect(spreadSentences({ spreads: [], report: { passes } }, { map })).toEqual([]);
  });
});

describe('pictures', () => {
  const pictures = { height: 32, width: 32, channels: 3 };

  it('are of use where the open model takes them, and a sentence says why elsewhere', () => {
    expect(pictureObstacle({ name: 'net', pictures })).toBeUndefined();
    expect(pictureObstacle({ name: 'net', pictures: null })).toMatch(/^net does not take pictures/);
    expect(pictureObstacle(undefined)).toMatch(/Open a model first/);
  });

  it('go through the model as converters would round it', () => {
    expect(threeModelsText({ target: 'int8-per-tensor' })).toMatch(/batch norms folded/);
    expect(threeModelsText({ target: 'tfjs-uint8' })).not.toMatch(/folded/);
    expect(threeModelsText({ target: 'int8-per-channel' })).toMatch(/kernels and the results of its layers/);
    expect(threeModelsText({ target: 'float' })).not.toMatch(/results of its layers/);
  });
});

describe('the story of a layer', () => {
  const inspect = {
    batchNorms: [
      { bn: 'bn', into: 'conv', direction: 'backward', reason: null },
      { bn: 'alone', into: null, direction: null, reason: { code: 'no-neighbour', message: 'alone stays' } },
    ],
    relu6Damage: [{ layer: 'act', source: null, expected: null }],
  } as unknown as InspectReport;

  it('says what can be done', () => {
    expect(openedStory('conv', inspect)).toEqual(['It can take the batch norm bn, which stands behind it.']);
    expect(openedStory('bn', inspect)).toEqual(['This batch norm can be folded into conv.']);
    expect(openedStory('alone', inspect)).toEqual(['This batch norm cannot be folded: alone stays.']);
    expect(openedStory('act', inspect)[0]).toContain('not known');
  });

  it('says what was done, and why something was not', () => {
    const message = describeSkip({ code: 'no-partner', layers: ['out'] });
    const left: readonly unknown[] = [];
    const passes = [
      { pass: 'relu6', replacedRelu6: ['act'], left },
      { pass: 'fold', folded: [{ layer: 'conv', batchNorm: 'bn', direction: 'backward' }], left },
      {
        pass: 'scale',
        regions: [{ sources: ['conv'], sinks: ['next'], channels: 8, smallest: 0.5, largest: 4 }],
        caps: [{ path: 'act', message: 'act: a maximum of 3 for all channels' }],
        left: [{ code: 'no-partner', layers: ['out'], message }],
      },
      { pass: 'carry', carried: [{ layer: 'dw', batchNorms: ['dw_bn'] }], left },
      { pass: 'correct', corrected: [{ layer: 'next', largestShift: 0.01 }], left },
    ];
    const report = { passes } as unknown as TargetReport;
    expect(equalizedStory('conv', report)).toEqual([
      'The batch norm bn was folded into it.',
      'Its 8 output channels were scaled by factors of 0.5 to 4, and the opposite was done in next.',
    ]);
    expect(equalizedStory('next', report)).toHaveLength(2);
    expect(equalizedStory('act', report)).toHaveLength(2);
    expect(equalizedStory('dw_bn', report)).toEqual(['It takes back the factors of the channels of dw.']);
    expect(equalizedStory('out', report)).toEqual([`Left alone: ${message}.`]);
    expect(equalizedStory('flatten', report)).toEqual(['Nothing was done to it, and nothing had to be.']);
  });
});

describe('labels of pictures', () => {
  it('are read from a field', () => {
    expect(readLabels('  ', 2)).toEqual({ kind: 'none' });
    expect(readLabels('3, 0;7\n1', 4)).toEqual({ kind: 'labels', labels: [3, 0, 7, 1] });
    expect(readLabels('3 cat', 2)).toMatchObject({ kind: 'wrong' });
    expect(readLabels('3 -1', 2)).toMatchObject({ kind: 'wrong' });
    expect(readLabels('3', 2)).toMatchObject({ kind: 'wrong' });
  });

  it('are read from names, or from none of them', () => {
    expect(labelsFromNames(['a/3_cat.png', '12-dog.jpg'])).toEqual([3, 12]);
    expect(labelsFromNames(['3_cat.png', 'dog.jpg'])).toBeUndefined();
    expect(labelsFromNames([])).toBeUndefined();
  });

  it('have names where they are known', () => {
    expect(className(9, EXAMPLE_CLASSES)).toBe('ankle boot (9)');
    expect(className(9, [])).toBe('class 9');
    expect(['b10', 'b2'].sort(byName)).toEqual(['b2', 'b10']);
  });
});

describe('the .tflite file', () => {
  const check = (sqnrDb: number): RunCheck => ({
    inputs: '8 made-up samples',
    samples: 8,
    outputs: [{ name: 'out', sqnrDb, top1Agreement: 0.985 }] as unknown as RunCheck['outputs'],
    accuracy: null,
  });
  const taken = {
    weights: 'per-channel',
    dense: 'per-channel',
    float: false,
    io: 'int8',
    inFloat: [],
    bytes: { before: 4_000_000, after: 1_000_000 },
    operators: [{ op: 'CONV_2D', count: 2 }],
    ranges: [{ path: 'conv', min: -1, max: 6, source: 'stand-ins' }] as unknown as TakenTflite['ranges'],
    notTaken: [
      {
        ...{ hardware: 'TFLite Micro', op: 'FULLY_CONNECTED', layers: ['dense'] },
        reason: '--dense per-tensor has one',
      },
    ],
    check: null,
  } as const;

  it('has a text for each choice, with what a phone app wants', () => {
    expect(WEIGHTS_TEXTS.map(({ value }) => value)).toEqual([...INTEGER_WEIGHTS]);
    expect(IO_TEXTS.map(({ value }) => value)).toEqual([...TFLITE_IO]);
    expect(IO_TEXTS.filter(({ text }) => text.includes('phone app')).map(({ value }) => value)).toEqual([
      'uint8',
      'float32',
    ]);
  });

  it('is good news where it was run and is near the float model', () => {
    expect(tfliteVerdict({ check: check(22.4), notVerified: null })).toEqual({
      isGood: true,
      text: 'LiteRT ran the file in this browser, beside the float model: SQNR 22.4 dB, same top-1 98.5 %.',
    });
    expect(tfliteVerdict({ check: check(5), notVerified: null })).toMatchObject({
      isGood: false,
      text: expect.stringMatching(/SQNR 5\.0 dB.*\. That is far from the float model/),
    });
    const notCompared = { ...check(0), outputs: [], notCompared: 'out has values that are not finite' };
    expect(tfliteVerdict({ check: notCompared, notVerified: null })).toMatchObject({ isGood: false });
    expect(tfliteVerdict({ check: null, notVerified: 'no LiteRT' })).toEqual({
      isGood: false,
      text: 'Not verified: no LiteRT',
    });
  });

  it('names the fields of the page, not options', () => {
    expect(tfliteSentences(taken)).toEqual([
      'Size: 4.00 MB as it was opened, 1.00 MB now (25 %), with int8 weights per-channel and int8 inputs and outputs.',
      'Operators 2: 2 CONV_2D.',
      'Ranges of 1 tensor: 1 guessed.',
      'Guessed from made-up inputs: conv [-1, 6]. On inputs of your own they are measured.',
      'Not for TFLite Micro: 1 FULLY_CONNECTED (“One scale for a Dense layer” has one).',
      'What the hardware does not take is computed by other kernels; that costs time alone.',
    ]);
  });
});
