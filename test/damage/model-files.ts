/**
 * Models in memory, as the files that they are made of, and parts of them replaced.
 *
 * @module
 */

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type ByteSource, MemorySink, memorySource } from '../../src/formats/bytes.ts';
import { stringAttribute } from '../../src/formats/hdf5/attribute.ts';
import { Hdf5Copier } from '../../src/formats/hdf5/copy.ts';
import { openHdf5 } from '../../src/formats/hdf5/file.ts';
import { Hdf5Writer } from '../../src/formats/hdf5/writer.ts';
import { memoryFiles, readModel } from '../../src/formats/read.ts';
import type { JsonObject } from '../../src/json/value.ts';
import type { Model } from '../../src/model/model.ts';
import { unpack, withEntry } from './zip-parts.ts';

/** The files of a model by name; the first is the one to open. */
export type Files = ReadonlyMap<string, Uint8Array>;

const FIXTURES = path.join(import.meta.dirname, '../fixtures');

/** A model below test/fixtures: a file, or the folder of a TF.js model. */
export function fixtureFiles(name: string): Files {
  const at = path.join(FIXTURES, name);
  const read = (file: string): Uint8Array => new Uint8Array(readFileSync(file));
  if (/\.\w+$/.test(name)) return new Map([[path.basename(name), read(at)]]);
  const names = readdirSync(at).filter((file) => file !== 'model.json');
  return new Map(['model.json', ...names].map((file) => [file, read(path.join(at, file))]));
}

/**
 * Reads the model that these files are.
 *
 * @param onRead is told how many bytes of them are read, now and later.
 */
export function readFiles(files: Files, onRead: (bytes: number) => void = () => {}): Promise<Model> {
  const { main, open } = memoryFiles(files, mainName(files));
  const watched = (source: ByteSource): ByteSource => ({
    ...source,
    read(byteOffset, target) {
      const bytes = source.read(byteOffset, target);
      onRead(bytes);
      return bytes;
    },
  });
  return readModel({
    main: watched(main),
    open(name) {
      const source = open(name);
      return source && watched(source);
    },
  });
}

/** The name of the file to open. */
export function mainName(files: Files): string {
  const [name] = files.keys();
  if (name === undefined) throw new TypeError('no files');
  return name;
}

/** The bytes of the file to open. */
export function mainBytes(files: Files): Uint8Array {
  return files.get(mainName(files))!;
}

/** `files` with one of them replaced. */
export function withFile(files: Files, name: string, bytes: Uint8Array): Files {
  return new Map([...files, [name, bytes]]);
}

/** The JSON that describes the model, and a way to put another in its place. */
export interface Configuration {
  readonly text: string;
  replaced(text: string): Promise<Files>;
}

/** The configuration of a model of any format; of a TF.js model, all of model.json. */
export async function configurationOf(files: Files): Promise<Configuration> {
  const name = mainName(files);
  const bytes = mainBytes(files);
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
  const decode = (part: Uint8Array): string => new TextDecoder().decode(part);
  if (name.endsWith('.json')) {
    return { text: decode(bytes), replaced: async (text) => withFile(files, name, encode(text)) };
  }
  if (name.endsWith('.keras')) {
    const entry = unpack(bytes).find((part) => part.name === 'config.json')!;
    return {
      text: decode(entry.bytes),
      replaced: async (text) =>
        withFile(
          files,
          name,
          withEntry(bytes, entry.name, () => encode(text)),
        ),
    };
  }
  const file = await openHdf5(memorySource(name, bytes));
  const text = file.strings('', 'model_config')?.[0] ?? '';
  return {
    text,
    replaced: async (replacement) => {
      const sink = new MemorySink(name);
      const writer = new Hdf5Writer(sink);
      await new Hdf5Copier(file, []).group('', writer.root);
      writer.root.setAttribute(stringAttribute('model_config', replacement));
      writer.close();
      return withFile(files, name, sink.bytes());
    },
  };
}

/** `files` with the configuration edited in place. */
export async function withConfiguration(files: Files, edit: (config: JsonObject) => void): Promise<Files> {
  const { text, replaced } = await configurationOf(files);
  const document = JSON.parse(text) as JsonObject;
  edit(document);
  return replaced(JSON.stringify(document));
}
