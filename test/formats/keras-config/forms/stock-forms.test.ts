/** Forms where lengths are open, layers are shared, and models are sequential: against the same network elsewhere. */

import { describe, expect, test } from 'vitest';
import { writeModelToMemory } from '../../../../src/formats/write.ts';
import type { Model } from '../../../../src/index.ts';
import { buildModel, buildSequential, input, layer } from '../../../support/model-builder.ts';
import { loadLayersModel, predict, relativeError, type Values } from '../../tfjs-runtime.ts';

async function run(model: Model, shape: number[]): Promise<{ outputs: Values[]; names: string[] }> {
  const { files, report } = await writeModelToMemory(model, { format: 'tfjs-layers' });
  expect(report.warnings).toEqual([]);
  const loaded = await loadLayersModel(files);
  const size = shape.reduce((product, one) => product * one, 1);
  const data = Array.from({ length: size }, (_, index) => Math.sin(index));
  const names = loaded.layers.map(({ name }) => name);
  return { outputs: predict(loaded, [{ shape, data }]), names };
}

describe('a Conv1D of an open length is that of a known one', () => {
  test.each([
    { padding: 'causal', dilation_rate: 2 },
    { padding: 'same', groups: 2, strides: 2 },
    { padding: 'causal', groups: 2, activation: 'relu' },
  ])('%j', async (config) => {
    const convolution = layer('Conv1D', 'conv', { filters: 4, kernel_size: 3, ...config });
    const open = await run(buildModel([input('x', [null, 4]), convolution]), [2, 9, 4]);
    const known = await run(buildModel([input('x', [9, 4]), convolution]), [2, 9, 4]);
    expect(open.outputs[0]?.shape).toEqual(known.outputs[0]?.shape);
    // float32 sums in another order.
    expect(relativeError(open.outputs, known.outputs)).toBeLessThan(1e-6);
    expect(open.names).toEqual(['x', 'conv']);
  });
});

test('a strided causal Conv1D of an open length is told of', async () => {
  const config = { filters: 4, kernel_size: 3, padding: 'causal', strides: 2 };
  const model = buildModel([input('x', [null, 4]), layer('Conv1D', 'conv', config)]);
  const { report } = await writeModelToMemory(model, { format: 'tfjs-layers' });
  expect(report.unsupported).toEqual([
    { path: 'conv', className: 'Conv1D', opens: false, warning: expect.stringMatching(/causal padding/) },
  ]);
});

test('a layer with a form and an activation with one, called twice, has both in both calls', async () => {
  const convolution = layer(
    'Conv2D',
    'conv',
    { filters: 4, kernel_size: 3, padding: 'same', groups: 2, activation: 'hard_silu' },
    { calls: [['x'], ['conv']] },
  );
  const shared = await run(
    buildModel([input('x', [4, 4, 4]), convolution], { outputs: ['conv:1'] }),
    [1, 4, 4, 4],
  );
  const once = (from: string, name: string) =>
    layer('Conv2D', name, { ...convolution.config, activation: 'linear' }, { from: [from] });
  const gate = (from: string, name: string) =>
    layer('Activation', name, { activation: 'hard_silu' }, { from: [from] });
  const apart = buildModel([
    input('x', [4, 4, 4]),
    once('x', 'one'),
    gate('one', 'gate1'),
    once('gate1', 'two'),
    gate('two', 'gate2'),
  ]);
  const source = buildModel([input('x', [4, 4, 4]), convolution], { outputs: ['conv:1'] }).layer('conv');
  for (const name of ['one', 'two']) apart.layer(name).weights = new Map(source.weights);
  expect(relativeError(shared.outputs, (await run(apart, [1, 4, 4, 4])).outputs)).toBeLessThan(1e-6);
});

test('in a Sequential the layers keep their names', async () => {
  const model = buildSequential([
    input('x', [6, 3]),
    layer('Conv1D', 'conv', { filters: 4, kernel_size: 3, padding: 'causal' }),
    layer('Activation', 'act', { activation: 'hard_tanh' }),
    layer('ELU', 'elu', { alpha: 0.5 }),
  ]);
  const { names } = await run(model, [1, 6, 3]);
  expect(names.filter((name) => name !== 'x')).toEqual(['conv', 'act', 'elu']);
});
