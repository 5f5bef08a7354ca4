/**
 * Reading a model of TensorFlow Lite as data: ours, and those of TensorFlow's converter.
 *
 * @module
 */

import { FormatError } from '../../errors.ts';
import { FlatFile, type FlatTable } from './flatbuffer.ts';
import {
  BYTES_OF_TYPE,
  elementsOf,
  FILE_IDENTIFIER,
  type TflitePort,
  type TfliteQuantization,
  type TfliteTensor,
  type TfliteType,
  type TfliteValues,
  TYPE_CODES,
} from './graph.ts';

/** A tensor of a file. */
export interface ReadTensor extends Omit<TfliteTensor, 'type'> {
  /** Undefined where it is a type that whole-integer models have no use for. */
  readonly type: TfliteType | undefined;
}

/** An operator of a file. */
export interface ReadOperator {
  /** Its BuiltinOperator. */
  readonly code: number;
  readonly version: number;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

/** A file with one subgraph. */
export interface ReadTflite {
  readonly tensors: readonly ReadTensor[];
  readonly operators: readonly ReadOperator[];
  /** By the names of the signature; of the tensors where there is none. */
  readonly inputs: readonly TflitePort[];
  readonly outputs: readonly TflitePort[];
}

const TYPES: ReadonlyMap<number, TfliteType> = new Map(
  Object.entries(TYPE_CODES).map(([type, code]) => [code, type as TfliteType] as const),
);

/**
 * The tensors and operators of a file; constants are read when they are asked for.
 *
 * @throws FormatError where it is none, is damaged, or has several subgraphs.
 */
export function readTflite(name: string, bytes: Uint8Array): ReadTflite {
  if (new TextDecoder('latin1').decode(bytes.subarray(4, 8)) !== FILE_IDENTIFIER) {
    throw new FormatError(name, 'offset 4', `no TensorFlow Lite model; those have ${FILE_IDENTIFIER} there`);
  }
  const model = new FlatFile(name, bytes).root();
  const [subgraph, second] = model.tables(2);
  if (!subgraph || second) {
    throw new FormatError(
      name,
      'subgraphs',
      `one is expected, with the layers of the network; ${second ? 'there are more' : 'there is none'}`,
    );
  }
  const codes = model.tables(1).map((table) => ({
    code: Math.max(table.int8(0), table.int32(3)),
    version: table.int32(2, 1),
  }));
  const buffers = model.tables(4);
  const tensors = subgraph.tables(0).map((table) => readTensor(name, table, buffers));
  const [signature] = model.tables(7);
  return {
    tensors,
    operators: subgraph.tables(3).map((table) => {
      const { code = -1, version = 1 } = codes[table.int32(0)] ?? {};
      return { code, version, inputs: table.int32s(1), outputs: table.int32s(2) };
    }),
    inputs: readPorts(name, { indices: subgraph.int32s(1), maps: signature?.tables(0) ?? [], tensors }),
    outputs: readPorts(name, { indices: subgraph.int32s(2), maps: signature?.tables(1) ?? [], tensors }),
  };
}

function readPorts(
  file: string,
  parts: {
    readonly indices: readonly number[];
    readonly maps: readonly FlatTable[];
    readonly tensors: readonly ReadTensor[];
  },
): TflitePort[] {
  const { indices, maps, tensors } = parts;
  return indices.map((tensor) => {
    const present = tensors[tensor];
    if (!present)
      throw new FormatError(file, 'subgraphs', `tensor ${tensor} of ${tensors.length} is an input or output`);
    const named = maps.find((table) => table.int32(1) === tensor);
    return { name: named?.text(0) ?? present.name, tensor };
  });
}

function readTensor(file: string, table: FlatTable, buffers: readonly FlatTable[]): ReadTensor {
  const type = TYPES.get(table.int8(1));
  const shape = table.int32s(0);
  const name = table.text(3);
  const quantization = table.table(4);
  const data = buffers[table.int32(2)]?.bytes(0) ?? new Uint8Array();
  return {
    ...{ name, shape, type },
    quantization: quantization && readQuantization(quantization),
    values: data.length > 0 && type ? () => valuesOf(file, { name, type, shape, data }) : undefined,
  };
}

function readQuantization(table: FlatTable): TfliteQuantization | undefined {
  const scales = table.float32s(2);
  if (scales.length === 0) return undefined;
  const [zeroPoint = 0] = table.int64s(3);
  return { scales, zeroPoint, dimension: table.int32(6) };
}

function valuesOf(
  file: string,
  tensor: {
    readonly name: string;
    readonly type: TfliteType;
    readonly shape: readonly number[];
    readonly data: Uint8Array;
  },
): TfliteValues {
  const { name, type, shape, data } = tensor;
  const size = elementsOf(shape) * BYTES_OF_TYPE[type];
  if (size !== data.length) {
    throw new FormatError(file, name, `${data.length} bytes; the shape [${shape.join(', ')}] needs ${size}`);
  }
  const bytes = data.slice();
  switch (type) {
    case 'float32':
      return new Float32Array(bytes.buffer);
    case 'int32':
      return new Int32Array(bytes.buffer);
    case 'uint8':
      return bytes;
    case 'int8':
      return new Int8Array(bytes.buffer);
  }
}
