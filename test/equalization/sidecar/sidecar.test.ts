import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { correctBias } from '../../../src/equalization/biases/bias-correction.ts';
import { activationMoments } from '../../../src/equalization/moments/activation-moments.ts';
import { scaleRegions } from '../../../src/equalization/scaling/scale-regions.ts';
import {
  crosslayerSidecar,
  readSidecar,
  restoreStatistics,
  type Sidecar,
  takeBackCorrections,
  writeSidecar,
} from '../../../src/equalization/sidecar/sidecar.ts';
import { FormatError } from '../../../src/errors.ts';
import type { Model } from '../../../src/model/model.ts';
import { foldAllBatchNorms, foldsOf } from '../../../src/primitives/batch-norm-fold.ts';
import { QUANTIZER_PRESETS } from '../../../src/quantization/quantizer.ts';
import { buildModel, input, layer } from '../../support/model-builder.ts';

const HASH = 'ab'.repeat(32);
const HASHES = { inputSha256: HASH, outputSha256: 'cd'.repeat(32) };

function equalized(): { model: Model; sidecar: Sidecar } {
  const model = buildModel([
    input('x', [6, 6, 2]),
    layer('Conv2D', '__proto__', { filters: 3, kernel_size: 3 }),
    layer('BatchNormalization', 'bn'),
    layer('ReLU', 'relu'),
    layer('Conv2D', 'next', { filters: 2, kernel_size: 1 }),
    layer('BatchNormalization', 'bn2'),
  ]);
  const [foldedPairs] = foldAllBatchNorms(model);
  const { outputScales } = scaleRegions(model);
  const skipped = [{ code: 'padding', layers: ['a', 'b'], message: 'a stays' }];
  const { corrected } = correctBias(model, QUANTIZER_PRESETS['int8-per-tensor'], activationMoments(model));
  const corrections = corrected.map(({ layer: path, shift, batchNorms }) => ({
    layer: path,
    quantizer: 'int8-per-tensor',
    shift,
    batchNorms,
  }));
  const record = { folded: foldsOf(foldedPairs), outputScales, corrections, skipped };
  return { model, sidecar: crosslayerSidecar(model, { ...HASHES, ...record }) };
}

describe('a side-car', () => {
  it('says what was done', () => {
    const { model, sidecar } = equalized();
    expect(sidecar.folds.map(({ layer: one, batchNorm, direction }) => [one, batchNorm, direction])).toEqual(
      expect.arrayContaining([
        ['__proto__', 'bn', 'backward'],
        ['next', 'bn2', 'backward'],
      ]),
    );
    expect([...sidecar.scales.keys()]).toContain('__proto__');
    expect(sidecar.statistics.get('next')).toEqual(model.layer('next').statistics);
  });

  it('is the same when it is read again, to the last bit', () => {
    const { sidecar } = equalized();
    const text = writeSidecar(sidecar);
    expect(readSidecar(text, 'out.crosslayer.json')).toEqual(sidecar);
    expect(writeSidecar(readSidecar(text, 'out.crosslayer.json'))).toBe(text);
  });

  it('gives a model from the file its statistics back', () => {
    const { model, sidecar } = equalized();
    const fresh = model.clone();
    for (const { layer: one } of fresh.allLayers()) one.statistics = undefined;
    expect(restoreStatistics(fresh, sidecar)).toEqual([]);
    for (const { layer: one, path } of fresh.allLayers()) {
      expect(one.statistics).toEqual(model.layer(path).statistics);
    }
    const other = buildModel([input('x', [2]), layer('Dense', 'next', { units: 5 })]);
    expect(restoreStatistics(other, sidecar)).toEqual(['__proto__', 'next']);
    expect(other.layer('next').statistics).toBeUndefined();
  });

  it('takes corrections of biases back, once', () => {
    const { model, sidecar } = equalized();
    const corrected = model.layer('next').requireWeight('bias').toFloat64();
    const [shift] = sidecar.corrections.map((one) => one.shift);
    expect(Math.max(...(shift ?? []).map(Math.abs))).toBeGreaterThan(1e-5);
    const { statistics } = model.layer('next');
    expect(takeBackCorrections(model, sidecar)).toEqual(['next']);
    for (const [channel, bias] of model.layer('next').requireWeight('bias').toFloat64().entries()) {
      // A bias of about 1 is rounded to float32 twice.
      expect(bias).toBeCloseTo((corrected[channel] ?? NaN) - (shift?.[channel] ?? NaN), 6);
    }
    expect(model.layer('next').statistics).toEqual(statistics);
  });

  it('takes corrections out of the beta of batch norms', () => {
    const model = buildModel([
      input('x', [6, 6, 2]),
      layer('Conv2D', 'first', { filters: 3, kernel_size: 3 }),
      layer('BatchNormalization', 'bn1'),
      layer('Conv2D', 'conv', { filters: 3, kernel_size: 3, use_bias: false }),
      layer('BatchNormalization', 'bn'),
    ]);
    const beta = (): Float64Array => model.layer('bn').requireWeight('beta').toFloat64();
    const before = beta();
    const { corrected } = correctBias(model, QUANTIZER_PRESETS['int8-per-tensor'], activationMoments(model));
    const corrections = corrected.map((one) => ({ ...one, quantizer: 'int8-per-tensor' }));
    expect(corrections.map(({ batchNorms }) => batchNorms)).toEqual([['bn']]);
    expect(beta()).not.toEqual(before);
    const sidecar = readSidecar(writeSidecar(crosslayerSidecar(model, { ...HASHES, corrections })), 'x.json');
    expect(takeBackCorrections(model, sidecar)).toEqual(['conv']);
    for (const [channel, value] of beta().entries()) expect(value).toBeCloseTo(before[channel] ?? NaN, 6);
  });

  it('takes nothing back from layers that have other biases', () => {
    const { sidecar } = equalized();
    const other = buildModel([
      input('x', [2]),
      layer('Dense', 'next', { units: 5 }),
      layer('Dense', 'b', { units: 2, use_bias: false }),
    ]);
    const corrections = ['next', 'b', 'gone', 'x'].map((name) => ({
      layer: name,
      quantizer: 'int8-per-tensor',
      shift: Float64Array.of(1, 1),
      batchNorms: [],
    }));
    const before = new Map(other.layer('next').weights);
    expect(takeBackCorrections(other, { ...sidecar, corrections })).toEqual([]);
    expect(other.layer('next').weights).toEqual(before);
    expect(other.layer('b').weight('bias')).toBeUndefined();
  });

  it('may be of a model that came from no file', () => {
    const { model } = equalized();
    const sidecar = crosslayerSidecar(model, { ...HASHES, inputSha256: null });
    expect(readSidecar(writeSidecar(sidecar), 'out').inputSha256).toBeNull();
  });

  it('leaves out what JSON cannot hold', () => {
    const { model } = equalized();
    model.layer('next').statistics = { mean: Float64Array.of(NaN, 1), variance: Float64Array.of(1, 1) };
    const shift = Float64Array.of(NaN, 1);
    const corrections = [{ layer: 'next', quantizer: 'float', shift, batchNorms: [] }];
    const sidecar = crosslayerSidecar(model, { ...HASHES, corrections });
    expect([...sidecar.statistics.keys()]).toEqual(['__proto__']);
    expect(sidecar.corrections).toEqual([]);
    expect(readSidecar(writeSidecar(sidecar), 'out').statistics.size).toBe(1);
    expect(() => crosslayerSidecar(model, { ...HASHES, outputSha256: 'abc' })).toThrow(
      new RangeError('outputSha256: "abc" is not 64 hexadecimal digits'),
    );
  });
});

