/**
 * Models as TF.js takes them from memory, through its load handlers.
 *
 * @module
 */

import { CannotRunError, messageOf, UnsupportedModelError } from '../../errors.ts';
import { isObject, type JsonObject, type JsonValue } from '../../json/value.ts';
import type { Model } from '../../model/model.ts';
import { MemorySink } from '../bytes.ts';
import type { WriteReport } from '../format.ts';
import { loadOrCleanUp } from './live-load.ts';
import type { LiveArtifacts, LiveModel, LiveTf, LiveWeightSpec } from './live-model.ts';
import { writeShards } from './write.ts';

/**
 * Makes a live model.
 *
 * @param onWarning is told what TF.js does not take over, a sentence each.
 * @throws CannotRunError where TF.js does not load it, and then no tensor of it stays behind; UnsupportedModelError
 * where TF.js has no form for it, or where there are warnings and nobody to hear them.
 */
export async function writeLiveModel<M extends LiveModel>(
  model: Model,
  tf: LiveTf<M>,
  onWarning?: (sentence: string) => void,
): Promise<M> {
  const { artifacts, report } = await artifactsFor(model);
  if (onWarning) for (const sentence of [...report.dropped, ...report.warnings]) onWarning(sentence);
  else if (report.warnings.length > 0) throw unheard(model, report.warnings);
  await tf.ready();
  try {
    return await loadOrCleanUp(tf, artifacts);
  } catch (cause) {
    const unknown = unregistered(artifacts.modelTopology ?? {}, tf);
    if (!unknown)
      throw new CannotRunError('', `TF.js does not load ${model.name}: ${messageOf(cause)}`, { cause });
    const { path, className } = unknown;
    const remedy = 'register one with tf.serialization.registerClass() first';
    throw new CannotRunError(path, `TF.js has no class ${className}; ${remedy}`, { cause });
  }
}

async function artifactsFor(model: Model): Promise<{ artifacts: LiveArtifacts; report: WriteReport }> {
  const shards = new Map<string, MemorySink>();
  const { document, report } = await writeShards(model, {
    main: new MemorySink('model.json'),
    create(name) {
      const sink = new MemorySink(name);
      shards.set(name, sink);
      return sink;
    },
    scratch: () => new MemorySink('scratch'),
  });
  // TF.js may change what it is given, and the model's own configuration is frozen.
  const { trainingConfig, ...given } = structuredClone(document);
  const { format, modelTopology, weightsManifest, userDefinedMetadata } = given as unknown as {
    format?: string;
    modelTopology: object;
    weightsManifest: { paths: string[]; weights: LiveWeightSpec[] }[];
    userDefinedMetadata?: { [key: string]: NonNullable<unknown> };
  };
  const artifacts: LiveArtifacts = {
    format: format ?? 'layers-model',
    modelTopology,
    weightSpecs: weightsManifest.flatMap(({ weights }) => weights),
    weightData: joined([...shards.values()].map((shard) => shard.bytes())),
    ...(userDefinedMetadata && { userDefinedMetadata }),
  };
  if (!trainingConfig) return { artifacts, report };
  const dropped = [...report.dropped, 'trainingConfig: the live model is not compiled; call compile() again'];
  return { artifacts, report: { ...report, dropped } };
}

/** In one piece, which all versions of TF.js take. */
function joined(shards: readonly Uint8Array[]): ArrayBuffer {
  const bytes = new Uint8Array(shards.reduce((sum, shard) => sum + shard.length, 0));
  let end = 0;
  for (const shard of shards) {
    bytes.set(shard, end);
    end += shard.length;
  }
  return bytes.buffer;
}

function unheard(model: Model, warnings: readonly string[]): UnsupportedModelError {
  return new UnsupportedModelError(
    'live model',
    `${model.name}: TF.js does not take over all of it: ${warnings.join('; ')}. Pass onWarning to have it all the same`,
  );
}

/** The first layer of a class that TF.js does not know, in nested models and wrappers too. */
function unregistered(topology: object, tf: LiveTf): { path: string; className: string } | undefined {
  const known = tf.serialization.SerializationMap.getMap().classNameMap;
  const find = (outer: JsonValue | undefined, prefix: string): ReturnType<typeof unregistered> => {
    if (!isObject(outer)) return undefined;
    for (const entry of innerLayers(outer['config'])) {
      const config = isObject(entry['config']) ? entry['config'] : {};
      const path = `${prefix}${String(entry['name'] ?? config['name'])}`;
      const className = String(entry['class_name']);
      const found = Object.hasOwn(known, className) ? find(entry, `${path}/`) : { path, className };
      if (found) return found;
    }
    return undefined;
  };
  const root = topology as JsonObject;
  return find(root['model_config'] ?? root, '');
}

/** The entries of the layers in the configuration of a model or a wrapper. */
function innerLayers(config: JsonValue | undefined): JsonObject[] {
  const { layers, layer } = isObject(config) ? config : { layers: config ?? null };
  return (Array.isArray(layers) ? layers : [layer ?? null]).filter(isObject);
}
