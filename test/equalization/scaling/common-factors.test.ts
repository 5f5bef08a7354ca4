import { describe, expect, it } from 'vitest';
import { scalePass } from '../../../src/equalization/scaling/scale-pass.ts';
import { scaleRegions } from '../../../src/equalization/scaling/scale-regions.ts';
import { loadModel } from '../../../src/node.ts';
import { foldAllBatchNorms } from '../../../src/primitives/batch-norm-fold.ts';
import { runPasses } from '../../../src/primitives/pass.ts';
import { buildModel, input, type LayerSpec, layer } from '../../support/model-builder.ts';

const EXAMPLE = new URL('../../../examples/fashion-mobilenetv2.keras', import.meta.url).pathname;
const relu6 = (name: string, maxValue = 6): LayerSpec => layer('ReLU', name, { max_value: maxValue });
const conv = (name: string, from?: readonly string[]): LayerSpec =>
  layer('Conv2D', name, { filters: 3, kernel_size: 1 }, from ? { from } : {});

/** The maxima of each ReLU, as parts of the one that it had. */
function partsOf(layers: readonly LayerSpec[]): Record<string, number[]> {
  const { bounded } = scaleRegions(buildModel(layers), { throughBounded: true, objective: 'least-noise' });
  return Object.fromEntries(
    bounded.map(({ call, maxima }) => {
      const had = Number(call.layer.readConfig['max_value']);
      return [call.path, [...maxima].map((one) => one / had)];
    }),
  );
}

describe('the largest maximum for the least noise', () => {
  it('is 6 in every region of a MobileNetV2, so that its ReLU6 stay', async () => {
    const model = await loadModel(EXAMPLE);
    foldAllBatchNorms(model);
    const [record] = await runPasses(model, [scalePass({ objective: 'least-noise' })]);
    const { caps = [], addedLayers } = record ?? {};
    expect(caps).toHaveLength(35);
    expect(addedLayers).toBe(35);
    for (const cap of caps) expect(cap.kind === 'per-channel' && cap.largest).toBeLessThanOrEqual(6);
    expect(caps.filter((cap) => cap.kind === 'per-channel' && cap.largest === 6).length).toBeGreaterThan(17);
    const relus = model.layers.filter(({ className }) => className === 'ReLU');
    expect(relus.map(({ operation }) => operation)).toEqual(
      relus.map(() => expect.objectContaining({ activation: expect.objectContaining({ maxValue: 6 }) })),
    );
  });

  it('is that of the ReLU itself among all of a region', () => {
    const parts = partsOf([
      input('x', [4, 4, 2]),
      conv('a'),
      relu6('six'),
      conv('b', ['x']),
      relu6('two', 2),
      layer('Add', 'sum', {}, { from: ['six', 'two'] }),
      conv('c'),
    ]);
    expect(Math.max(...Object.values(parts).flat())).toBe(1);
    parts['six']?.forEach((part, channel) => void expect(part).toBeCloseTo(parts['two']?.[channel] ?? 0, 12));
  });

  it('is left open where a kernel also reads channels that keep their factor', () => {
    const parts = partsOf([
      input('x', [4, 4, 2]),
      conv('a'),
      relu6('r'),
      layer('Concatenate', 'beside', { axis: -1 }, { from: ['r', 'x'] }),
      conv('b'),
    ]);
    expect(parts['r']).toHaveLength(3);
    expect(Math.max(...(parts['r'] ?? []))).not.toBeCloseTo(1, 3);
  });
});
