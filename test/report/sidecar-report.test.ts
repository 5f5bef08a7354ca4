import { describe, expect, it } from 'vitest';
import { equalize } from '../../src/equalization/equalize.ts';
import { referencePasses } from '../../src/primitives/equalize-model.ts';
import { allIn, runPasses } from '../../src/primitives/pass.ts';
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
  it('has for each layer what its output was divided by', async () => {
    const model = chain();
    const passes = await runPasses(model, referencePasses(['fold', 'scale']));
    const { folded, outputScales, corrections, skipped } = stepsSidecar({ passes });
    expect(folded).toEqual([{ layer: 'first', batchNorm: 'bn', direction: 'backward' }]);
    const [set] = allIn(passes, 'clsSets');
    expect([...outputScales].map(([path, factors]) => [path, [...factors]])).toEqual(
      ['first', 'depthwise'].map((path, index) => [path, set?.scaleFactors[index]]),
    );
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
      const { report } = await equalize(chain(), { rounding });
      const { corrections, outputScales, skipped } = targetSidecar(report);
      const corrected = allIn(report.passes, 'corrected');
      expect(corrected.map(({ layer: path }) => path)).toEqual(['depthwise', 'last', 'head']);
      expect(corrections).toEqual(
        rounding === 'cancelling'
          ? []
          : corrected.map(({ layer: path, shift }) => ({
              layer: path,
              quantizer: 'int8-per-tensor',
              shift,
              batchNorms: [],
            })),
      );
      expect([...outputScales.keys()]).toContain('first');
      expect(skipped.map(({ code, layers }) => [code, layers])).toContainEqual(['unknown-input', ['first']]);
    }
  });

  it('has no scales where nothing was scaled', async () => {
    const { report } = await equalize(chain(), { target: 'int8-per-channel' });
    const { outputScales, corrections } = targetSidecar(report);
    expect(outputScales.size).toBe(0);
    expect(corrections.every((one) => one.quantizer === 'int8-per-channel')).toBe(true);
  });
});
