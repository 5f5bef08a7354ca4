import { describe, expect, it } from 'vitest';
import { channelGraph } from '../../../src/equalization/channels/channel-graph.ts';
import { activationMoments } from '../../../src/equalization/moments/activation-moments.ts';
import { balancedSensitivity } from '../../../src/equalization/noise/balanced-sensitivity.ts';
import { outputSensitivity } from '../../../src/equalization/noise/output-sensitivity.ts';
import { buildModel, input, type LayerSpec, layer } from '../../support/model-builder.ts';

const dense = (name: string, kernel: readonly number[], from?: string): LayerSpec =>
  layer(
    'Dense',
    name,
    { units: 2, use_bias: false },
    { weights: { kernel }, ...(from ? { from: [from] } : {}) },
  );

/** The sensitivity of the outputs to what each layer writes, as it is and balanced; what they write has these variances. */
function both(
  layers: readonly LayerSpec[],
  variances: Readonly<Record<string, readonly number[]>>,
): { plain: Record<string, number[]>; balanced: Record<string, number[]> } {
  const model = buildModel(layers);
  for (const [path, values] of Object.entries(variances)) {
    model.layer(path).statistics = {
      mean: new Float64Array(values.length),
      variance: Float64Array.from(values),
    };
  }
  const graph = channelGraph(model);
  const moments = activationMoments(model);
  const listed = (found: ReturnType<typeof outputSensitivity>): Record<string, number[]> =>
    Object.fromEntries([...found].map(([call, values]) => [call.path, [...values]]));
  return {
    plain: listed(outputSensitivity(graph, moments)),
    balanced: listed(balancedSensitivity(graph, moments)),
  };
}

const close = (...values: number[]): unknown[] => values.map((value) => expect.closeTo(value, 9));
const x = input('x', [2]);

describe('balancedSensitivity', () => {
  it('carries as much at every place that all goes through as at the last', () => {
    const layers = [x, dense('a', [1, 1, 1, 1]), dense('b', [1, 2, 3, 4]), dense('c', [1, 1, 1, -1])];
    const { plain, balanced } = both(layers, { a: [1, 1], b: [2, 3], c: [7, 9] });
    expect(plain).toEqual({ c: [1, 1], b: [2, 2], a: [10, 50] });
    // Behind c 7 + 9 vary; behind b 2 * 2 + 3 * 2 would be heard, behind a 10 + 50.
    expect(balanced).toEqual({ c: [1, 1], b: close(3.2, 3.2), a: close(10 * (16 / 60), 50 * (16 / 60)) });
  });

  it('takes the calls of parallel ways by the place behind them', () => {
    const layers = [
      x,
      dense('a', [1, 0, 0, 1]),
      dense('left', [1, 0, 0, 1], 'a'),
      dense('right', [3, 0, 0, 3], 'a'),
      layer('Add', 'add', {}, { from: ['left', 'right'] }),
      dense('last', [1, 0, 0, 2]),
    ];
    const { plain, balanced } = both(layers, { a: [1, 1], left: [1, 1], right: [9, 9], last: [20, 80] });
    expect(plain).toMatchObject({ left: [1, 4], right: [1, 4], a: [10, 40] });
    // Behind the addition 1 * 10 + 4 * 10 is heard of 100, behind a 10 + 40.
    expect(balanced).toMatchObject({ left: close(2, 8), right: close(2, 8), a: close(20, 80), last: [1, 1] });
  });

  it('leaves all as it is where nothing is known', () => {
    const layers = [x, dense('a', [1, 1, 1, 1]), dense('b', [1, 2, 3, 4])];
    const { plain, balanced } = both(layers, {});
    expect(balanced).toEqual(plain);
  });

  it('passes over places where nothing varies', () => {
    const layers = [x, dense('a', [1, 1, 1, 1]), dense('b', [1, 2, 3, 4])];
    const { plain, balanced } = both(layers, { a: [0, 0], b: [2, 3] });
    expect(balanced).toEqual(plain);
  });
});
