import { describe, expect, it } from 'vitest';
import { Tensor } from '../../src/tensor/tensor.ts';
import { buildModel, buildSequential, input, layer, nested } from './model-builder.ts';
import { randomInputs, relativeDifference, runModel } from './run-model.ts';

describe('runModel', () => {
  it('computes a convolution by hand', async () => {
    const model = buildModel([
      input('x', [1, 2, 1]),
      layer(
        'Conv2D',
        'conv',
        { filters: 2, kernel_size: 1 },
        { weights: { kernel: [2, -3], bias: [10, 20] } },
      ),
    ]);
    const [output] = await runModel(model, [Tensor.fromNumbers('float32', [1, 1, 2, 1], [1, 5])]);
    expect(output).toEqual(Float32Array.of(12, 17, 20, 5));
  });

  it('runs grouped convolutions as plain ones with zeros', async () => {
    const model = buildModel([
      input('x', [1, 1, 4]),
      layer(
        'Conv2D',
        'conv',
        { filters: 2, kernel_size: 1, groups: 2, use_bias: false },
        { weights: { kernel: [1, 100, 10, 1000] } },
      ),
    ]);
    const [output] = await runModel(model, [Tensor.fromNumbers('float32', [1, 1, 1, 4], [1, 2, 3, 4])]);
    expect(output).toEqual(Float32Array.of(1 + 20, 300 + 4000));
  });

  it('runs nested, shared, sequential and branching models', async () => {
    const functional = buildModel(
      [
        input('x', [4, 4, 3]),
        nested('body', [input('in', [4, 4, 3]), layer('Conv2D', 'conv', { filters: 3, kernel_size: 1 })], {
          calls: [['x'], ['body']],
        }),
        layer('Add', 'add', {}, { from: ['x', 'body:1'] }),
        layer('GlobalAveragePooling2D', 'pool'),
        layer('Dense', 'dense', { units: 2 }),
      ],
      { outputs: ['dense', 'body'] },
    );
    const outputs = await runModel(functional, randomInputs(functional));
    expect(outputs.map(({ length }) => length)).toEqual([2 * 2, 2 * 4 * 4 * 3]);
    const sequential = buildSequential([input('x', [4]), layer('Dense', 'dense', { units: 2 })]);
    expect((await runModel(sequential, randomInputs(sequential)))[0]).toHaveLength(4);
  });

  it('refuses what TF.js computes differently', async () => {
    const config = { filters: 1, kernel_size: [1, 1, 1], strides: [2, 2, 2], padding: 'same' };
    const model = buildModel([input('x', [4, 4, 4, 1]), layer('Conv3D', 'conv', config)]);
    await expect(runModel(model, randomInputs(model))).rejects.toThrow(/strides/);
  });
});

describe('relativeDifference', () => {
  it('is the largest difference over the largest value', () => {
    expect(relativeDifference([Float32Array.of(1, -4)], [Float32Array.of(1.5, -4)])).toBe(0.125);
  });

  it('is infinite for a NaN and for other lengths', () => {
    expect(relativeDifference([Float32Array.of(1)], [Float32Array.of(NaN)])).toBe(Infinity);
    expect(relativeDifference([Float32Array.of(1)], [Float32Array.of(1, 1)])).toBe(Infinity);
  });
});
