import { describe, expect, test } from 'vitest';
import type { Model } from '../../../src/model/model.ts';
import { packableWeights } from '../../../src/quantization/packing/packable-weights.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { buildModel, input, layer, nested } from '../../support/model-builder.ts';

const model = buildModel([
  input('x', [8, 8, 3]),
  layer('SeparableConv2D', 'stem', { filters: 4, kernel_size: 3 }),
  layer('BatchNormalization', 'bn'),
  layer('PReLU', 'prelu', { shared_axes: [1, 2] }),
  nested('block', [
    input('y', [6, 6, 4]),
    layer('DepthwiseConv2D', 'dw', { kernel_size: 3 }),
    layer('Conv2D', 'pw', { filters: 4, kernel_size: 1 }),
  ]),
  layer('Flatten', 'flat'),
  layer('Dense', 'head', { units: 2 }),
]);

function named(
  of: Model,
  patterns: { readonly include?: readonly string[]; readonly exclude?: readonly string[] } = {},
): string[] {
  return packableWeights(of, patterns).map(({ layer: { path }, name }) => `${path}/${name}`);
}

const ALL = [
  'stem/depthwiseKernel',
  'stem/pointwiseKernel',
  'block/dw/depthwiseKernel',
  'block/pw/kernel',
  'head/kernel',
];

describe('packableWeights', () => {
  test('are kernels alone, in nested models too', () => {
    expect(named(model)).toEqual(ALL);
    expect(packableWeights(model).every(({ isKernel }) => isKernel)).toBe(true);
  });

  test('and of other layers the large matrices', () => {
    const embeddings = (rows: number): Model => {
      const config = { input_dim: rows, output_dim: 16 };
      const words = buildModel([input('words', [5]), layer('Embedding', 'embedding', config)]);
      const table = Tensor.of('float32', [rows, 16], new Float32Array(rows * 16));
      words.layer('embedding').weights.set('embeddings', table);
      return words;
    };
    expect(named(embeddings(1023))).toEqual([]);
    expect(named(embeddings(1024))).toEqual(['embedding/embeddings']);
    expect(packableWeights(embeddings(1024))[0]?.isKernel).toBe(false);
  });

  test.each<[Parameters<typeof named>[1], string[]]>([
    [{ include: ['block/*'] }, ['block/dw/depthwiseKernel', 'block/pw/kernel']],
    [{ include: ['*w', 'head'] }, ['block/dw/depthwiseKernel', 'block/pw/kernel', 'head/kernel']],
    [{ include: ['block/?w'], exclude: ['block/dw'] }, ['block/pw/kernel']],
    [{ exclude: ['stem/pointwiseKernel'] }, ALL.filter((name) => name !== 'stem/pointwiseKernel')],
    [{ exclude: ['*'] }, []],
    [{ include: [] }, []],
  ])('%j', (patterns, expected) => {
    expect(named(model, patterns)).toEqual(expected);
  });

  test('a pattern means the whole name, and its other characters themselves', () => {
    const pattern = (text: string) => (): string[] => named(model, { include: [text] });
    for (const text of ['hea', 'ead', 'h.ad', 'HEAD', '(head)', 'head|stem', 'bn']) {
      expect(pattern(text), text).toThrow(RangeError);
    }
    expect(pattern('bn')).toThrow(
      "the pattern 'bn' matches no layer with a kernel; they are stem, block/dw, block/pw, head",
    );
  });
});
