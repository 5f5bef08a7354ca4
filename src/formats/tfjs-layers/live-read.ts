/**
 * Models in the memory of TF.js, read through its save handlers.
 *
 * @module
 */

import { messageOf, UnsupportedModelError } from '../../errors.ts';
import type { Model } from '../../model/model.ts';
import { memoryFiles, readModel } from '../read.ts';
import type { LiveArtifacts, LiveModel } from './live-model.ts';

/**
 * Reads a live model. Its weights are copied out of the backend once; the live model is not touched.
 *
 * @throws TypeError where it is no model of TF.js; UnsupportedModelError where TF.js cannot save it or it is a graph
 * model; FormatError or InvalidModelError where what TF.js saves is no model.
 */
export async function readLiveModel(live: LiveModel): Promise<Model> {
  const name = `the live model ${live.name}`;
  const { modelTopology, weightSpecs = [], weightData = [], ...rest } = await artifactsOf(live, name);
  const parts = Array.isArray(weightData) ? weightData : [weightData];
  const files = new Map(parts.map((part, index) => [shardName(index, parts.length), new Uint8Array(part)]));
  const weightsManifest = [{ paths: [...files.keys()], weights: weightSpecs }];
  const { format, generatedBy, convertedBy, userDefinedMetadata } = rest;
  const document = { format, generatedBy, convertedBy, modelTopology, weightsManifest, userDefinedMetadata };
  files.set(name, new TextEncoder().encode(liveJson(document)));
  return readModel(memoryFiles(files, name));
}

/** JSON with the numbers that JavaScript has and its JSON has not, as Python writes them. */
function liveJson(document: object): string {
  const text = JSON.stringify(document, (_, value: unknown) => {
    if (typeof value !== 'number' || (Number.isFinite(value) && !Object.is(value, -0))) return value;
    return `\0${Object.is(value, -0) ? '-0.0' : value}`;
  });
  return text.replace(/"\\u0000(-0\.0|NaN|-?Infinity)"/g, '$1');
}

/** As the converter names them, for the model may go to files from here. */
function shardName(index: number, count: number): string {
  return `group1-shard${index + 1}of${count}.bin`;
}

async function artifactsOf(live: LiveModel, name: string): Promise<LiveArtifacts> {
  let saved: LiveArtifacts | undefined;
  try {
    await live.save({
      async save(artifacts) {
        saved = artifacts;
        return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
      },
    });
  } catch (cause) {
    throw new UnsupportedModelError('live model', `${name}: TF.js cannot save it: ${messageOf(cause)}`, {
      cause,
    });
  }
  if (!saved) throw new TypeError(`${name}: its save() gave nothing to the handler; it is no model of TF.js`);
  return saved;
}
