/**
 * Live models of all shapes that TF.js gives them, with seeded random weights.
 *
 * @module
 */

import * as core from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { seededRandom } from '../support/random.ts';

/** All of TF.js. */
type Tf = Omit<typeof core, 'default'> & Omit<typeof layers, 'default'>;
/** As a page has it. */
export const tf: Tf = { ...core, ...layers };

/** A layer that no package has: `x * factor + offset`, with an offset a channel. */
export class ScaleAndShift extends tf.layers.Layer {
  static readonly className = 'ScaleAndShift';
  /** Makes one weight more than was saved, as a page does that changed its layer since. */
  static hasExtraWeight = false;
  readonly factor: number;
  #offset: layers.LayerVariable | undefined;

  constructor(config: { factor: number } & ConstructorParameters<typeof tf.layers.Layer>[0]) {
    super(config);
    this.factor = config.factor;
  }

  override build(inputShape: layers.Shape): void {
    const channels = inputShape.at(-1) ?? 1;
    this.#offset = this.addWeight('offset', [channels], 'float32', tf.initializers.ones());
    if (ScaleAndShift.hasExtraWeight) {
      this.addWeight('extra', [channels], 'float32', tf.initializers.ones());
    }
    this.built = true;
  }

  override call(inputs: core.Tensor | core.Tensor[]): core.Tensor {
    return core.tidy(() => core.add(core.mul([inputs].flat()[0]!, this.factor), this.#offset!.read()));
  }

  override getConfig(): core.serialization.ConfigDict {
    return { ...super.getConfig(), factor: this.factor };
  }
}
core.serialization.registerClass(ScaleAndShift);

const { batchNormalization, conv2d, dense, depthwiseConv2d, flatten, globalAveragePooling2d, reLU } =
  tf.layers;

function convBlock(filters: number, inputShape?: number[]): layers.layers.Layer[] {
  return [
    conv2d({ filters, kernelSize: 3, useBias: false, ...(inputShape && { inputShape }) }),
    batchNormalization(),
    reLU(),
  ];
}

function sequential(): layers.LayersModel {
  return tf.sequential({
    layers: [
      ...convBlock(6, [9, 9, 3]),
      depthwiseConv2d({ kernelSize: 3, useBias: false }),
      batchNormalization(),
      reLU({ maxValue: 6 }),
      conv2d({ filters: 5, kernelSize: 1 }),
      globalAveragePooling2d({}),
      dense({ units: 4, activation: 'softmax' }),
    ],
  });
}

function withInputLayer(): layers.LayersModel {
  return tf.sequential({
    name: 'with_input_layer',
    layers: [
      tf.layers.inputLayer({ inputShape: [5, 5, 2] }),
      ...convBlock(4),
      flatten(),
      dense({ units: 2 }),
    ],
  });
}

function residual(): layers.LayersModel {
  const input = tf.input({ shape: [6, 6, 3] });
  const start = conv2d({ filters: 4, kernelSize: 1, name: 'start/conv' }).apply(
    input,
  ) as layers.SymbolicTensor;
  let branch = conv2d({ filters: 4, kernelSize: 3, padding: 'same' }).apply(start);
  branch = tf.layers.prelu({ sharedAxes: [1, 2] }).apply(batchNormalization({ scale: false }).apply(branch));
  const sum = tf.layers.add().apply([start, branch as layers.SymbolicTensor]);
  const output = tf.layers.separableConv2d({ filters: 3, kernelSize: 3 }).apply(sum);
  return tf.model({ inputs: input, outputs: output as layers.SymbolicTensor, name: 'residual' });
}

function severalInputsAndOutputs(): layers.LayersModel {
  const image = tf.input({ shape: [4, 4, 2], name: 'image' });
  const vector = tf.input({ shape: [3], name: 'vector' });
  const features = flatten().apply(conv2d({ filters: 3, kernelSize: 3 }).apply(image));
  const both = tf.layers.concatenate().apply([features as layers.SymbolicTensor, vector]);
  const first = dense({ units: 2, name: 'first' }).apply(both) as layers.SymbolicTensor;
  const second = dense({ units: 3, name: 'second' }).apply(first) as layers.SymbolicTensor;
  return tf.model({ inputs: [image, vector], outputs: [second, first], name: 'several' });
}

function shared(): layers.LayersModel {
  const [left, right] = [tf.input({ shape: [6, 6, 2] }), tf.input({ shape: [6, 6, 2] })];
  const trunk = tf.sequential({ name: 'trunk', layers: [...convBlock(3, [6, 6, 2]), flatten()] });
  const head = dense({ units: 3 });
  const outputs = [left, right].map((side) => head.apply(trunk.apply(side)) as layers.SymbolicTensor);
  const output = tf.layers.multiply().apply(outputs) as layers.SymbolicTensor;
  return tf.model({ inputs: [left, right], outputs: output, name: 'shared' });
}

function nested(): layers.LayersModel {
  const inner = tf.sequential({ name: 'inner', layers: convBlock(4, [7, 7, 3]) });
  const input = tf.input({ shape: [7, 7, 3] });
  const output = conv2d({ filters: 3, kernelSize: 1 }).apply(inner.apply(input)) as layers.SymbolicTensor;
  const middle = tf.model({ inputs: input, outputs: output, name: 'middle' });
  return tf.sequential({ name: 'outer', layers: [middle, flatten(), dense({ units: 2 })] });
}

function recurrent(): layers.LayersModel {
  // Its default takes chained operations, which the core package alone lacks.
  const recurrentInitializer = 'glorotUniform';
  return tf.sequential({
    name: 'recurrent',
    layers: [
      tf.layers.embedding({ inputDim: 10, outputDim: 4, inputLength: 5 }),
      tf.layers.bidirectional({
        layer: tf.layers.lstm({ units: 3, returnSequences: true, recurrentInitializer }) as layers.RNN,
      }),
      tf.layers.timeDistributed({ layer: dense({ units: 4 }) }),
      tf.layers.layerNormalization(),
      tf.layers.gru({ units: 2, recurrentInitializer }),
    ],
  });
}

function custom(): layers.LayersModel {
  return tf.sequential({
    name: 'custom',
    layers: [
      ...convBlock(4, [5, 5, 2]),
      new ScaleAndShift({ factor: 3, name: 'mine' }),
      conv2d({ filters: 2, kernelSize: 1, name: 'last' }),
    ],
  });
}

function compiledAndFrozen(): layers.LayersModel {
  const model = tf.sequential({
    name: 'compiled',
    layers: [...convBlock(3, [5, 5, 2]), flatten(), dense({ units: 2, kernelRegularizer: 'l1l2' })],
  });
  model.layers[0]!.trainable = false;
  model.compile({ optimizer: 'adam', loss: 'meanSquaredError', metrics: ['accuracy'] });
  model.setUserDefinedMetadata({ labels: ['cat', 'dog'] });
  return model;
}

/** All of them, by what they show. */
export const ZOO: Readonly<Record<string, () => layers.LayersModel>> = {
  'Sequential without InputLayer': () => withWeights(sequential()),
  'Sequential with InputLayer': () => withWeights(withInputLayer()),
  'residual add, PReLU, SeparableConv2D, a slash in a name': () => withWeights(residual()),
  'several inputs and outputs': () => withWeights(severalInputsAndOutputs()),
  'a layer and a model called twice': () => withWeights(shared()),
  'Sequential in functional in Sequential': () => withWeights(nested()),
  'Embedding, Bidirectional LSTM, TimeDistributed, GRU': () => withWeights(recurrent()),
  'a custom layer': () => withWeights(custom()),
  'compiled, with a frozen layer and metadata': () => withWeights(compiledAndFrozen()),
};

/** Weights as after training: statistics of batch norms far from 0 and 1, channels of different ranges. */
function withWeights(model: layers.LayersModel): layers.LayersModel {
  const random = seededRandom(5);
  core.tidy(() => {
    const values = model.weights.map(({ originalName, shape }) => {
      const isVariance = originalName.endsWith('moving_variance');
      const channels = shape.at(-1) ?? 1;
      const spreads = Array.from({ length: channels }, () => 10 ** (random.uniform() - 0.5));
      const size = core.util.sizeFromShape(shape as number[]);
      const filled = Float32Array.from({ length: size }, (_, index) =>
        isVariance ? 0.3 + random.uniform() : 0.4 * random.normal() * (spreads[index % channels] ?? 1),
      );
      return core.tensor(filled, shape as number[]);
    });
    model.setWeights(values);
  });
  return model;
}

/** The outputs of `model` for seeded inputs, a batch of two; leaves no tensor behind. */
export function predictSeeded(model: layers.LayersModel, seed = 3): number[][] {
  const random = seededRandom(seed);
  return core.tidy(() => {
    const isWords = model.layers[0]?.getClassName() === 'Embedding';
    const inputs = model.inputs.map(({ shape }) => {
      const filled = [2, ...(shape.slice(1) as number[])];
      const size = core.util.sizeFromShape(filled);
      const values = Array.from({ length: size }, () =>
        isWords ? Math.floor(10 * random.uniform()) : random.normal(),
      );
      return core.tensor(values, filled);
    });
    return [model.predict(inputs.length === 1 ? inputs[0]! : inputs)]
      .flat()
      .map((output) => [...output.dataSync()]);
  });
}

/** What `tf.memory()` counts. */
export function memory(): { tensors: number; buffers: number; bytes: number } {
  const { numTensors, numDataBuffers, numBytes } = core.memory();
  return { tensors: numTensors, buffers: numDataBuffers, bytes: numBytes };
}

/** The largest difference, as a part of the largest value. */
export function relativeError(found: readonly number[][], expected: readonly number[][]): number {
  const [all, others] = [expected.flat(), found.flat()];
  if (all.length !== others.length) return Infinity;
  const scale = Math.max(...all.map(Math.abs));
  const worst = Math.max(...all.map((value, index) => Math.abs(value - others[index]!)));
  return Number.isNaN(worst) ? Infinity : worst / scale;
}

/**
 * Gives the memory of a model back, and tells how many weights `dispose()` alone did: TF.js counts the calls of a
 * layer, and keeps the weights of one that is called twice until it is disposed twice.
 */
export function release(model: layers.LayersModel): number {
  const variables = model.weights.map((weight) => weight.read());
  model.dispose();
  const disposed = variables.filter(({ isDisposed }) => isDisposed).length;
  core.dispose(variables);
  return disposed;
}

/** The configuration of the model that TF.js itself makes of what it saves of `model`. */
export async function ownRoundTrip(model: layers.LayersModel): Promise<unknown> {
  let saved: core.io.ModelArtifacts | undefined;
  await model.save(
    core.io.withSaveHandler(async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    }),
  );
  const copy = await tf.loadLayersModel(core.io.fromMemory(saved!));
  const config = copy.toJSON(null, false);
  release(copy);
  return config;
}
