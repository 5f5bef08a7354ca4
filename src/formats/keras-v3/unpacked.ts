/**
 * `.keras` files in pieces: a folder, as Keras 3 writes it with `zipped=False`, and weights in several files.
 *
 * @module
 */

import { FormatError, LimitError } from '../../errors.ts';
import { requireObject } from '../../json/place.ts';
import { type ByteSource, MemorySink, type ModelFiles, memorySource } from '../bytes.ts';
import { Hdf5Copier } from '../hdf5/copy.ts';
import { openHdf5 } from '../hdf5/file.ts';
import { Hdf5Writer } from '../hdf5/writer.ts';
import { MAX_INFLATED_BYTES } from '../limits.ts';
import { readJsonObject } from '../read-json.ts';
import { CONFIG_ENTRY, type KerasArchive, METADATA_ENTRY, type Unpacked, WEIGHTS_ENTRY } from './archive.ts';

/** What lists the files of weights that are in several, as `save_weights('model.weights.json')` writes it. */
export const SHARDS_INDEX = 'model.weights.json';

/**
 * The members of a `.keras` file in a folder, beside its config.json; undefined where no weights are there.
 *
 * @throws FormatError where the list of the files of weights is damaged, or one is missing; LimitError where these are too many
 * to be joined in memory.
 */
export async function unpackedArchive(files: ModelFiles): Promise<KerasArchive | undefined> {
  const weights = files.open(WEIGHTS_ENTRY) ?? (await joinedWeights(files));
  if (!weights) return undefined;
  const metadata = files.open(METADATA_ENTRY);
  const found: [string, ByteSource][] = [
    ...(metadata ? [[METADATA_ENTRY, metadata] as [string, ByteSource]] : []),
    [CONFIG_ENTRY, files.main],
    [WEIGHTS_ENTRY, weights],
  ];
  return new Map(found.map(([name, source]): [string, Unpacked] => [name, { open: async () => source }]));
}

/** Files of weights that share the groups of one, as one. */
async function joinedWeights(files: ModelFiles): Promise<ByteSource | undefined> {
  const index = files.open(SHARDS_INDEX);
  if (!index) return undefined;
  const sources = shardFiles(index).map((name) => {
    const source = files.open(name);
    if (!source)
      throw new FormatError(index.name, name, 'this file of weights is missing; put it beside the others');
    return source;
  });
  const bytes = sources.reduce((sum, { size }) => sum + size, 0);
  if (bytes > MAX_INFLATED_BYTES) {
    const advice = "load it in Keras and save it as one file: model.save('model.keras')";
    throw new LimitError(`${index.name}: bytes of weights`, bytes, MAX_INFLATED_BYTES, advice);
  }
  const sink = new MemorySink(index.name);
  const writer = new Hdf5Writer(sink);
  for (const source of sources) {
    const shard = await openHdf5(source);
    try {
      await new Hdf5Copier(shard, []).group('', writer.root);
    } finally {
      shard.close();
    }
  }
  writer.close();
  return memorySource(index.name, sink.bytes());
}

/**
 * The names of the files in the list, each once, in its order: `{"weight_map": {"/layers/conv2d/vars": "model_00000.weights.h5"}}`,
 * with a list of them for what lies in several.
 *
 * @throws FormatError where there is no such list.
 */
export function shardFiles(index: ByteSource): string[] {
  const where = { source: index.name, where: 'weight_map' };
  const map = requireObject(readJsonObject(index)['weight_map'], where);
  const names = Object.values(map).flat();
  for (const name of names) {
    const isPlain = typeof name === 'string' && name !== '' && !/[/\\\0]/.test(name) && name !== '..';
    if (!isPlain) throw new FormatError(index.name, 'weight_map', 'no list of files beside this one');
  }
  return [...new Set(names as string[])];
}