describe('readSidecar', () => {
  const lists = { folds: [], scales: [], statistics: [], corrections: [], skipped: [] };
  const sound = { version: 1, ...HASHES, ...lists };

  it.each([
    ['{', 'out: not valid JSON'],
    ['[]', 'out: expected an object, found []'],
    [{}, 'out: version: none, where this version of Crosslayer reads 1'],
    [{ ...sound, version: 2 }, 'out: version: 2, where'],
    [
      { ...sound, inputSha256: 'x' },
      'out: inputSha256: expected a SHA-256 in 64 hexadecimal digits, found "x"',
    ],
    [{ ...sound, outputSha256: null }, 'out: outputSha256: expected a text, found null'],
    [
      { ...sound, corrections: [{ layer: 'a', quantizer: 'b', shift: ['1'] }] },
      'out: corrections[0].shift[0]: expected a number, found "1"',
    ],
    [{ ...sound, folds: {} }, 'out: folds: expected a list, found {}'],
    [
      { ...sound, folds: [{ layer: 'a', batchNorm: 'b', direction: 'up' }] },
      'out: folds[0].direction: expected backward or forward, found "up"',
    ],
    [
      { ...sound, scales: [{ layer: 'a', factors: [1, null] }] },
      'out: scales[0].factors[1]: expected a number, found null',
    ],
    [
      { ...sound, statistics: [{ layer: 'a', mean: [1], variance: [] }] },
      'out: statistics[0].variance: expected 1 numbers, as many as means, found []',
    ],
    [
      { ...sound, statistics: [{ layer: 'a', mean: [1], variance: [-1] }] },
      'out: statistics[0].variance[0]: expected a number of at least 0, found -1',
    ],
    [
      { ...sound, statistics: [{ layer: 3, mean: [], variance: [] }] },
      'out: statistics[0].layer: expected a text, found 3',
    ],
    [
      { ...sound, skipped: [{ code: 'a', layers: 'b' }] },
      'out: skipped[0].layers: expected a list, found "b"',
    ],
  ])('refuses %j', (document, message) => {
    const text = typeof document === 'string' ? document : JSON.stringify(document);
    expect(() => readSidecar(text, 'out')).toThrow(FormatError);
    expect(() => readSidecar(text, 'out')).toThrow(message);
  });

  it('ends in a FormatError or a side-car for any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(...Object.keys(sound)), (value, key) => {
        try {
          readSidecar(JSON.stringify({ ...sound, [key]: value }), 'out');
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
    );
  });
});
