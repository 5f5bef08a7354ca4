/**
 * Small models that ask for more than they are: deep, long, wide, linked, repeated, with numbers out of range, or several of
 * these at once. Each is drawn, with its size; the same for the same seed.
 *
 * @module
 */

import { MemorySink, memorySource } from '../../src/formats/bytes.ts';
import { Hdf5Copier } from '../../src/formats/hdf5/copy.ts';
import { type Hdf5File, openHdf5 } from '../../src/formats/hdf5/file.ts';
import { Hdf5Writer } from '../../src/formats/hdf5/writer.ts';
import type { JsonObject, JsonValue } from '../../src/json/value.ts';
import type { Random } from '../support/random.ts';
import { configurationOf, type Files, mainBytes, mainName, withFile } from './model-files.ts';
import type { Variant } from './variants.ts';
import { unpack, withEntry } from './zip-parts.ts';

/** What a variant is. */
export const HOSTILE_KINDS = ['deep', 'long', 'wide', 'linked', 'repeated', 'out of range', 'mixed'] as const;
export type HostileKind = (typeof HOSTILE_KINDS)[number];

type Branch = JsonObject | JsonValue[];

/** A place in a document that holds something. */
interface Place {
  readonly holder: Branch;
  readonly key: string;
}

/** An edit of the configuration; it says what it did. */
type Edit = (document: JsonObject, random: Random, most: number) => string;

/**
 * A hostile variant of a model.
 *
 * @param most of whatever there is much of: characters, items, levels.
 */
export async function hostile(
  files: Files,
  kind: HostileKind,
  random: Random,
  most: number,
): Promise<Variant> {
  if (kind === 'linked' && !mainName(files).endsWith('.json') && random.uniform() < 0.7) {
    return linkedWeights(files, random);
  }
  const document = JSON.parse((await configurationOf(files)).text) as JsonObject;
  const edits = kind === 'mixed' ? [pick(EDITS, random), pick(EDITS, random)] : [EDIT_OF[kind]];
  const labels = edits.map((edit) => edit(document, random, most));
  return { label: `${kind}: ${labels.join(', ')}`, files: await withDocument(files, document) };
}

