import { beforeAll, describe, expect, it } from 'vitest';
import type { Model } from '../../../src/model/model.ts';
import { foldAllBatchNorms } from '../../../src/primitives/batch-norm-fold.ts';
import { type ActivationQuantizer, parseQuantizer } from '../../../src/quantization/quantizer.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { isWholeInteger, recordOnGrids } from '../../../src/verification/comparing/record-on-grids.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { rectifier } from '../../support/rectifier.ts';

const activations: ActivationQuantizer = { bits: 8, symmetric: false, rounding: 'half-away' };

function network(): Model {
  const model = rectifier();
  foldAllBatchNorms(model);
  return model;
}

const inputs = [Tensor.fromNumbers('float32', [2, 2], [24, 0, 0, 8])];
let runner: TfjsRunner;
beforeAll(async () => {
  runner = await TfjsRunner.create({ backend: 'cpu' });
});

describe('recordOnGrids', () => {
  it.each(['int8-per-tensor', 'int8-per-tensor-symmetric', 'int8-per-channel'])(
    'has ranges of %s from statistics, or from inputs',
    async (name) => {
      const grids = { weights: parseQuantizer(name), activations };
      const statistics = await recordOnGrids(network(), { runner, inputs, grids, ranges: 'statistics' });
      const outputs = statistics.run.outputs[0]?.toFloat64() ?? [];
      // 8 is on the grid from 0 to 12 as well as on the one from 0 to 24; 24 is cut off.
      for (const [index, value] of [12, 0, 0, 8].entries()) expect(outputs[index]).toBeCloseTo(value, 4);
      expect(statistics.measured).toEqual(['x']);
      const measured = await recordOnGrids(network(), { runner, inputs, grids, ranges: 'measured' });
      expect(measured.run.outputs[0]?.toFloat64()[0]).toBeCloseTo(24, 4);
      expect(measured.measured).toEqual([]);
      const inputRanges = [{ min: 0, max: 6 }];
      const given = await recordOnGrids(network(), {
        runner,
        inputs,
        grids,
        inputRanges,
        ranges: 'statistics',
      });
      expect(given.run.outputs[0]?.toFloat64()[3]).toBeCloseTo(6, 1);
      expect(given.measured).toEqual([]);
    },
  );

  it('knows whole-integer models', () => {
    const isWhole = (name: string, quantizer = activations): boolean =>
      isWholeInteger({ weights: parseQuantizer(name), activations: quantizer });
    expect(isWhole('int8-per-channel')).toBe(true);
    expect(isWhole('int8-per-tensor-symmetric')).toBe(true);
    expect(isWhole('int8-per-tensor')).toBe(false);
    expect(isWhole('int8-per-channel', { ...activations, bits: 16 })).toBe(false);
    expect(isWhole('int8-per-channel', { ...activations, symmetric: true })).toBe(false);
  });
});
