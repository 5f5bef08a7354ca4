/**
 * The `weightsManifest` of a TF.js model.json: which weights lie in which files, in what encoding.
 *
 * @module
 */

import { FormatError, UnsupportedModelError } from '../../errors.ts';
import {
  inside,
  mismatch,
  type Place,
  requireArray,
  requireItems,
  requireObject,
  requireString,
  requireWhole,
} from '../../json/place.ts';
import { isObject, type JsonObject } from '../../json/value.ts';
import { sizeOf } from '../../tensor/dtype.ts';
import { type Packing, packedWidth } from '../../tensor/packed-values.ts';
import type { ByteSource } from '../bytes.ts';
import { readJsonObject } from '../read-json.ts';

/** Element types that TF.js decodes; `string` and `complex64` are none that a Keras layer computes with. */
export type WeightDType = 'float32' | 'int32' | 'bool';

/** One weight of the manifest. */
export interface WeightSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: WeightDType;
  /** How its values are packed; they come out as its dtype. */
  readonly quantization: Packing | undefined;
  /** Whether it belongs to an optimizer and not to a layer. */
  readonly isOptimizer: boolean;
  /** Bytes that it takes in its group. */
  readonly byteLength: number;
  /** The entry as it was read. */
  readonly entry: JsonObject;
}

/** Weights that lie one after the other in the concatenation of some files. */
export interface WeightGroup {
  readonly paths: readonly string[];
  readonly weights: readonly WeightSpec[];
}

/** The names of the files of weights that a model.json asks for. */
export function shardNames(main: ByteSource): string[] {
  const groups = parseManifest(readJsonObject(main)['weightsManifest'], main.name);
  return groups.flatMap(({ paths }) => paths);
}

const LARGEST_DIMENSION = 2 ** 31 - 1;
const DTYPE_BYTES: Record<WeightDType, number> = { float32: 4, int32: 4, bool: 1 };

/**
 * Parses a `weightsManifest`.
 *
 * @throws FormatError where it is damaged; UnsupportedModelError where it holds text or complex numbers.
 */
export function parseManifest(manifest: unknown, source: string): WeightGroup[] {
  const place = { source, where: 'weightsManifest' };
  const seen = new Set<string>();
  const groups = requireItems(manifest, place, (group, at) => parseGroup(group, at, seen));
  const own = groups
    .flatMap(({ paths }) => paths)
    .find((path) => fileKey(path) === fileKey(fileName(source)));
  if (own === undefined) return groups;
  throw new FormatError(
    source,
    own,
    'a file of weights cannot be model.json itself; convert the model again',
  );
}

/** The last part of a path. */
export function fileName(path: string): string {
  return path.replace(/^.*[\\/]/, '');
}

/** The same for all ways to write the path of a file, on systems too that do not tell `W.bin` from `w.bin`. */
export function fileKey(path: string): string {
  const parts = path.split(/[\\/]/).filter((part) => part !== '' && part !== '.');
  return parts.join('/').toLowerCase();
}

function parseGroup(value: unknown, place: Place, seen: Set<string>): WeightGroup {
  const group = requireObject(value, place);
  const paths = requireItems(group['paths'], inside(place, 'paths'), parsePath);
  const weights = requireItems(group['weights'], inside(place, 'weights'), parseWeight);
  for (const { name } of weights) {
    if (seen.has(name)) {
      throw new FormatError(
        place.source,
        name,
        'two weights of this name, which TF.js cannot tell apart either; convert the .keras or .h5 file that it was made from, ' +
          'or give the layers of nested models different names',
      );
    }
    seen.add(name);
  }
  return { paths, weights };
}

/** Paths are relative to the folder of model.json, and stay in it. */
function parsePath(value: unknown, place: Place): string {
  const path = requireString(value, place);
  const leaves = path.split(/[/\\]/).includes('..') || /^([/\\]|[a-z][a-z0-9+.-]*:)/i.test(path);
  if (path === '' || path.includes('\0') || leaves) {
    throw mismatch(place, 'the name of a file beside model.json', path);
  }
  return path;
}

function parseWeight(value: unknown, place: Place): WeightSpec {
  const entry = requireObject(value, place);
  const name = requireString(entry['name'], inside(place, 'name'));
  const here = { source: place.source, where: name };
  const dtype = parseDType(entry['dtype'], name, inside(here, 'dtype'));
  const shape = parseShape(entry['shape'], inside(here, 'shape'));
  const quantization =
    'quantization' in entry
      ? parseQuantization(entry['quantization'], dtype, inside(here, 'quantization'))
      : undefined;
  const bytesPerValue = quantization ? packedWidth(quantization) : DTYPE_BYTES[dtype];
  return {
    name,
    shape,
    dtype,
    quantization,
    isOptimizer: entry['group'] === 'optimizer',
    byteLength: sizeOf(shape) * bytesPerValue,
    entry,
  };
}

function parseDType(value: unknown, name: string, place: Place): WeightDType {
  if (value === 'float32' || value === 'int32' || value === 'bool') return value;
  if (value === 'string' || value === 'complex64') {
    throw new UnsupportedModelError(
      `${value} weights`,
      `${place.source}: ${name}: a ${value} weight; remove the layer that it belongs to (a lookup table or a signal ` +
        'transform goes before the model, not in it)',
    );
  }
  throw mismatch(place, 'float32, int32 or bool, which is what TF.js decodes', value);
}

function parseShape(value: unknown, place: Place): number[] {
  const shape = requireArray(value, place).map((dimension) =>
    requireWhole(dimension, { least: 0, most: LARGEST_DIMENSION }, place),
  );
  // Without the zeros, so that [0, 2**31, 2**31, 2**31] is refused as well.
  if (sizeOf(shape.filter((dimension) => dimension > 0)) > Number.MAX_SAFE_INTEGER / 8) {
    throw mismatch(place, 'a shape that fits a file', value);
  }
  return shape;
}

function parseQuantization(value: unknown, dtype: WeightDType, place: Place): Packing {
  if (!isObject(value)) throw mismatch(place, 'an object with dtype, scale and min', value);
  switch (value['dtype']) {
    case 'float16':
      if (dtype !== 'float32') throw mismatch(place, `uint8 or uint16 for a weight of ${dtype}`, value);
      return { dtype: 'float16' };
    case 'uint8':
    case 'uint16': {
      const { scale, min } = value;
      if (dtype === 'bool') throw mismatch(place, 'no quantization of a bool weight', value);
      if (typeof scale !== 'number' || typeof min !== 'number') {
        throw mismatch(place, 'numbers as scale and min', value);
      }
      if (!Number.isFinite(scale) || !Number.isFinite(min)) {
        throw mismatch(place, 'finite numbers as scale and min', value);
      }
      return { dtype: value['dtype'], scale, min };
    }
    default:
      throw mismatch(inside(place, 'dtype'), 'uint8, uint16 or float16', value['dtype']);
  }
}
