import { expect, test } from 'vitest';
import { buildGraph } from '../../../src/model/graph.ts';
import { quantizedActivations } from '../../../src/quantization/simulation/quantizer-placement.ts';
import { buildModel, input, type LayerSpec, layer, nested } from '../../support/model-builder.ts';

const CONV = { filters: 4, kernel_size: 1 };
const RELU6 = { max_value: 6, negative_slope: 0, threshold: 0 };

/** The layers whose output is quantized, in order. */
function placed(layers: readonly LayerSpec[], outputs?: readonly string[]): string[] {
  const graph = buildGraph(buildModel([input('x', [4, 4, 4]), ...layers], outputs ? { outputs } : {}));
  const tensors = quantizedActivations(graph);
  return graph.calls
    .filter((call) => call.outputs.some((tensor) => tensors.has(tensor)))
    .map(({ path }) => path);
}

test('a layer with a kernel goes with the batch norm and the ReLU behind it', () => {
  expect(placed([layer('Conv2D', 'c', CONV), layer('BatchNormalization', 'b'), layer('ReLU', 'r')])).toEqual([
    'x',
    'r',
  ]);
  expect(placed([layer('Conv2D', 'c', CONV), layer('ReLU', 'r', RELU6)])).toEqual(['x', 'r']);
  expect(placed([layer('Conv2D', 'c', CONV), layer('BatchNormalization', 'b')])).toEqual(['x', 'b']);
  expect(
    placed([
      layer('DepthwiseConv2D', 'd', { kernel_size: 1 }),
      layer('Activation', 'r', { activation: 'relu' }),
    ]),
  ).toEqual(['x', 'r']);
  expect(placed([layer('Dense', 'd', { units: 3 }), layer('ReLU', 'r')])).toEqual(['x', 'r']);
});

test('a transposed convolution goes with its batch norm, not with a ReLU', () => {
  const transposed = layer('Conv2DTranspose', 't', CONV);
  expect(placed([transposed, layer('ReLU', 'r')])).toEqual(['x', 't', 'r']);
  expect(placed([transposed, layer('BatchNormalization', 'b'), layer('ReLU', 'r')])).toEqual(['x', 'b', 'r']);
});

test('Add goes with the ReLU behind it, other merges do not', () => {
  const from = ['a', 'b'];
  const branches = [layer('Conv2D', 'a', CONV, { from: ['x'] }), layer('Conv2D', 'b', CONV, { from: ['x'] })];
  expect(placed([...branches, layer('Add', 'm', {}, { from }), layer('ReLU', 'r')])).toEqual([
    'x',
    'a',
    'b',
    'r',
  ]);
  expect(placed([...branches, layer('Multiply', 'm', {}, { from }), layer('ReLU', 'r')])).toEqual([
    'x',
    'a',
    'b',
    'm',
    'r',
  ]);
});

test('what more than one reads, or is an output, is quantized', () => {
  const layers = [
    layer('Conv2D', 'c', CONV),
    layer('ReLU', 'r', {}, { from: ['c'] }),
    layer('Add', 'm', {}, { from: ['c', 'r'] }),
  ];
  expect(placed(layers)).toEqual(['x', 'c', 'r', 'm']);
  expect(placed([layer('Conv2D', 'c', CONV), layer('ReLU', 'r')], ['c', 'r'])).toEqual(['x', 'c', 'r']);
});

test('nothing goes with a layer that has an activation, nor with another activation', () => {
  const fused = layer('Conv2D', 'c', { ...CONV, activation: 'relu' });
  expect(placed([fused, layer('BatchNormalization', 'b')])).toEqual(['x', 'c', 'b']);
  expect(placed([layer('Conv2D', 'c', CONV), layer('LeakyReLU', 'l')])).toEqual(['x', 'c', 'l']);
  expect(placed([layer('Conv2D', 'c', CONV), layer('Activation', 's', { activation: 'sigmoid' })])).toEqual([
    'x',
    'c',
    's',
  ]);
});

test('zero padding is not quantized, a batch norm on its own is, and nested models are looked into', () => {
  expect(
    placed([
      layer('ZeroPadding2D', 'p', { padding: 1 }),
      layer('BatchNormalization', 'b'),
      nested('n', [input('y', [6, 6, 4]), layer('Conv2D', 'c', CONV)]),
      layer('ReLU', 'r'),
    ]),
  ).toEqual(['x', 'b', 'r']);
});
