/**
 * Values for the weights of a network: the same in every run, computed when they are read, so that a network larger
 * than memory can be written.
 *
 * @module
 */

import { parseModelConfig } from '../../src/formats/keras-config/parse/parse-model.ts';
import type { Model } from '../../src/model/model.ts';
import { sizeOf, type TensorValues } from '../../src/tensor/dtype.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import type { Network } from './network-builder.ts';

/** The network with lazy random weights. */
export function withRandomWeights(network: Network): Model {
  const model = parseModelConfig(network.config, network.name);
  let seed = 1;
  for (const [layerName, shapes] of network.weights) {
    const layer = model.layer(layerName);
    for (const [name, shape] of Object.entries(shapes)) {
      layer.weights.set(name, randomTensor(name, shape, seed++));
    }
  }
  return model;
}

/**
 * Reads all weights of `model` into memory.
 *
 * @returns makes copies of the model over those values, each with tensors that have computed nothing yet.
 */
export function inMemory(model: Model): () => Model {
  const values = new Map<Tensor, TensorValues>();
  for (const { layer } of model.allLayers()) {
    for (const tensor of layer.weights.values()) values.set(tensor, tensor.values());
  }
  return () => {
    const copy = model.clone();
    for (const { layer } of copy.allLayers()) {
      for (const [name, tensor] of layer.weights) {
        layer.weights.set(name, Tensor.of(tensor.dtype, tensor.shape, values.get(tensor) as TensorValues));
      }
    }
    return copy;
  };
}

function randomTensor(name: string, shape: readonly number[], seed: number): Tensor {
  if (name === 'count') return Tensor.of('int64', shape, new BigInt64Array(1));
  const valueAt = name.toLowerCase().endsWith('kernel')
    ? kernelValues(shape, seed)
    : vectorValues(name, seed);
  return Tensor.lazy('float32', shape, {
    read(start, count) {
      const values = new Float32Array(count);
      for (let index = 0; index < count; index++) values[index] = valueAt(start + index);
      return values;
    },
  });
}

/** Uniform as He et al. (2015) initialize, with a range of its own for each column, up to ten times apart. */
function kernelValues(shape: readonly number[], seed: number): (index: number) => number {
  const columns = shape.at(-1) ?? 1;
  // A depthwise kernel ends in [channels, 1].
  const channels = columns === 1 ? sizeOf(shape.slice(-2)) : columns;
  const bound = Math.sqrt((6 * channels) / sizeOf(shape));
  const ranges = Float64Array.from(
    { length: channels },
    (_, channel) => bound * 10 ** (uniform(~seed, channel) - 0.5),
  );
  return (index) => (2 * uniform(seed, index) - 1) * (ranges[index % channels] ?? 1);
}

function vectorValues(name: string, seed: number): (index: number) => number {
  const [least, most] =
    name === 'gamma' ? [0.05, 1.25] : name.toLowerCase().endsWith('variance') ? [0.2, 2.2] : [-0.8, 0.8];
  return (index) => least + (most - least) * uniform(seed, index);
}

/** The `index`th number of the sequence `seed`, in [0, 1): the finalizer of MurmurHash3. */
function uniform(seed: number, index: number): number {
  let mixed = Math.imul(index ^ Math.imul(seed, 0x9e3779b1), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
}