/** JSON.stringify overflows the stack where a document is deep, which is what is written here. */
async function withDocument(files: Files, document: JsonObject): Promise<Files> {
  const { replaced } = await configurationOf(files);
  const text = JSON.stringify(document)
    .replaceAll(/"<deep (\d+)>"/g, (_, levels) => '['.repeat(Number(levels)) + ']'.repeat(Number(levels)))
    .replaceAll(/"<deep object (\d+)>"/g, (_, levels) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`)
    .replaceAll(/"<number ([^>]+)>"/g, '$1');
  return replaced(text);
}

const deep: Edit = (document, random, most) => {
  const levels = upTo(most, random);
  const value = random.uniform() < 0.5 ? `<deep ${levels}>` : `<deep object ${Math.ceil(levels / 4)}>`;
  if (random.uniform() < 0.3) {
    document['userDefinedMetadata'] = value;
    return `metadata = ${value}`;
  }
  return put(pick(placesIn(document), random), value);
};

const long: Edit = (document, random, most) => {
  const text = pick(['x', '\\', '"', 'é', '\ud800', '/', '[', '\u0000'], random).repeat(
    upTo(10 * most, random),
  );
  const places = placesIn(document);
  const texts = places.filter(({ holder, key }) => typeof valueAt({ holder, key }) === 'string');
  const names = texts.filter(({ key }) => key === 'name');
  const place = pick(random.uniform() < 0.3 && names.length > 0 ? names : texts, random);
  const old = valueAt(place);
  if (place.key !== 'name' || random.uniform() < 0.5) return put(place, text, `${text.length} characters`);
  // All that name the layer, too, so that the rest is sound.
  for (const one of texts) if (valueAt(one) === old) put(one, text);
  return `${String(old)} is called ${text.length} characters`;
};

const wide: Edit = (document, random, most) => {
  const lists = placesIn(document).filter((place) => Array.isArray(valueAt(place)));
  const place = pick(lists, random);
  const list = valueAt(place) as JsonValue[];
  const item = random.uniform() < 0.6 && list.length > 0 ? pick(list, random) : pick(STRANGE_NUMBERS, random);
  // What is copied is large itself, at times: as many as make a document of some length.
  const count = Math.ceil(upTo(most, random) / Math.max(1, (JSON.stringify(item)?.length ?? 1) / 20));
  return put(place, [...list, ...Array<JsonValue>(count).fill(item)], `${count} more`);
};

/** Layers again and again under new names, each reading what the first read; or shards, weights, calls. */
const repeated: Edit = (document, random, most) => {
  const lists = placesIn(document).filter(
    ({ holder, key }) =>
      ['layers', 'paths', 'weights'].includes(key) && Array.isArray(valueAt({ holder, key })),
  );
  const place = pick(lists, random);
  const list = valueAt(place) as JsonValue[];
  if (list.length === 0) return 'nothing to repeat';
  const item = pick(list, random);
  const text = JSON.stringify(item);
  const count = Math.ceil(upTo(most, random) / Math.max(1, text.length / 20));
  const name = nameOf(item);
  const copies = Array.from({ length: count }, (_, index) =>
    name === undefined || random.uniform() < 0.05
      ? item
      : (JSON.parse(text.replaceAll(`"name":${JSON.stringify(name)}`, `"name":"copy${index}"`)) as JsonValue),
  );
  return put(place, [...list, ...copies], `${name ?? 'an item'} ${count} times`);
};

const STRANGE_NUMBERS: readonly JsonValue[] = [
  ...[-1, -5, 0, 0.5, 1.5, 2, 3, 1000, 65_536, 100_003, 2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53],
  ...[1e15, 1e300, -1e300, -(2 ** 31), 5e-324].map((value) => value),
  '<number NaN>',
  '<number Infinity>',
  '<number -Infinity>',
  '<number 1e999>',
  '<number -0.0>',
  '<number 12345678901234567890>',
];

const outOfRange: Edit = (document, random) => {
  const numbers = placesIn(document).filter(({ holder, key }) => {
    const value = valueAt({ holder, key });
    return typeof value === 'number' || value === null;
  });
  const labels: string[] = [];
  for (let count = 1 + below(3, random); count > 0; count--) {
    const value = pick(STRANGE_NUMBERS, random);
    labels.push(put(pick(numbers, random), value, JSON.stringify(value)));
  }
  return labels.join(', ');
};

/** Models that call another twice, that calls another twice, … around the whole model or beside it. */
const linkedModels: Edit = (document, random) => {
  const levels = 1 + below(30, random);
  const holder = placesIn(document).find(
    ({ key, holder }) => key === 'layers' && Array.isArray(valueAt({ holder, key })),
  );
  const layers = holder && (valueAt(holder) as JsonValue[]);
  const first = layers?.[0];
  if (!layers || !isRecord(first)) return 'no layers';
  const source = nameOf(first) ?? 'input';
  const end = (name: string, call = 0): JsonValue => [name, call, 0, {}];
  const inputLayer: JsonObject = {
    class_name: 'InputLayer',
    name: 'in',
    config: { name: 'in', batch_input_shape: [null, 1], dtype: 'float32' },
    inbound_nodes: [],
  };
  const relu: JsonObject = {
    class_name: 'ReLU',
    name: 'm',
    config: { name: 'm' },
    inbound_nodes: [[end('in')]],
  };
  let inner = relu;
  for (let level = 0; level < levels; level++) {
    const last = level === 0 ? 0 : 2;
    const model: JsonObject = {
      class_name: 'Functional',
      name: 'm',
      config: {
        name: 'm',
        layers: [inputLayer, inner],
        input_layers: [['in', 0, 0]],
        output_layers: [['m', last, 0]],
      },
    };
    inner = { ...model, inbound_nodes: [[end('in')], [end('m', 1)]] };
  }
  layers.push({ ...inner, inbound_nodes: [[end(source)], [end('m', 1)]] });
  return `${levels} models that call each other twice`;
};

const EDIT_OF: Readonly<Record<Exclude<HostileKind, 'mixed'>, Edit>> = {
  deep,
  long,
  wide,
  linked: linkedModels,
  repeated,
  'out of range': outOfRange,
};
const EDITS = Object.values(EDIT_OF);

/** The HDF5 file of a model with links that lead where others lead, or with groups that two links each lead to. */
async function linkedWeights(files: Files, random: Random): Promise<Variant> {
  const name = mainName(files);
  const bytes = mainBytes(files);
  const edit = random.uniform() < 0.5 ? relinked : doubled;
  if (!name.endsWith('.keras')) {
    const { label, linked } = await edit(bytes, random);
    return { label: `linked: ${label}`, files: withFile(files, name, linked) };
  }
  const entry = unpack(bytes).find((part) => part.name.endsWith('.h5'));
  if (!entry) throw new TypeError('no weights');
  const { label, linked } = await edit(entry.bytes, random);
  return {
    label: `linked: ${label}`,
    files: withFile(
      files,
      name,
      withEntry(bytes, entry.name, () => linked),
    ),
  };
}

interface Linked {
  readonly label: string;
  readonly linked: Uint8Array;
}

/** Entries of groups in the nodes of old files: where each begins, behind the offset of its name. */
function entriesOf(bytes: Uint8Array): number[][] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const nodes: number[][] = [];
  for (let at = buffer.indexOf('SNOD'); at !== -1; at = buffer.indexOf('SNOD', at + 1)) {
    const count = Math.min(buffer.readUInt16LE(at + 6), 8);
    nodes.push(Array.from({ length: count }, (_, index) => at + 8 + 40 * index + 8));
  }
  return nodes;
}

/** Some links lead to what other links lead to: also to groups that they lie in. */
async function relinked(bytes: Uint8Array, random: Random): Promise<Linked> {
  const linked = Uint8Array.from(bytes);
  const entries = entriesOf(bytes).flat();
  const changes: string[] = [];
  for (let count = 1 + below(8, random); entries.length > 0 && count > 0; count--) {
    const [from, to] = [pick(entries, random), pick(entries, random)];
    linked.copyWithin(to, from, from + 32);
    changes.push(`[${to}] = [${from}]`);
  }
  return { label: changes.join(', '), linked };
}

/** A tree of groups in which every group has two links to the next, with data at its end; 2^levels paths. */
export async function withDoubledGroups(
  bytes: Uint8Array,
  random: Random,
  { levels, size }: { readonly levels: number; readonly size: number },
): Promise<Uint8Array> {
  const file = await openHdf5(memorySource('read.h5', bytes));
  const sink = new MemorySink('linked.h5');
  const writer = new Hdf5Writer(sink);
  await new Hdf5Copier(file, []).group('', writer.root);
  const places = ['extra', ...groupsIn(file, 40)];
  const place = pick(places, random);
  let group = writer.root.group(`${place}/linked`);
  for (let level = 0; level < levels; level++) {
    group.group('b');
    group = group.group('a');
  }
  await group.dataset('vars/0', { type: { kind: 'float', size: 4 }, shape: [size] }, [
    new Uint8Array(4 * size),
  ]);
  writer.close();
  file.close();
  const linked = Uint8Array.from(sink.bytes());
  for (const [a, b, ...others] of entriesOf(linked)) {
    // Nodes of two groups, which are those above, and perhaps some others.
    if (a === undefined || b === undefined || others.length > 0) continue;
    linked.copyWithin(b, a, a + 32);
  }
  return linked;
}

async function doubled(bytes: Uint8Array, random: Random): Promise<Linked> {
  const sizes = { levels: 1 + below(24, random), size: upTo(1 << 14, random) };
  const linked = await withDoubledGroups(bytes, random, sizes);
  return { label: `${sizes.levels} levels of doubled groups, ${4 * sizes.size} bytes`, linked };
}

function groupsIn(file: Hdf5File, most: number): string[] {
  const found: string[] = [];
  const walk = (path: string): void => {
    for (const name of file.names(path)) {
      const child = path === '' ? name : `${path}/${name}`;
      if (found.length >= most || file.kind(child) !== 'group') continue;
      found.push(child);
      walk(child);
    }
  };
  walk('');
  return found;
}

function placesIn(node: JsonValue | undefined): Place[] {
  const found: Place[] = [];
  const walk = (value: JsonValue | undefined): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const key of Object.keys(value)) {
      found.push({ holder: value, key });
      if (found.length < 100_000) walk((value as JsonObject)[key]);
    }
  };
  walk(node);
  return found;
}

function valueAt({ holder, key }: Place): JsonValue | undefined {
  return (holder as JsonObject)[key];
}

function put({ holder, key }: Place, value: JsonValue, shown: string = String(value)): string {
  (holder as JsonObject)[key] = value;
  return `${key} = ${shown}`;
}

function nameOf(item: JsonValue | undefined): string | undefined {
  if (!isRecord(item)) return undefined;
  const name = item['name'] ?? (isRecord(item['config']) ? item['config']['name'] : undefined);
  return typeof name === 'string' ? name : undefined;
}

function isRecord(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A number from 1 to `most`, small ones as often as large ones. */
function upTo(most: number, random: Random): number {
  return Math.ceil(most ** random.uniform());
}

function below(limit: number, random: Random): number {
  return Math.floor(random.uniform() * limit);
}

function pick<Item>(items: readonly Item[], random: Random): Item {
  return items[below(items.length, random)]!;
}
