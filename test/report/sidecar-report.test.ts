import { describe, expect, it } from 'vitest';
import { equalizationStages } from '../../src/equalization/equalization-recipe.ts';
import { runSteps } from '../../src/primitives/run-steps.ts';
import { stepsSidecar, targetSidecar } from '../../src/report/sidecar-report.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';

const chain = () =>
  buildModel([
    input('x', [8, 8, 3]),
    layer('Conv2D', 'first', { filters: 4, kernel_size: 3, use_bias: false }),
    layer('BatchNormalization', 'bn'),
    layer('ReLU', 'relu'),
    layer('DepthwiseConv2D', 'depthwise', { kernel_size: 3 }),
    layer('ReLU', 'relu2'),
    layer('Conv2D', 'last', { filters: 2, kernel_size: 1 }),
    layer('Flatten', 'flatten'),
    layer('Dense', 'head', { units: 2 }),
  ]);

describe('stepsSidecar', () => {
  it('has for each layer what its output was divided by', () => {
    const model = chain();
    const record = runSteps(model, ['fold', 'scale']);
    const { foldedPairs, outputScales, corrections, skipped } = stepsSidecar(record);
    expect(foldedPairs.map(([one, bn]) => [one.path, bn.path])).toEqual([['first', 'bn']]);
    const [set] = record.clsSets;
    expect([...outputScales]).toEqual(
      set?.clsPairInfoList.map(({ layer1, scaleFactor }) => [layer1, scaleFactor]),
    );
    expect([...outputScales.keys()].map(({ path }) => path)).toEqual(['first', 'depthwise']);
    expect(corrections).toEqual([]);
    expect(skipped).toContainEqual({
      code: 'layer-kind',
      layers: ['head'],
      message: 'head is not scaled: the sets take no Dense',
    });
  });
});

describe('targetSidecar', () => {
  it('has corrections for the quantizer to come, and none for one that has been', async () => {
    for (const rounding of ['nearest', 'cancelling'] as const) {
      const { stages, record } = equalizationStages(chain(), { rounding });
      for (const stage of stages) await stage.run();
      const { corrections, outputScales, skipped } = targetSidecar(record());
      const corrected = record().correction?.corrected ?? [];
      expect(corrected.map(({ path }) => path)).toEqual(['depthwise', 'last', 'head']);
      expect(corrections).toEqual(
        rounding === 'cancelling'
          ? []
          : corrected.map(({ path, shift }) => ({ layer: path, quantizer: 'int8-per-tensor', shift })),
      );
      expect([...outputScales.keys()].map(({ path }) => path)).toContain('first');
      expect(skipped.map(({ code, layers }) => [code, layers])).toContainEqual(['unknown-input', ['first']]);
    }
  });

  it('has no scales where nothing was scaled', async () => {
    const { stages, record } = equalizationStages(chain(), { target: 'int8-per-channel' });
    for (const stage of stages) await stage.run();
    expect(targetSidecar(record()).outputScales.size).toBe(0);
    expect(targetSidecar(record()).corrections.every((one) => one.quantizer === 'int8-per-channel')).toBe(
      true,
    );
  });
});
