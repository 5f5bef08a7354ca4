/**
 * Writing `.keras` files.
 *
 * @module
 */

import { pythonJson } from '../../json/python-json.ts';
import { type JsonObject, type JsonValue, sameJson } from '../../json/value.ts';
import type { Dialect, Model } from '../../model/model.ts';
import { type ByteSource, memorySource, type OutputFiles, readAll } from '../bytes.ts';
import { configTextOf } from '../config-text.ts';
import { isOptimizerStale } from '../edited-weights.ts';
import type { WriteReport } from '../format.ts';
import { capsAsLayers } from '../keras-config/caps-as-layers.ts';
import { editedOperatorsAsLayers } from '../keras-config/dialects/replaced-operators.ts';
import { isSequential, modelForDialect, writeModelConfig } from '../keras-config/write-model.ts';
import { lostState } from '../lost-state.ts';
import { createZip, type ZipOutput } from '../zip/write.ts';
import { CONFIG_ENTRY, METADATA_ENTRY, WEIGHTS_ENTRY, zipMember } from './archive.ts';
import { type KerasV3Origin, kerasV3Origin } from './origin.ts';
import { OPTIMIZER_GROUP, rewriteWeights, writeNewWeights } from './write-weights.ts';

/** What a new file says of itself; no clock is read, so that the same model gives the same bytes. */
const METADATA = { keras_version: '3.0.0', date_saved: '1980-01-01@00:00:00' };

/**
 * Writes a model as a `.keras` file to `files.main`.
 *
 * A model that was read from one keeps all that was not edited, bit for bit, in the version of Keras that wrote it;
 * from another format, or for another Keras, a file is made that Keras 3 reads.
 *
 * @param dialect of Keras 2 only where the model was read from a `.keras` file of Keras 2.
 * @throws UnsupportedModelError where a layer cannot be brought into this format.
 */
export async function writeKerasV3(
  given: Model,
  files: OutputFiles,
  dialect: Dialect = kerasV3Origin(given) ? given.dialect : 'keras3',
): Promise<WriteReport> {
  const model = capsAsLayers(editedOperatorsAsLayers(given), isSequential);
  const origin = dialect === model.dialect ? kerasV3Origin(model) : undefined;
  const zip = await createZip(files.main);
  const dropped = origin ? [] : lostState(model);
  const warnings: string[] = [];
  if (origin) await rewrite(model, origin, files, zip, dropped);
  else
    await writeNew(
      modelForDialect(model, 'keras3', (warning) => warnings.push(warning)),
      files,
      zip,
    );
  await zip.close(origin?.archive.comment);
  return { dropped, warnings };
}

async function writeNew(model: Model, files: OutputFiles, zip: ZipOutput): Promise<void> {
  await zip.add(METADATA_ENTRY, encode(METADATA_ENTRY, METADATA));
  const read = await configTextOf(model);
  await zip.add(CONFIG_ENTRY, encode(CONFIG_ENTRY, newDocument(model), read?.text, read?.at));
  const weights = files.scratch();
  await writeNewWeights(model, weights);
  await zip.add(WEIGHTS_ENTRY, weights);
}

async function rewrite(
  model: Model,
  origin: KerasV3Origin,
  files: OutputFiles,
  zip: ZipOutput,
  dropped: string[],
): Promise<void> {
  const { archive, document, weights } = origin;
  const dropsOptimizer = isOptimizerStale(model, origin.weightedLayers) && weights.hasGroup(OPTIMIZER_GROUP);
  if (dropsOptimizer) {
    dropped.push('optimizer state: it belongs to the weights before they were edited');
  }
  for (const [name, member] of archive) {
    const zipped = zipMember(member);
    const keep = async (): Promise<void> => {
      if (zipped) await zip.copy(zipped);
      else await zip.add(name, await member.open());
    };
    if (name === WEIGHTS_ENTRY) {
      const rewritten = files.scratch();
      await rewriteWeights(model, origin, rewritten, dropsOptimizer, dropped);
      await zip.add(name, rewritten, zipped);
    } else if (name === CONFIG_ENTRY) {
      const config = { ...document, ...writeModelConfig(model, model.dialect) };
      if (sameJson(config, document)) await keep();
      else {
        const text = new TextDecoder().decode(readAll(await member.open()));
        await zip.add(name, encode(name, config, text), zipped);
      }
    } else await keep();
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

function encode(name: string, value: JsonValue, read?: string, at?: readonly string[]): ByteSource {
  return memorySource(name, new TextEncoder().encode(pythonJson(value, read, at)));
}
