/**
 * Damaged variants of a model, the same for the same seed.
 *
 * @module
 */

import type { JsonValue } from '../../src/json/value.ts';
import type { Random } from '../support/random.ts';
import { type Configuration, type Files, mainName, withFile } from './model-files.ts';
import { unpack, withEntry } from './zip-parts.ts';

/** A damaged model, with a name that says how to make it again. */
export interface Variant {
  readonly label: string;
  readonly files: Files;
}

/** Each file cut off at every 64th of it. */
export function* truncations(files: Files): Generator<Variant> {
  for (const [name, bytes] of files) {
    for (let part = 0; part < 64; part++) {
      const length = Math.floor((bytes.length * part) / 64);
      yield { label: `${name} ends at ${length}`, files: withFile(files, name, bytes.slice(0, length)) };
    }
  }
}

/** Some bytes of one of the files changed. */
export function flipped(files: Files, random: Random): Variant {
  const [name, bytes] = pick([...files], random);
  const { label, damaged } = flip(bytes, random);
  return { label: `${name}: ${label}`, files: withFile(files, name, damaged) };
}

/** Some bytes of an entry of a `.keras` file changed, with a checksum that is right: what a bad writer would make. */
export function flippedEntry(files: Files, random: Random): Variant {
  const name = mainName(files);
  const zip = files.get(name)!;
  const entry = pick(unpack(zip), random);
  const { label, damaged } = flip(entry.bytes, random);
  return {
    label: `${name}: ${entry.name}: ${label}`,
    files: withFile(
      files,
      name,
      withEntry(zip, entry.name, () => damaged),
    ),
  };
}

function flip(bytes: Uint8Array, random: Random): { label: string; damaged: Uint8Array } {
  const damaged = Uint8Array.from(bytes);
  const places = random.uniform() < 0.5 ? undefined : structurePlaces(bytes);
  const changes: string[] = [];
  for (let count = 1 + below(6, random); count > 0; count--) {
    const place = places && places.length > 0 ? pick(places, random) + below(64, random) : undefined;
    const at = Math.min(place ?? below(bytes.length, random), bytes.length - 1);
    // The values at which sizes, counts and signs go wrong, as well as any other.
    const value = random.uniform() < 0.4 ? pick([0, 1, 0x7f, 0x80, 0xff], random) : below(256, random);
    damaged[at] = value;
    changes.push(`[${at}] = ${value}`);
  }
  return { label: changes.join(', '), damaged };
}

const SIGNATURES = ['\x89HDF', 'TREE', 'HEAP', 'SNOD', 'GCOL', 'OHDR', 'OCHK', 'FRHP', 'BTHD', 'BTLF', 'PK'];

const knownPlaces = new WeakMap<Uint8Array, number[]>();

/** Where the structures of HDF5 and zip start, and the headers of HDF5 objects (version 1, one reference, no flags). */
function structurePlaces(bytes: Uint8Array): number[] {
  const known = knownPlaces.get(bytes);
  if (known) return known;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const places: number[] = [];
  for (const signature of SIGNATURES) {
    for (let at = buffer.indexOf(signature, 0, 'latin1'); at !== -1; ) {
      places.push(at);
      at = buffer.indexOf(signature, at + 1, 'latin1');
    }
  }
  for (let at = 0; at + 8 <= buffer.length; at += 8) {
    const isHeader = buffer.readUInt16LE(at) === 1 && buffer.readUInt32LE(at + 4) === 1;
    if (isHeader) places.push(at, at + 16, at + 64);
  }
  knownPlaces.set(bytes, places);
  return places;
}

/** Values that configurations do not expect. */
const STRANGE: readonly JsonValue[] = [
  null,
  true,
  false,
  0,
  -1,
  1,
  3,
  0.5,
  7,
  1e15,
  2 ** 53,
  1e300,
  -1e-300,
  '',
  'x',
  '../x',
  '__proto__',
  'constructor',
  'toString',
  'relu6',
  'channels_first',
  'Conv2D',
  'Sequential',
  [],
  {},
  [null],
  [[]],
  [1, 1, 1, 1],
  [[[['input', 0, 0, {}]]]],
  { class_name: 'Dense', config: {} },
  { class_name: '__keras_tensor__', config: { keras_history: ['x', 0, 0] } },
];

type Branch = { [key: string]: JsonValue } | JsonValue[];

/** A configuration whose JSON is right, but one or two of its values are not. */
export async function reconfigured(configuration: Configuration, random: Random): Promise<Variant> {
  const document = JSON.parse(configuration.text) as Branch;
  const labels: string[] = [];
  for (let count = 1 + below(2, random); count > 0; count--) {
    const places = placesIn(document, '');
    if (places.length === 0) break;
    labels.push(changeOne(pick(places, random), places, random));
  }
  const text = JSON.stringify(document);
  // Python writes NaN and Infinity, and so do we.
  const special = text.replaceAll('"<NaN>"', 'NaN').replaceAll('"<Infinity>"', 'Infinity');
  return { label: labels.join(', '), files: await configuration.replaced(special) };
}

interface JsonPlace {
  readonly holder: Branch;
  readonly key: string;
  readonly path: string;
}

function changeOne({ holder, key, path }: JsonPlace, places: readonly JsonPlace[], random: Random): string {
  const holderRecord = holder as Record<string, JsonValue>;
  const kind = random.uniform();
  if (kind < 0.1) {
    if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else delete holder[key];
    return `${path} gone`;
  }
  if (kind < 0.2 && Array.isArray(holder)) {
    holder.push(structuredClone(holder[Number(key)]!));
    return `${path} twice`;
  }
  if (kind < 0.4) {
    const other = pick(places, random);
    const value = (other.holder as Record<string, JsonValue>)[other.key];
    holderRecord[key] = structuredClone(value ?? null);
    return `${path} = ${other.path}`;
  }
  const strange = pick([...STRANGE, '<NaN>', '<Infinity>'], random);
  holderRecord[key] = structuredClone(strange);
  return `${path} = ${JSON.stringify(strange)}`;
}

/** All places in a document that hold something. */
function placesIn(node: JsonValue | undefined, path: string): JsonPlace[] {
  if (typeof node !== 'object' || node === null) return [];
  return Object.keys(node).flatMap((key) => {
    const inner = `${path}/${key}`;
    const place = { holder: node, key, path: inner };
    return [place, ...placesIn((node as Record<string, JsonValue>)[key], inner)];
  });
}

function below(limit: number, random: Random): number {
  return Math.floor(random.uniform() * limit);
}

function pick<Item>(items: readonly Item[], random: Random): Item {
  return items[below(items.length, random)]!;
}
