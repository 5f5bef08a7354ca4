import { beforeAll, describe, expect, test, vi } from 'vitest';
import { CannotRunError } from '../../../src/errors.ts';
import type { JsonObject } from '../../../src/json/value.ts';
import type { Model } from '../../../src/model/model.ts';
import { equalizeForTarget } from '../../../src/report/equalize-for-target.ts';
import { sizeOf } from '../../../src/tensor/dtype.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { seededInputs } from '../../../src/verification/inputs/seeded-inputs.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { buildModel, input, layer, nested } from '../../support/model-builder.ts';

let runner: TfjsRunner;

beforeAll(async () => {
  runner = await TfjsRunner.create();
});

const PADDED = layer('ZeroPadding2D', 'large', { padding: 30000 });
const CUT = layer('Cropping2D', 'cut', { cropping: 30000 });

/** What the runner says to one sample. */
async function refusal(model: Model): Promise<string> {
  const shapes = model.inputs.map(({ shape }) => [1, ...(shape ?? []).slice(1).map((size) => size ?? 1)]);
  const samples = shapes.map((shape) =>
    Tensor.fromNumbers('float32', shape, new Float32Array(sizeOf(shape))),
  );
  const error: unknown = await runner.run(model, samples).catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(CannotRunError);
  return (error as CannotRunError).message;
}

describe('activations without bound', () => {
  test.each([
    ['ZeroPadding2D', { padding: 30000 }, [2, 2, 1], '13.4'],
    ['UpSampling2D', { size: [100000, 100000] }, [1, 1, 1], '37.3'],
    ['ZeroPadding1D', { padding: 2 ** 30 }, [2, 1], '8.0'],
    ['UpSampling1D', { size: 2 ** 30 }, [2, 1], '8.0'],
    ['RepeatVector', { n: 2 ** 30 }, [2], '8.0'],
  ] as [string, JsonObject, number[], string][])('%s %j', async (className, config, shape, size) => {
    const model = buildModel([input('in', shape), layer(className, 'large', config)]);
    expect(await refusal(model)).toBe(
      `large: ${className} cannot be run: what it makes of 1 sample takes ${size} GiB, and a tensor may take 2 GiB here; ` +
        'run the model in Keras',
    );
  });

  test('a layer of a nested model is named by its path', async () => {
    const inner = nested('inner', [input('a', [1, 1, 1]), PADDED, CUT]);
    expect(await refusal(buildModel([input('in', [1, 1, 1]), inner]))).toMatch(
      /^inner\/large: ZeroPadding2D/,
    );
  });

  test('inside a wrapper it counts too', async () => {
    const padding = { class_name: 'ZeroPadding2D', config: { name: 'p', padding: 30000 } };
    const cropping = { class_name: 'Cropping2D', config: { name: 'c', cropping: 30000 } };
    const first = { ...padding, config: { ...padding.config, batch_input_shape: [null, 1, 1, 1] } };
    const cut = { class_name: 'Sequential', config: { name: 's', layers: [first, cropping] } };
    for (const [inner, where] of [
      [padding, 'td'],
      [cut, 'td/p'],
    ] as const) {
      const wrapper = layer('TimeDistributed', 'td', { layer: inner });
      expect(await refusal(buildModel([input('in', [2, 1, 1, 1]), wrapper]))).toMatch(
        new RegExp(`^${where}: ZeroPadding2D cannot be run: what it makes of \\d samples? takes 26\\.8 GiB`),
      );
    }
  });

  test('as much as may be is run', async () => {
    const model = buildModel([input('in', [1, 1, 1]), layer('ZeroPadding2D', 'large', { padding: 2000 })]);
    const [output] = await runner.run(model, [Tensor.fromNumbers('float32', [1, 1, 1, 1], [3])]);
    expect(output?.shape).toEqual([1, 4001, 4001, 1]);
  });

  test('a layer takes large samples one at a time, and its weights once', async () => {
    const model = buildModel([
      input('in', [1024, 1024, 1]),
      layer('DepthwiseConv2D', 'conv', { kernel_size: 1 }),
      layer('Add', 'add', {}, { from: ['in', 'conv'] }),
      layer('GlobalMaxPooling2D', 'pool'),
    ]);
    const [weight] = model.layers[1]?.weights.values() ?? [];
    const reads = vi.spyOn(weight as Tensor, 'blocks');
    const inputs = seededInputs(model, { samples: 2 });
    const [whole] = await runner.run(model, inputs, { onTensor: () => undefined, wantsTensor: () => false });
    expect(await runner.run(model, inputs)).toEqual([whole]);
    expect(reads).toHaveBeenCalledTimes(2);
  });

  test('the model is equalized all the same, and not verified', async () => {
    const model = buildModel([
      input('in', [1, 1, 2]),
      layer('Conv2D', 'one', { filters: 2, kernel_size: 1 }),
      layer('BatchNormalization', 'bn'),
      layer('ReLU', 'relu'),
      layer('Conv2D', 'two', { filters: 1, kernel_size: 1 }),
      PADDED,
      CUT,
    ]);
    const { report } = await equalizeForTarget(model, {
      target: 'int8-per-tensor',
      ready: { runner, tensors: seededInputs(model, { samples: 2 }), description: 'two' } as never,
    });
    expect(report.verification?.proofs.map(({ verdict }) => verdict)).toContain('not-verified');
    expect(report.verification?.proofs[0]?.reason).toMatch(/^large: ZeroPadding2D cannot be run/);
    expect(report.passes.find(({ pass }) => pass === 'scale')).toMatchObject({ regions: [{ channels: 2 }] });
  });
});
