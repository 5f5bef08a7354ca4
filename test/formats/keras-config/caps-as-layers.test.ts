import { describe, expect, it, test } from 'vitest';
import { capsAsLayers } from '../../../src/formats/keras-config/caps-as-layers.ts';
import { memoryFiles, readModel } from '../../../src/formats/read.ts';
import { writeModelToMemory } from '../../../src/formats/write.ts';
import { insertBehind } from '../../../src/model/edit.ts';
import { buildGraph } from '../../../src/model/graph.ts';
import type { Model } from '../../../src/model/model.ts';
import { newCap } from '../../../src/model/new-layer.ts';
import { isRelu } from '../../../src/model/operation.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { fixtureBytes } from '../../support/format-fixtures.ts';
import { buildModel, buildSequential, input, layer } from '../../support/model-builder.ts';
import { randomInputs, relativeDifference } from '../../support/run-model.ts';

const runner = await TfjsRunner.create({ backend: 'cpu' });
/** Of the seven digits of float32, with two roundings more for layers. */
const TOLERANCE = 1e-5;

/** `model` with a cap behind each ReLU layer. */
function withCaps(model: Model): Model {
  const relus = buildGraph(model).calls.filter(({ layer: { operation } }) => {
    return operation.kind === 'activation' && isRelu(operation.activation);
  });
  for (const relu of relus) {
    const { channels = 0, channelAxis = -1 } = relu.output();
    const maxima = Float64Array.from({ length: channels }, (_, channel) => 0.1 * (channel + 1));
    const place = { owner: relu.owner, beside: relu.layer, name: `${relu.layer.name}_cap` };
    insertBehind(relu.owner, relu.call, [newCap(place, maxima, channelAxis)]);
  }
  return model;
}

async function outputsOf(model: Model, inputs: readonly Tensor[]): Promise<Float32Array[]> {
  return (await runner.run(model, inputs)).map((tensor) => Float32Array.from(tensor.toFloat64()));
}

/** The classes of layers around caps in a file, and how far what it computes is from `model`. */
async function written(
  model: Model,
  options: Parameters<typeof writeModelToMemory>[1],
): Promise<{ read: Model; classes: Record<string, string>; difference: number }> {
  const { files } = await writeModelToMemory(model, options);
  const [main = ''] = files.keys();
  const read = await readModel(memoryFiles(files, main));
  const inputs = randomInputs(model);
  const layers = [...read.allLayers()].filter(({ path }) => path.includes('cap'));
  return {
    read,
    classes: Object.fromEntries(layers.map(({ path, layer: one }) => [path, one.className])),
    difference: relativeDifference(await outputsOf(model, inputs), await outputsOf(read, inputs)),
  };
}

const x = input('x', [4, 4, 2]);
const conv = (name: string, config = {}): ReturnType<typeof layer> =>
  layer('Conv2D', name, { filters: 3, kernel_size: 2, ...config });
const act = layer('ReLU', 'act');
const layersOf = (path: string): Record<string, string> => ({
  [`${path}_negate`]: 'BatchNormalization',
  [`${path}_rest`]: 'ReLU',
  [`${path}_cap`]: 'BatchNormalization',
});

describe.each([
  { format: 'keras-h5', dialect: 'keras2' },
  { format: 'keras-h5', dialect: 'keras3' },
  { format: 'keras-v3', dialect: 'keras3' },
] as const)('caps in $format files of $dialect', (options) => {
  const operator = options.dialect === 'keras2' ? 'TFOpLambda' : 'Minimum';

  test('of a Sequential are layers', async () => {
    const model = withCaps(buildSequential([x, conv('a'), act, conv('b')]));
    const { classes, difference } = await written(model, options);
    expect(classes).toEqual(layersOf('act_cap'));
    expect(difference).toBeLessThan(TOLERANCE);
    // The given model keeps its operator.
    expect(model.layers.map(({ name }) => name)).toEqual(['x', 'a', 'act', 'act_cap', 'b']);
  });

  test('of a Sequential inside of another model are layers, beside operators', async () => {
    const layers = [x, conv('a'), act].map(({ className, name, config }) => {
      return { class_name: className, config: { name, ...config } };
    });
    const inner = layer('Sequential', 'inner', { layers });
    const model = withCaps(
      buildModel([input('image', [4, 4, 2]), inner, conv('b'), layer('ReLU', 'act2'), conv('c')]),
    );
    const { classes, difference } = await written(model, options);
    expect(classes).toEqual({ ...layersOf('inner/act_cap'), act2_cap: operator });
    expect(difference).toBeLessThan(TOLERANCE);
  });

  test('on another axis than the last are operators that have it', async () => {
    const first = { data_format: 'channels_first' };
    const model = withCaps(buildModel([input('x', [2, 4, 4]), conv('a', first), act, conv('b', first)]));
    const { read, classes, difference } = await written(model, options);
    expect(classes).toEqual({ act_cap: operator });
    expect(read.layer('act_cap').operation).toEqual(model.layer('act_cap').operation);
    expect(difference).toBe(0);
  });
});

describe('capsAsLayers', () => {
  it.each([
    [-1, 'channels_last'],
    [-3, 'channels_first'],
  ] as const)('computes the same on the axis %d', async (axis, format) => {
    const first = { data_format: format };
    const model = withCaps(buildModel([input('x', [4, 4, 4]), conv('a', first), act, conv('b', first)]));
    const layers = capsAsLayers(model);
    expect(layers.layer('act_cap_negate').operation).toMatchObject({ kind: 'batchNorm', axes: [axis] });
    const inputs = randomInputs(model);
    const before = await outputsOf(model, inputs);
    expect(relativeDifference(before, await outputsOf(layers, inputs))).toBeLessThan(TOLERANCE);
  });
});

test('caps in a file of a Keras without operators as layers are layers', async () => {
  const file = 'keras-2.0.5/functional.h5';
  const model = withCaps(await readModel(fixtureBytes(file), file));
  const { classes, difference } = await written(model, { format: 'keras-h5' });
  expect(classes).toEqual(layersOf('relu1_cap'));
  expect(difference).toBeLessThan(TOLERANCE);
  // A file for another Keras has operators.
  expect((await written(model, { format: 'keras-v3' })).classes).toEqual({ relu1_cap: 'Minimum' });
});
