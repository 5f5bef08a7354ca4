/**
 * Model files that no Keras made: of a configuration and datasets at paths of one's own.
 *
 * @module
 */

import { MemorySink, memorySource } from '../../src/formats/bytes.ts';
import { stringAttribute } from '../../src/formats/hdf5/attribute.ts';
import { writeTensor } from '../../src/formats/hdf5/copy.ts';
import { Hdf5Writer } from '../../src/formats/hdf5/writer.ts';
import { writeNameList } from '../../src/formats/keras-h5/attribute-lists.ts';
import { createZip } from '../../src/formats/zip/write.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

/** Datasets by their paths. */
export type Datasets = Readonly<Record<string, Tensor>>;

/** An HDF5 file. */
export async function hdf5File(datasets: Datasets): Promise<Uint8Array> {
  const sink = new MemorySink('made.h5');
  const writer = new Hdf5Writer(sink);
  for (const [path, tensor] of Object.entries(datasets)) await writeTensor(writer.root, path, tensor);
  writer.close();
  return sink.bytes();
}

/** A `.keras` file. */
export async function kerasFile(config: string | object, weights: Uint8Array): Promise<Uint8Array> {
  const sink = new MemorySink('made.keras');
  const zip = await createZip(sink);
  const text = typeof config === 'string' ? config : JSON.stringify(config);
  await zip.add('metadata.json', memorySource('metadata.json', new TextEncoder().encode('{}')));
  await zip.add('config.json', memorySource('config.json', new TextEncoder().encode(text)));
  await zip.add('model.weights.h5', memorySource('model.weights.h5', weights));
  await zip.close();
  return sink.bytes();
}

/** A whole-model `.h5` file of Keras 3, with the weights of each layer by their names, and what lies beside them. */
export async function wholeH5File(
  config: string,
  trainingConfig: string,
  layers: readonly (readonly [name: string, weights: Datasets])[],
  beside: Datasets = {},
): Promise<Uint8Array> {
  const sink = new MemorySink('made.h5');
  const writer = new Hdf5Writer(sink);
  writer.root.setAttribute(stringAttribute('model_config', config));
  writer.root.setAttribute(stringAttribute('training_config', trainingConfig));
  const group = writer.root.group('model_weights');
  const names = layers.map(([name]) => name);
  for (const attribute of writeNameList('layer_names', names)) group.setAttribute(attribute);
  for (const [name, weights] of layers) {
    const own = group.group(name);
    for (const attribute of writeNameList('weight_names', Object.keys(weights))) own.setAttribute(attribute);
    for (const [path, tensor] of Object.entries(weights)) await writeTensor(own, path, tensor);
  }
  for (const [path, tensor] of Object.entries(beside)) await writeTensor(writer.root, path, tensor);
  writer.close();
  return sink.bytes();
}
