/**
 * Which format a file is, by what is in it and not by its name.
 *
 * @module
 */

import { FormatError, LimitError, UnsupportedModelError } from '../errors.ts';
import { parseJson } from '../json/text.ts';
import { isObject } from '../json/value.ts';
import { type ByteSource, readAll } from './bytes.ts';
import { describeForeign, type ForeignFile, savedModel } from './foreign.ts';
import type { ModelFormat } from './format.ts';
import { MAX_JSON_BYTES } from './limits.ts';
import { openZip } from './zip/read.ts';

const HDF5_SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

/**
 * The format of `source`.
 *
 * @throws UnsupportedModelError where it is a kind of file that is not taken, with what to do instead; FormatError
 * where it is none that is known, or damaged; LimitError where it is a JSON larger than any model.json.
 */
export async function detectFormat(source: ByteSource): Promise<ModelFormat> {
  if (isHdf5(source)) return 'keras-h5';
  if (startsWith(source, 0, [0x50, 0x4b, 0x03, 0x04]) || startsWith(source, 0, [0x50, 0x4b, 0x05, 0x06])) {
    return detectZip(source);
  }
  const foreign = describeForeign(source);
  if (foreign) throw refusal(source.name, foreign);
  if (startsWithJson(source)) return detectJson(source);
  const head = new Uint8Array(Math.min(8, source.size));
  source.read(0, head);
  const shown = Array.from(head, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  throw new FormatError(
    source.name,
    '',
    `no kind of model that is known (it begins with ${shown}); give a .keras or .h5 file, or the model.json of a TF.js ` +
      'layers model',
  );
}

/**
 * The file to open in a folder that was given as a model.
 *
 * @param folder its name, for messages
 * @param entries the names of what is in it
 * @throws UnsupportedModelError where it is a SavedModel, an unpacked .keras, or nothing that is taken.
 */
export function mainFileOfFolder(folder: string, entries: readonly string[]): string {
  if (entries.includes('model.json')) return 'model.json';
  if (entries.includes('saved_model.pb') || entries.includes('keras_metadata.pb')) {
    throw refusal(folder, savedModel());
  }
  if (entries.includes('config.json') && entries.includes('model.weights.h5')) {
    throw refusal(folder, {
      feature: 'unpacked-keras',
      description: 'a .keras file that was unpacked',
      advice: `pack it again: cd ${folder} && zip -0 ../model.keras metadata.json config.json model.weights.h5`,
    });
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

async function detectZip(source: ByteSource): Promise<ModelFormat> {
  const names = [...(await openZip(source)).keys()];
  const has = (name: string): boolean => names.some((entry) => entry === name || entry.endsWith(`/${name}`));
  if (names.includes('config.json')) return 'keras-v3';
  const foreign = ((): ForeignFile => {
    if (has('data.pkl')) {
      return {
        feature: 'torch',
        description: 'a PyTorch file (torch.save or TorchScript)',
        advice: 'only Keras models are taken: .keras, .h5 and TF.js layers models',
      };
    }
    if (names.length > 0 && names.every((name) => name.endsWith('.npy'))) {
      return {
        feature: 'numpy',
        description: 'a numpy archive (.npz)',
        advice:
          "weights alone do not say how the layers connect; save the whole model: model.save('model.keras')",
      };
    }
    if (has('saved_model.pb')) return { ...savedModel(), description: 'a zipped TensorFlow SavedModel' };
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

function detectJson(source: ByteSource): ModelFormat {
  if (source.size > MAX_JSON_BYTES) {
    throw new LimitError(`${source.name}: bytes of JSON`, source.size, MAX_JSON_BYTES);
  }
  const document = parseJson(new TextDecoder().decode(readAll(source)), source.name, '');
  if (isObject(document) && 'modelTopology' in document) return 'tfjs-layers';
  const isArchitecture = isObject(document) && 'class_name' in document && 'config' in document;
  if (isArchitecture) {
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

/** HDF5 may begin after a block of the user's, at 512 bytes or a doubling of it. */
function isHdf5(source: ByteSource): boolean {
  if (startsWith(source, 0, HDF5_SIGNATURE)) return true;
  for (let offset = 512; offset + HDF5_SIGNATURE.length <= source.size; offset *= 2) {
    if (startsWith(source, offset, HDF5_SIGNATURE)) return true;
  }
  return false;
}

function startsWith(source: ByteSource, offset: number, bytes: readonly number[]): boolean {
  const found = new Uint8Array(bytes.length);
  return source.read(offset, found) === bytes.length && bytes.every((byte, index) => byte === found[index]);
}

function startsWithJson(source: ByteSource): boolean {
  const head = new Uint8Array(Math.min(64, source.size));
  source.read(0, head);
  const text = new TextDecoder().decode(head).trimStart();
  return text.startsWith('{') || text.startsWith('[');
}
