import { describe, expect, it } from 'vitest';
import { channelGraph } from '../../../src/equalization/channels/channel-graph.ts';
import { activationMoments } from '../../../src/equalization/moments/activation-moments.ts';
import { type NoiseTerm, noiseTerms } from '../../../src/equalization/scaling/noise-terms.ts';
import { findRegions, rootedLayers } from '../../../src/equalization/scaling/regions.ts';
import { buildModel, input, type LayerSpec, layer } from '../../support/model-builder.ts';

/**
 * The terms of a model whose layers write what is normal with these variances, around 0. Its input is an output too, so that
 * no tensor is all that the outputs depend on, and sensitivities stay as they are.
 */
function termsOf(
  layers: readonly LayerSpec[],
  variances: Readonly<Record<string, readonly number[]>>,
): NoiseTerm[] {
  const beside = layer('Dropout', 'beside', {}, { from: ['x'] });
  const model = buildModel([...layers, beside], { outputs: [layers.at(-1)?.name ?? '', 'beside'] });
  for (const [path, values] of Object.entries(variances)) {
    const variance = Float64Array.from(values);
    model.layer(path).statistics = { mean: new Float64Array(values.length), variance };
  }
  const graph = channelGraph(model);
  return noiseTerms(findRegions(graph, rootedLayers(graph)), graph.graph, activationMoments(model));
}

/** The variances and sensitivities of terms, in the order of the model. */
function numbersOf(terms: readonly NoiseTerm[]): [kind: string, variances: unknown[], heard: unknown[]][] {
  return terms.map(({ kind, variances, sensitivities }) => [kind, [...variances], [...sensitivities]]);
}

const close = (...values: number[]): unknown[] => values.map((value) => expect.closeTo(value, 6));
const conv = (name: string, filters: number, kernel: readonly number[], config = {}): LayerSpec =>
  layer('Conv2D', name, { filters, kernel_size: 1, use_bias: false, ...config }, { weights: { kernel } });

