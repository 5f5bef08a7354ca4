/**
 * Writing `.keras` files.
 *
 * @module
 */

import type { JsonObject, JsonValue } from '../../model/layer.ts';
import type { Dialect, Model } from '../../model/model.ts';
import { type ByteSink, memorySource, type OutputFiles, readAll } from '../bytes.ts';
import { hasEditedWeights } from '../edited-weights.ts';
import type { WriteReport } from '../format.ts';
import { modelForDialect } from '../keras-config/for-dialect.ts';
import { writeModelConfig } from '../keras-config/write-model.ts';
import { lostState } from '../lost-state.ts';
import { pythonJson, sameJson } from '../python-json.ts';
import { createZip, type ZipOutput } from '../zip/write.ts';
import { type KerasV3Origin, kerasV3Origin } from './origin.ts';
import { CONFIG_ENTRY, WEIGHTS_ENTRY } from './read.ts';
import { OPTIMIZER_GROUP, rewriteWeights, writeNewWeights } from './write-weights.ts';

/** What a new file says of itself; no clock is read, so that the same model gives the same bytes. */
const METADATA = { keras_version: '3.0.0', date_saved: '1980-01-01@00:00:00' };
/** Weights of this size may make the member larger than a zip file's 32-bit sizes. */
const LARGE_BYTES = 2 ** 31;

/**
 * Writes `model` as a `.keras` file to `files.main`.
 *
 * A model that was read from one keeps all that was not edited, bit for bit, in the version of Keras that wrote it;
 * from another format, or for another Keras, a file is made that Keras 3 reads.
 *
 * @param dialect of Keras 2 only where the model was read from a `.keras` file of Keras 2.
 * @throws UnsupportedModelError where a layer cannot be brought into this format.
 */
export async function writeKerasV3(
  model: Model,
  files: OutputFiles,
  dialect: Dialect = kerasV3Origin(model) ? model.dialect : 'keras3',
): Promise<WriteReport> {
  const origin = dialect === model.dialect ? kerasV3Origin(model) : undefined;
  const zip = new ZipWriter(files.main);
  const dropped = origin ? [] : lostState(model);
  const warnings: string[] = [];
  if (origin) await rewrite(model, origin, zip, dropped);
  else
    await writeNew(
      modelForDialect(model, 'keras3', (warning) => warnings.push(warning)),
      zip,
    );
  zip.close();
  return { dropped, warnings };
}

async function writeNew(model: Model, zip: ZipWriter): Promise<void> {
  await zip.bytes('metadata.json', encode(METADATA), 0);
  await zip.bytes(CONFIG_ENTRY, encode(newDocument(model)), 0);
  await zip.inPlace(WEIGHTS_ENTRY, isLarge(model), (sink) => writeNewWeights(model, sink));
}

async function rewrite(
  model: Model,
  origin: KerasV3Origin,
  zip: ZipWriter,
  dropped: string[],
): Promise<void> {
  const { archive, document, weights } = origin;
  const dropsOptimizer = hasEditedWeights(model, origin.weightedLayers) && weights.hasGroup(OPTIMIZER_GROUP);
  if (dropsOptimizer) {
    dropped.push('optimizer state: it belongs to the weights before they were edited');
  }
  for (const [name, member] of archive) {
    const { header } = member;
    if (name === WEIGHTS_ENTRY) {
      const write = (sink: Parameters<typeof writeNewWeights>[1]): Promise<void> =>
        rewriteWeights(model, origin, sink, dropsOptimizer, dropped);
      await zip.inPlace(name, isLarge(model) || weights.size > LARGE_BYTES, write, header);
    } else if (name === CONFIG_ENTRY) {
      const config = { ...document, ...writeModelConfig(model, model.dialect) };
      if (sameJson(config, document)) zip.copy(member);
      else {
        const text = new TextDecoder().decode(readAll(await member.open()));
        await zip.bytes(name, encode(config, text), header.method, header);
      }
    } else zip.copy(member);
  }
}

/** The configuration of a model of another format, with what Keras 3 says of a model at the top. */
function newDocument(model: Model): JsonObject {
  const written = writeModelConfig(model, 'keras3');
  const shape = model.inputs[0]?.shape;
  return model.kind === 'sequential'
    ? {
        module: 'keras',
        ...written,
        registered_name: null,
        ...(shape ? { build_config: { input_shape: [...shape] } } : {}),
      }
    : {
        module: 'keras.src.models.functional',
        ...written,
        class_name: 'Functional',
        registered_name: 'Functional',
        build_config: { input_shape: null },
      };
}

function isLarge(model: Model): boolean {
  let bytes = 0;
  for (const { layer } of model.allLayers()) {
    for (const tensor of layer.weights.values()) bytes += 8 * tensor.size;
  }
  return bytes > LARGE_BYTES;
}

function encode(value: JsonValue, read?: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(pythonJson(value, read));
}
