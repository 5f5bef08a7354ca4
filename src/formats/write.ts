/**
 * Writing a model in the format asked for.
 *
 * @module
 */

import { UnsupportedModelError } from '../errors.ts';
import type { Dialect, Model } from '../model/model.ts';
import { ownClassNotes } from '../model/own-classes.ts';
import { checkpoint } from '../model/progress.ts';
import { MemorySink, type OutputFiles } from './bytes.ts';
import type { ModelFormat, WriteOptions, WriteReport } from './format.ts';
import { writeKerasH5 } from './keras-h5/write.ts';
import { writeKerasV3 } from './keras-v3/write.ts';
import { writeTfjsLayers } from './tfjs-layers/write.ts';
import { expectedBytes, watchedFiles } from './watched-files.ts';

/** A model's files in memory. */
export interface MemoryOutput {
  /** By name; the model's own file first. */
  readonly files: Map<string, Uint8Array>;
  readonly report: WriteReport;
}

/**
 * Writes `model` in the format that it was read from, or another.
 *
 * @returns what the format could not carry.
 * @throws UnsupportedModelError where the format has no form for a layer or no such dialect; TypeError where no format
 * is given and the model was not read from a file; RangeError where shards have no size; the reason of the signal.
 */
export async function writeModel(
  model: Model,
  given: OutputFiles,
  options: WriteOptions = {},
): Promise<WriteReport> {
  const format = formatOf(model, options.format);
  const { dialect, shardBytes } = options;
  if (shardBytes !== undefined && !(Number.isInteger(shardBytes) && shardBytes > 0)) {
    throw new RangeError(`shardBytes: ${shardBytes}; a whole number of bytes from 1`);
  }
  const refusal = dialect && dialectRefusal(model, format, dialect);
  if (refusal !== undefined) throw new UnsupportedModelError('dialect', refusal);
  await checkpoint(options);
  const { files, end } = watchedFiles(given, expectedBytes(model, format), options);
  const write = (): Promise<WriteReport> => {
    switch (format) {
      case 'keras-h5':
        return writeKerasH5(model, files, dialect);
      case 'keras-v3':
        return writeKerasV3(model, files, dialect);
      case 'tfjs-layers':
        return writeTfjsLayers(model, files, shardBytes === undefined ? {} : { shardBytes });
    }
  };
  const report = await write();
  end();
  return { ...report, warnings: [...ownClassNotes(model), ...report.warnings] };
}

/** Why `model` cannot be written in `format` for that Keras, with the way out; undefined where it can. */
function dialectRefusal(model: Model, format: ModelFormat, dialect: Dialect): string | undefined {
  switch (format) {
    case 'keras-h5':
      return undefined;
    case 'tfjs-layers':
      return 'TF.js models are of no version of Keras; leave the choice of one out';
    case 'keras-v3': {
      const isRead = model.origin?.format === 'keras-v3' && model.dialect === 'keras2';
      if (dialect === 'keras3' || isRead) return undefined;
      return 'a .keras file can only be made for Keras 3; for Keras 2 write an .h5 file';
    }
  }
}

/**
 * {@link writeModel} into memory, for browsers.
 *
 * @param options.name the name of the model's own file; `model.json`, `model.keras` or `model.h5` where it is left out.
 */
export async function writeModelToMemory(
  model: Model,
  options: WriteOptions & { readonly name?: string } = {},
): Promise<MemoryOutput> {
  const format = formatOf(model, options.format);
  const main = new MemorySink(options.name ?? FILE_NAMES[format]);
  const sinks = [main];
  const report = await writeModel(
    model,
    {
      main,
      create(name) {
        const sink = new MemorySink(name);
        sinks.push(sink);
        return sink;
      },
      scratch: () => new MemorySink('scratch'),
    },
    { ...options, format },
  );
  return { files: new Map(sinks.map((sink) => [sink.name, sink.bytes()])), report };
}

const FILE_NAMES: Record<ModelFormat, string> = {
  'keras-v3': 'model.keras',
  'keras-h5': 'model.h5',
  'tfjs-layers': 'model.json',
};

function formatOf(model: Model, asked: ModelFormat | undefined): ModelFormat {
  const format = asked ?? model.origin?.format;
  if (format) return format;
  throw new TypeError(`the model ${model.name} was not read from a file; say which format to write`);
}