describe('noiseTerms', () => {
  it('has the variances of what a kernel reads and the sensitivity to what it writes', () => {
    const terms = termsOf(
      [
        input('x', [1, 1, 2]),
        conv('first', 2, [1, 2, 3, 4]),
        conv('second', 2, [1, 0, 2, 1]),
        conv('last', 1, [3, 4]),
      ],
      { first: [4, 0.25], second: [2, 1] },
    );
    // Of the input nothing is known: as if its channels were alike, and as large as the upper half of the outputs need them.
    const implied = 4 / (1 + 9);
    expect(numbersOf(terms)).toEqual([
      ['matrix', close(implied, implied), [9, 4 * 9 + 16]],
      ['matrix', close(4, 0.25), [9, 16]],
      ['matrix', close(2, 1), [1]],
    ]);
    // What one writes the next reads.
    expect(terms[1]?.inputs).toEqual(terms[0]?.outputs);
    expect(terms[2]?.inputs).toEqual(terms[1]?.outputs);
  });

  it('counts the positions of a kernel, those at a border by their share', () => {
    const wide = { kernel_size: [1, 3], padding: 'same' };
    const terms = termsOf(
      [input('x', [1, 3, 1]), conv('first', 2, [1, 1]), conv('last', 1, [1, 1, 1, 1, 1, 1], wide)],
      { first: [4, 0.25] },
    );
    // 2/3, 1 and 2/3.
    expect(numbersOf(terms)[1]).toEqual(['matrix', close((4 * 7) / 3, (0.25 * 7) / 3), [1]]);
  });

  it('has a variance and a sensitivity for each pair of a depthwise kernel', () => {
    const depthwise = layer(
      'DepthwiseConv2D',
      'depthwise',
      { kernel_size: 1, depth_multiplier: 2, use_bias: false },
      { weights: { depthwiseKernel: [1, 2, 3, 4] } },
    );
    const terms = termsOf(
      [input('x', [1, 1, 2]), conv('first', 2, [1, 1, 1, 1]), depthwise, conv('last', 1, [5, 6, 7, 8])],
      { first: [4, 0.25], depthwise: [1, 2, 3, 4] },
    );
    expect(numbersOf(terms)).toEqual([
      ['matrix', close(2, 2), close(25 + 4 * 36, 9 * 49 + 16 * 64)],
      ['pairs', close(4, 4, 0.25, 0.25), [25, 36, 49, 64]],
      ['matrix', close(1, 2, 3, 4), [1]],
    ]);
    expect([...(terms[1]?.inputs ?? [])]).toEqual([0, 0, 1, 1].map((at) => terms[0]?.outputs[at]));
  });

  it('has a term for each group of a grouped convolution', () => {
    const grouped = conv('grouped', 4, [1, 2, 3, 4, 5, 6, 7, 8], { groups: 2 });
    const ones = new Array<number>(8).fill(1);
    const terms = termsOf(
      [input('x', [1, 1, 2]), conv('first', 4, ones), grouped, conv('last', 1, [1, 2, 3, 4])],
      { first: [1, 2, 3, 4], grouped: [1, 1, 1, 1] },
    );
    // Rows 1 2 3 4 and 5 6 7 8; the first two columns read channels 0 and 1, the others 2 and 3.
    expect(numbersOf(terms)).toEqual([
      ['matrix', close(1.5, 1.5), close(1 + 4 * 4, 25 + 36 * 4, 9 * 9 + 16 * 16, 49 * 9 + 64 * 16)],
      ['matrix', close(1, 2), [1, 4]],
      ['matrix', close(3, 4), [9, 16]],
      ['matrix', close(1, 1, 1, 1), [1]],
    ]);
  });

  it('knows what stands between the kernels of a SeparableConv', () => {
    const separable = layer(
      'SeparableConv2D',
      'separable',
      { filters: 2, kernel_size: 1, use_bias: false },
      { weights: { depthwiseKernel: [2, 3], pointwiseKernel: [1, 2, 3, 4] } },
    );
    const terms = termsOf(
      [input('x', [1, 1, 2]), conv('first', 2, [1, 1, 1, 1]), separable, conv('last', 1, [5, 6])],
      { first: [4, 0.25], separable: [1, 1] },
    );
    const behind = [25 + 4 * 36, 9 * 25 + 16 * 36] as const;
    expect(numbersOf(terms)).toEqual([
      ['matrix', close(2, 2), close(4 * behind[0], 9 * behind[1])],
      ['pairs', close(4, 0.25), close(...behind)],
      ['matrix', close(4 * 4, 9 * 0.25), close(25, 36)],
      ['matrix', close(1, 1), [1]],
    ]);
  });

  it('takes the calls of a shared layer together', () => {
    const x = input('x', [2]);
    const dense = (
      name: string,
      kernel: readonly number[],
      calls?: readonly (readonly string[])[],
    ): LayerSpec =>
      layer(
        'Dense',
        name,
        { units: kernel.length / 2, use_bias: false },
        {
          weights: { kernel },
          ...(calls ? { calls } : {}),
        },
      );
    const terms = termsOf(
      [
        x,
        dense('first', [1, 1, 1, 1], [['x']]),
        dense('shared', [1, 0, 0, 1], [['first'], ['first']]),
        layer('Add', 'add', {}, { from: ['shared:0', 'shared:1'] }),
        dense('last', [3, 4]),
      ],
      { first: [4, 0.25], shared: [1, 1] },
    );
    // Variances on average over the calls, sensitivities together.
    expect(numbersOf(terms)[1]).toEqual(['matrix', close(4, 0.25), [18, 32]]);
  });

  it('lets no channel be silent', () => {
    const terms = termsOf([input('x', [1, 1, 2]), conv('first', 2, [1, 1, 1, 1]), conv('last', 1, [0, 2])], {
      first: [0, 1],
    });
    // A part of the average: of 2, and of 1/2.
    expect([...(terms[0]?.sensitivities ?? [])]).toEqual([2e-9, 4]);
    expect([...(terms[1]?.variances ?? [])]).toEqual([5e-10, 1]);
  });
});
