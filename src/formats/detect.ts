/**
 * Which format a file is, by what is in it and not by its name.
 *
 * @module
 */

import { FormatError, UnsupportedModelError } from '../errors.ts';
import { isObject, type JsonObject } from '../json/value.ts';
import type { ByteSource, ModelFiles } from './bytes.ts';
import { describeForeign, type ForeignFile, SAVE_WHOLE, SAVED_MODEL } from './foreign.ts';
import { signatureOffset } from './hdf5/signature.ts';
import { CONFIG_ENTRY, type KerasArchive, WEIGHTS_ENTRY } from './keras-v3/archive.ts';
import { SHARDS_INDEX, unpackedArchive } from './keras-v3/unpacked.ts';
import { readJson } from './read-json.ts';
import { isZip, openZip } from './zip/read.ts';

/** A file of a format that is taken, with what had to be read of it to tell. */
export type DetectedFile =
  | { readonly format: 'keras-h5' }
  | { readonly format: 'keras-v3'; readonly archive: KerasArchive }
  | { readonly format: 'tfjs-layers'; readonly document: JsonObject };

/**
 * The format of the main one of `files`; the others are what makes a model of a configuration without weights.
 *
 * @throws UnsupportedModelError where it is a kind of file that is not taken, with what to do instead; FormatError
 * where it is none that is known, or damaged; LimitError where it is a JSON larger than any model.json.
 */
export async function detectFormat(files: ModelFiles): Promise<DetectedFile> {
  const source = files.main;
  if (signatureOffset(source) !== undefined) return { format: 'keras-h5' };
  if (isZip(source)) return detectZip(source);
  const foreign = describeForeign(source);
  if (foreign) throw refusal(source.name, foreign);
  if (startsWithJson(source)) return detectJson(files);
  const head = new Uint8Array(Math.min(8, source.size));
  source.read(0, head);
  const shown = Array.from(head, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  throw new FormatError(
    source.name,
    '',
    `not a known kind of model (it begins with ${shown}); give a .keras or .h5 file, or the model.json of a TF.js ` +
      'layers model',
  );
}

/**
 * The file to open in a folder that was given as a model.
 *
 * @param folder its name, for messages
 * @param entries the names of what is in it
 * @throws UnsupportedModelError where it is a SavedModel or nothing that is taken.
 */
export function mainFileOfFolder(folder: string, entries: readonly string[]): string {
  if (entries.includes('model.json')) return 'model.json';
  if (entries.includes('saved_model.pb') || entries.includes('keras_metadata.pb')) {
    throw refusal(folder, SAVED_MODEL);
  }
  if (
    entries.includes(CONFIG_ENTRY) &&
    [WEIGHTS_ENTRY, SHARDS_INDEX].some((name) => entries.includes(name))
  ) {
    return CONFIG_ENTRY;
  }
  if (entries.includes('checkpoint') || entries.some((entry) => /\.data-\d+-of-\d+$/.test(entry))) {
    throw refusal(folder, {
      feature: 'checkpoint',
      description: 'a TensorFlow checkpoint, which holds weights alone',
      advice:
        "build the model in Keras, call model.load_weights(), then save all of it: model.save('model.keras')",
    });
  }
  throw new UnsupportedModelError(
    'folder',
    `${folder}: a folder without model.json; give a .keras or .h5 file, or the folder of a TF.js layers model`,
  );
}

async function detectZip(source: ByteSource): Promise<DetectedFile> {
  const archive = await openZip(source);
  const names = [...archive.keys()];
  const has = (name: string): boolean => names.some((entry) => entry === name || entry.endsWith(`/${name}`));
  if (names.includes('config.json')) return { format: 'keras-v3', archive };
  const foreign = ((): ForeignFile => {
    if (has('data.pkl')) {
      return {
        feature: 'torch',
        description: 'a PyTorch file (torch.save or TorchScript)',
        advice: 'only Keras models are taken: .keras, .h5 and TF.js layers models',
      };
    }
    if (names.length > 0 && names.every((name) => name.endsWith('.npy'))) {
      return { feature: 'numpy', description: 'a numpy archive (.npz)', advice: SAVE_WHOLE };
    }
    if (has('saved_model.pb')) return { ...SAVED_MODEL, description: 'a zipped TensorFlow SavedModel' };
    if (has('model.json') || has('config.json')) {
      return {
        feature: 'archive',
        description: 'a zip with a model in it',
        advice: 'unpack it and give model.json, or the .keras or .h5 file, that is in it',
      };
    }
    return {
      feature: 'archive',
      description: `a zip without config.json (it holds ${names.slice(0, 3).join(', ') || 'nothing'}${names.length > 3 ? ', …' : ''})`,
      advice: 'a .keras file has config.json and model.weights.h5 at its top; save the model again',
    };
  })();
  throw refusal(source.name, foreign);
}

async function detectJson(files: ModelFiles): Promise<DetectedFile> {
  const source = files.main;
  const document = readJson(source);
  if (isObject(document) && 'modelTopology' in document) return { format: 'tfjs-layers', document };
  const isArchitecture = isObject(document) && 'class_name' in document && 'config' in document;
  if (isArchitecture) {
    const archive = await unpackedArchive(files);
    if (archive) return { format: 'keras-v3', archive };
    throw refusal(source.name, {
      feature: 'architecture',
      description: 'the configuration of a model without its weights (model.to_json())',
      advice: "save the whole model: model.save('model.keras')",
    });
  }
  throw refusal(source.name, {
    feature: 'json',
    description: 'JSON without a modelTopology',
    advice: 'give the model.json of a TF.js layers model, with its shards beside it',
  });
}

function refusal(name: string, { feature, description, advice }: ForeignFile): UnsupportedModelError {
  return new UnsupportedModelError(feature, `${name}: this is ${description}; ${advice}`);
}

function startsWithJson(source: ByteSource): boolean {
  const head = new Uint8Array(Math.min(64, source.size));
  source.read(0, head);
  const text = new TextDecoder().decode(head).trimStart();
  return text.startsWith('{') || text.startsWith('[');
}
