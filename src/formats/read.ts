/**
 * Reading a model in whichever format it is.
 *
 * @module
 */

import type { Model } from '../model/model.ts';
import { checkpoint, stageOf, type WatchOptions } from '../model/progress.ts';
import { type ModelFiles, memorySource } from './bytes.ts';
import { detectFormat } from './detect.ts';
import { readKerasH5 } from './keras-h5/read.ts';
import { readKerasV3 } from './keras-v3/read.ts';
import { readTfjsLayers } from './tfjs-layers/read.ts';

/**
 * Reads a Keras model: a `.keras` file, a whole-model `.h5` file, or a TF.js layers model. The format is told by what
 * is in the files. Weights are read when they are needed, so the files must stay as they are until the model is
 * written.
 *
 * @param input the files, or the bytes of a single file.
 * @param name of the bytes, for messages.
 * @param options whom it tells, of the stage `read`, and who may end it
 * @throws the reason of the signal; FormatError, InvalidModelError, UnsupportedModelError or LimitError where there is no model that is taken.
 */
export async function readModel(
  input: ModelFiles | Uint8Array,
  name = 'model',
  options: WatchOptions = {},
): Promise<Model> {
  await checkpoint(options);
  const tell = stageOf(options, 'read');
  const files = input instanceof Uint8Array ? single(input, name) : input;
  const detected = await detectFormat(files);
  switch (detected.format) {
    case 'keras-h5':
      return readKerasH5(files.main, tell);
    case 'keras-v3':
      return readKerasV3(files.main, detected.archive, tell);
    case 'tfjs-layers':
      return readTfjsLayers(files, detected.document, tell);
  }
}

/**
 * Files in memory, for {@link readModel}: a TF.js model of `model.json` and its shards, say.
 *
 * @param main the name of the one to open.
 * @throws RangeError where there is no file of that name.
 */
export function memoryFiles(files: ReadonlyMap<string, Uint8Array>, main: string): ModelFiles {
  const bytes = files.get(main);
  if (!bytes) throw new RangeError(`there is no file ${main}`);
  return {
    main: memorySource(main, bytes),
    open(name) {
      const found = files.get(name);
      return found && memorySource(name, found);
    },
  };
}

function single(bytes: Uint8Array, name: string): ModelFiles {
  return { main: memorySource(name, bytes), open: () => undefined };
}
