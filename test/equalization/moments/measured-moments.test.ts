import { describe, expect, it } from 'vitest';
import { measureStatistics } from '../../../src/equalization/moments/measured-moments.ts';
import { CannotRunError } from '../../../src/errors.ts';
import type { Model } from '../../../src/model/model.ts';
import { foldAllBatchNorms } from '../../../src/primitives/batch-norm-fold.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { buildModel, input, layer } from '../../support/model-builder.ts';

const runner = await TfjsRunner.create({ backend: 'cpu' });

function dense(
  name: string,
  units: number,
  weights: { kernel: number[]; bias: number[] },
  activation = 'linear',
) {
  return layer('Dense', name, { units, activation }, { weights });
}

/** Two inputs, of which the first hidden layer makes `x0 + 1` and `-x1`. */
function small(): Model {
  return buildModel([
    input('x', [2]),
    dense('first', 2, { kernel: [1, 0, 0, -1], bias: [1, 0] }, 'relu'),
    dense('second', 1, { kernel: [1, 1], bias: [0.5] }, 'tanh'),
    dense('last', 2, { kernel: [1, 2], bias: [0, 0] }, 'softmax'),
  ]);
}

const SAMPLES = [Tensor.fromNumbers('float32', [2, 2], [0, 1, 2, 3])];

describe('measureStatistics', () => {
  it('has mean and variance before the activation', async () => {
    const model = small();
    expect(await measureStatistics(model, { runner, inputs: SAMPLES })).toEqual(['first', 'second']);
    // x0 + 1 is 1 and 3, -x1 is -1 and -3; behind the ReLU the second is 0.
    expect(model.layer('first').statistics).toEqual({
      mean: Float64Array.of(2, -2),
      variance: Float64Array.of(1, 1),
    });
    expect(model.layer('second').statistics).toEqual({
      mean: Float64Array.of(2.5),
      variance: Float64Array.of(1),
    });
    expect(model.layer('last').statistics).toBeUndefined();
    expect(model.layer('first').weights).toEqual(small().layer('first').weights);
    expect(model.layer('first').operation).toEqual(small().layer('first').operation);
  });

  it.each([
    ['a LeakyReLU', { class_name: 'LeakyReLU', config: { alpha: 0.1 } }],
    ['a ReLU6', { class_name: 'ReLU', config: { max_value: 6 } }],
  ])('sees what %s fused as a layer reads', async (_, activation) => {
    const model = buildModel([
      input('x', [2]),
      layer('Dense', 'first', { units: 1, activation }, { weights: { kernel: [-1, 2], bias: [0] } }),
      layer('Dense', 'last', { units: 2 }),
    ]);
    expect(await measureStatistics(model, { runner, inputs: SAMPLES })).toEqual(['first']);
    // -0 + 2 and -2 + 6.
    expect(model.layer('first').statistics?.mean).toEqual(Float64Array.of(3));
  });

  it('measures nothing that a batch norm tells, and does not run for it', async () => {
    const model = buildModel([
      input('x', [6, 6, 2]),
      layer('Conv2D', 'conv', { filters: 3, kernel_size: 3 }),
      layer('BatchNormalization', 'bn'),
      layer('ReLU', 'relu'),
      layer('Conv2D', 'next', { filters: 2, kernel_size: 1 }),
      layer('GlobalAveragePooling2D', 'pool'),
    ]);
    const never = { run: () => Promise.reject(new Error('was run')) };
    const inputs = [Tensor.fromNumbers('float32', [1, 6, 6, 2], new Float64Array(72).fill(1))];
    expect(await measureStatistics(model, { runner: never, inputs })).toEqual([]);
    foldAllBatchNorms(model);
    expect(await measureStatistics(model, { runner: never, inputs })).toEqual([]);
    model.layer('conv').statistics = undefined;
    expect(await measureStatistics(model, { runner, inputs })).toEqual(['conv', 'next']);
  });

  it('takes all calls of a shared layer together', async () => {
    const model = buildModel([
      input('x', [1]),
      layer(
        'Dense',
        'twice',
        { units: 1 },
        { calls: [['x'], ['twice']], weights: { kernel: [2], bias: [1] } },
      ),
      layer('ReLU', 'relu', {}, { from: ['twice:1'] }),
    ]);
    const inputs = [Tensor.fromNumbers('float32', [1, 1], [1])];
    expect(await measureStatistics(model, { runner, inputs })).toEqual(['twice']);
    // 3 in the first call, 7 in the second.
    expect(model.layer('twice').statistics).toEqual({
      mean: Float64Array.of(5),
      variance: Float64Array.of(4),
    });
  });

  it('says where the model cannot be run, and leaves it alone', async () => {
    const model = buildModel([
      input('x', [2]),
      layer('Dense', 'dense', { units: 2 }),
      layer('SomethingOfTheirs', 'custom'),
    ]);
    await expect(measureStatistics(model, { runner, inputs: SAMPLES })).rejects.toThrow(CannotRunError);
    expect(model.layer('dense').statistics).toBeUndefined();
  });
});
