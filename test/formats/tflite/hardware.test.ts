import { describe, expect, it } from 'vitest';
import { operatorsNotTaken } from '../../../src/formats/tflite/hardware.ts';
import { buildModel, input, type LayerSpec, layer } from '../../support/model-builder.ts';
import { planned } from '../../support/tflite-runs.ts';

/** Layers behind an input, with what Vela 5.2 says of `--accelerator-config ethos-u55-128`: taken where there is no reason. */
const ETHOS: readonly (readonly [
  name: string,
  shape: readonly number[],
  last: LayerSpec,
  reason?: string,
])[] = [
  ['dilated', [9, 9, 2], conv({ dilation_rate: 4 })],
  ['tall', [9, 9, 2], conv({ kernel_size: [70, 1], padding: 'same' })],
  ['strides of 4', [9, 9, 2], conv({ strides: 4 })],
  [
    'strides of 4, padded',
    [9, 9, 2],
    conv({ strides: 4, padding: 'same' }),
    'strides above 3 are without padding',
  ],
  ['depthwise, multiplied', [9, 9, 2], depthwise({ depth_multiplier: 2 })],
  ['depthwise, strides of 4', [9, 9, 2], depthwise({ strides: 4 }), 'strides are up to 3'],
  ['transposed', [9, 9, 2], transposed({ strides: 2 })],
  ['transposed, kernel of 1', [9, 9, 2], transposed({ strides: 2, kernel_size: 1 })],
  ['transposed, strides of 1', [9, 9, 2], transposed({})],
  ['transposed, strides of 3', [9, 9, 2], transposed({ strides: 3 }), 'strides are 1 x 1 or 2 x 2'],
  [
    'transposed, strides of 1 and 2',
    [9, 9, 2],
    transposed({ strides: [1, 2] }),
    'strides are 1 x 1 or 2 x 2',
  ],
  [
    'transposed, longer',
    [9, 9, 2],
    transposed({ strides: 2, output_padding: 1 }),
    'there is no output padding',
  ],
  [
    'transposed sequence',
    [9, 2],
    layer('Conv1DTranspose', 'last', { filters: 3, kernel_size: 3, strides: 2 }),
  ],
  [
    'transposed sequence, strides of 3',
    [9, 2],
    layer('Conv1DTranspose', 'last', { filters: 3, kernel_size: 3, strides: 3 }),
    'strides are 1 x 1 or 2 x 2',
  ],
  ['average', [12, 12, 2], pool('Average', { pool_size: 9 })],
  [
    'average, padded',
    [12, 12, 2],
    pool('Average', { pool_size: 9, strides: 3, padding: 'same' }),
    'padded windows are up to 8 x 8',
  ],
  ['maximum, padded', [12, 12, 2], pool('Max', { pool_size: 9, strides: 3, padding: 'same' })],
  [
    'maximum, far and padded',
    [12, 12, 2],
    pool('Max', { pool_size: 5, strides: 4, padding: 'same' }),
    'strides above 3 are without padding',
  ],
  ['maximum, tall', [300, 1, 2], pool('Max', { pool_size: [300, 1] }), 'the window is too large'],
  ['mean', [20, 20, 2], layer('GlobalAveragePooling2D', 'last', { keepdims: true })],
  ['mean of 4,096', [4096, 2], layer('GlobalAveragePooling1D', 'last')],
  [
    'mean of 4,097',
    [4097, 2],
    layer('GlobalAveragePooling1D', 'last'),
    'means are over up to 4,096 positions of an axis',
  ],
  [
    'mean of channels',
    [2, 8, 8],
    layer('GlobalAveragePooling2D', 'last', { data_format: 'channels_first' }),
    'means over channels take a height or a width of 1',
  ],
  ['dense', [16], layer('Dense', 'last', { units: 3 })],
  ['dense of 65,537', [65537], layer('Dense', 'last', { units: 1 }), 'it reads up to 65,536 values'],
  ['nearest', [4, 4, 2], upsampling({ size: [8, 8] })],
  ['nearest of a sequence', [4, 2], layer('UpSampling1D', 'last', { size: 2 })],
  [
    'nearest, 3 times',
    [4, 4, 2],
    upsampling({ size: [3, 3] }),
    'factors are 2, 4, 8, the same for height and width',
  ],
  [
    'nearest, 1 and 2',
    [4, 4, 2],
    upsampling({ size: [1, 2] }),
    'factors are 2, 4, 8, the same for height and width',
  ],
  ['nearest of one', [1, 1, 2], upsampling({ size: [5, 3] })],
  ['bilinear', [4, 4, 2], upsampling({ size: [2, 2], interpolation: 'bilinear' })],
  [
    'bilinear, 4 times',
    [4, 4, 2],
    upsampling({ size: [4, 4], interpolation: 'bilinear' }),
    'factors are 2, the same for height and width',
  ],
  ['transpose', [70, 2], layer('Permute', 'last', { dims: [2, 1] })],
  [
    'transpose of 65,537',
    [65537, 2],
    layer('Permute', 'last', { dims: [2, 1] }),
    'axes have up to 65,536 positions',
  ],
  [
    'softmax of 65,792',
    [256, 257, 2],
    layer('Softmax', 'last', { axis: -1 }),
    'it has up to 65,536 positions',
  ],
  ['five dimensions', [4, 4, 2, 2], layer('ReLU', 'last')],
];

describe('operatorsNotTaken', () => {
  for (const [name, shape, last, reason] of ETHOS) {
    it(`has what Vela leaves to the CPU: ${name}`, async () => {
      const { graph } = await planned(buildModel([input('in', shape), last]), { samples: 1 });
      const found = operatorsNotTaken(graph).filter(({ hardware }) => hardware === 'Ethos-U');
      expect(found.map((one) => [one.reason, one.layers])).toEqual(
        reason === undefined ? [] : [[reason, ['last']]],
      );
    });
  }

  it('has floats at the ends of what an NPU computes', async () => {
    const model = buildModel([input('in', [9, 9, 2]), conv({})]);
    for (const io of ['int8', 'uint8', 'float32'] as const) {
      const { graph } = await planned(model, { io, samples: 1 });
      const found = operatorsNotTaken(graph).filter(({ hardware }) => hardware === 'Ethos-U');
      expect(found.map(({ op, layers }) => [op, layers])).toEqual(
        io === 'float32'
          ? [
              ['QUANTIZE', ['in']],
              ['DEQUANTIZE', ['last']],
            ]
          : [],
      );
    }
  });
});

function conv(config: LayerSpec['config']): LayerSpec {
  return layer('Conv2D', 'last', { filters: 3, kernel_size: 2, ...config });
}

function depthwise(config: LayerSpec['config']): LayerSpec {
  return layer('DepthwiseConv2D', 'last', { kernel_size: 3, ...config });
}

function transposed(config: LayerSpec['config']): LayerSpec {
  return layer('Conv2DTranspose', 'last', { filters: 3, kernel_size: 3, ...config });
}

function pool(kind: string, config: LayerSpec['config']): LayerSpec {
  return layer(`${kind}Pooling2D`, 'last', config);
}

function upsampling(config: LayerSpec['config']): LayerSpec {
  return layer('UpSampling2D', 'last', config);
}
