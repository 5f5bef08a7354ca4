/**
 * Writing a model of TensorFlow Lite: the flatbuffer of `schema.fbs`, a field a slot.
 *
 * @module
 */

import { Builder, type Offset } from 'flatbuffers';
import { LimitError } from '../../errors.ts';
import { ownEntry } from '../../json/value.ts';
import { checkGraph } from './check-graph.ts';
import {
  BYTES_OF_TYPE,
  elementsOf,
  FILE_IDENTIFIER,
  type TfliteGraph,
  type TfliteTensor,
  TYPE_CODES,
} from './graph.ts';
import { type OperatorName, type OptionSlot, schemaOf } from './operators.ts';

const SCHEMA_VERSION = 3;
const DESCRIPTION = 'written by Crosslayer';
const SIGNATURE = 'serving_default';

/** Constants lie at multiples of this from the start of the file, as mapped files and microcontrollers want them. */
const ALIGNMENT = 16;

/** Old readers look into a byte alone; this value in it says that the code is elsewhere. */
const MOST_OF_BYTE = 127;

/** Offsets of a flatbuffer have 32 bits and a sign. */
const MOST_BYTES = 2 ** 31 - 1;

/** Room for all that is no constant. */
const OVERHEAD = { file: 4096, tensor: 256, scale: 12, operator: 160 } as const;

/**
 * The bytes of the file of `graph`.
 *
 * @throws InvalidModelError, with the layer, where a rule of the kernels is broken; LimitError where it is past 2 GB. Both before
 * anything is made.
 */
export function tfliteBytes(graph: TfliteGraph): Uint8Array {
  checkGraph(graph);
  const size = sizeOfFile(graph);
  if (size > MOST_BYTES) {
    throw new LimitError(`${graph.name}: bytes of a .tflite file`, size, MOST_BYTES, 'flatbuffers end there');
  }
  return new FileWriter(graph, size).bytes();
}

/** A few bytes more than the file will have. */
function sizeOfFile({ tensors, operators }: TfliteGraph): number {
  const ofTensors = tensors.reduce<number>((sum, { name, shape, type, quantization, values }) => {
    const constant = values ? elementsOf(shape) * BYTES_OF_TYPE[type] : 0;
    return (
      sum + constant + OVERHEAD.tensor + 3 * name.length + (quantization?.scales.length ?? 0) * OVERHEAD.scale
    );
  }, OVERHEAD.file);
  return ofTensors + operators.length * OVERHEAD.operator;
}

/** The oldest TensorFlow that has all operators in these versions; for people and tools, no runtime looks at it. */
const MIN_RUNTIME: readonly (readonly [version: string, ops: readonly string[]])[] = [
  ['2.9.0', ['CONV_2D 6', 'GELU 1']],
  ['2.5.0', ['CONV_3D 1']],
  ['2.3.0', ['TRANSPOSE_CONV 3', 'ELU 1', 'LEAKY_RELU 1']],
  ['2.2.0', ['RESIZE_BILINEAR 3']],
  ['2.1.0', ['RELU 2', 'RELU6 2', 'HARD_SWISH 1']],
];
const OLDEST_RUNTIME = '1.14.0';

function minRuntime({ operators }: TfliteGraph): string {
  const used = new Set(operators.map(({ op, version }) => `${op} ${version}`));
  return MIN_RUNTIME.find(([, ops]) => ops.some((op) => used.has(op)))?.[0] ?? OLDEST_RUNTIME;
}

class FileWriter {
  readonly #graph: TfliteGraph;
  readonly #builder: Builder;
  readonly #buffers: Offset[] = [];
  /** Indices of operator codes, by operator and version. */
  readonly #codeIndices = new Map<string, number>();

  constructor(graph: TfliteGraph, size: number) {
    this.#graph = graph;
    this.#builder = new Builder(size);
  }

  bytes(): Uint8Array {
    const builder = this.#builder;
    // The buffer of everything that has no constant values.
    this.#buffer(new Uint8Array());
    const codes = this.#operatorCodes();
    const metadata = this.#metadata();
    const subgraphs = this.#table([this.#subgraph()]);
    const operatorCodes = this.#table(codes);
    const description = builder.createString(DESCRIPTION);
    const signatures = this.#table([this.#signature()]);
    const buffers = this.#table(this.#buffers);
    builder.startObject(8);
    builder.addFieldInt32(0, SCHEMA_VERSION, 0);
    builder.addFieldOffset(1, operatorCodes, 0);
    builder.addFieldOffset(2, subgraphs, 0);
    builder.addFieldOffset(3, description, 0);
    builder.addFieldOffset(4, buffers, 0);
    builder.addFieldOffset(6, metadata, 0);
    builder.addFieldOffset(7, signatures, 0);
    builder.finish(builder.endObject(), FILE_IDENTIFIER);
    return builder.asUint8Array();
  }

  /** A vector of tables or texts. */
  #table(offsets: readonly Offset[]): Offset {
    this.#builder.startVector(4, offsets.length, 4);
    for (const offset of [...offsets].reverse()) this.#builder.addOffset(offset);
    return this.#builder.endVector();
  }

  #ints(values: readonly number[]): Offset {
    this.#builder.startVector(4, values.length, 4);
    for (const value of [...values].reverse()) this.#builder.addInt32(value);
    return this.#builder.endVector();
  }

  /** Adds a buffer and gives its index. */
  #buffer(bytes: Uint8Array): number {
    const builder = this.#builder;
    let data = 0;
    if (bytes.length > 0) {
      // It pads; the vector then lies where it is.
      builder.startVector(1, bytes.length, ALIGNMENT);
      data = builder.createByteVector(bytes);
    }
    builder.startObject(1);
    builder.addFieldOffset(0, data, 0);
    return this.#buffers.push(builder.endObject()) - 1;
  }

  #operatorCodes(): Offset[] {
    const builder = this.#builder;
    const indices = this.#codeIndices;
    const offsets: Offset[] = [];
    for (const { op, version } of this.#graph.operators) {
      const key = `${op} ${version}`;
      if (indices.has(key)) continue;
      const { code } = schemaOf(op);
      builder.startObject(4);
      builder.addFieldInt8(0, Math.min(code, MOST_OF_BYTE), 0);
      builder.addFieldInt32(2, version, 1);
      builder.addFieldInt32(3, code, 0);
      indices.set(key, offsets.push(builder.endObject()) - 1);
    }
    return offsets;
  }

  #metadata(): Offset {
    const builder = this.#builder;
    const text = new Uint8Array(ALIGNMENT);
    // Zeros end the text.
    text.set(new TextEncoder().encode(minRuntime(this.#graph)));
    const buffer = this.#buffer(text);
    const name = builder.createString('min_runtime_version');
    builder.startObject(2);
    builder.addFieldOffset(0, name, 0);
    builder.addFieldInt32(1, buffer, 0);
    return this.#table([builder.endObject()]);
  }

  #subgraph(): Offset {
    const builder = this.#builder;
    const { tensors, operators, inputs, outputs, name } = this.#graph;
    const tensorTable = this.#table(tensors.map((tensor) => this.#tensor(tensor)));
    const operatorTable = this.#table(operators.map((_, index) => this.#operator(index)));
    const inputIndices = this.#ints(inputs.map(({ tensor }) => tensor));
    const outputIndices = this.#ints(outputs.map(({ tensor }) => tensor));
    const nameOffset = builder.createString(name);
    builder.startObject(5);
    builder.addFieldOffset(0, tensorTable, 0);
    builder.addFieldOffset(1, inputIndices, 0);
    builder.addFieldOffset(2, outputIndices, 0);
    builder.addFieldOffset(3, operatorTable, 0);
    builder.addFieldOffset(4, nameOffset, 0);
    return builder.endObject();
  }

  #tensor({ name, shape, type, quantization, values }: TfliteTensor): Offset {
    const builder = this.#builder;
    const buffer = values ? this.#buffer(bytesOf(values())) : 0;
    const shapeOffset = this.#ints(shape);
    const nameOffset = builder.createString(name);
    let quantizationOffset = 0;
    if (quantization) {
      const { scales, zeroPoint, dimension } = quantization;
      builder.startVector(4, scales.length, 4);
      for (let index = scales.length - 1; index >= 0; index--) builder.addFloat32(scales[index] ?? 0);
      const scaleOffset = builder.endVector();
      builder.startVector(8, scales.length, 8);
      for (let index = 0; index < scales.length; index++) builder.addInt64(BigInt(zeroPoint));
      const zeroPointOffset = builder.endVector();
      builder.startObject(7);
      builder.addFieldOffset(2, scaleOffset, 0);
      builder.addFieldOffset(3, zeroPointOffset, 0);
      builder.addFieldInt32(6, dimension, 0);
      quantizationOffset = builder.endObject();
    }
    builder.startObject(9);
    builder.addFieldOffset(0, shapeOffset, 0);
    builder.addFieldInt8(1, TYPE_CODES[type], 0);
    builder.addFieldInt32(2, buffer, 0);
    builder.addFieldOffset(3, nameOffset, 0);
    builder.addFieldOffset(4, quantizationOffset, 0);
    // A scalar has an empty shape, as has a tensor of which nothing is known.
    builder.addFieldInt8(8, 1, 0);
    return builder.endObject();
  }

  #operator(index: number): Offset {
    const builder = this.#builder;
    const operator = this.#graph.operators[index];
    if (!operator) throw new RangeError(`no operator ${index}`);
    const { op, version, inputs, outputs, options } = operator;
    const { optionsType } = schemaOf(op);
    const optionsOffset = optionsType === 0 ? 0 : this.#options(op, options);
    const inputOffset = this.#ints(inputs);
    const outputOffset = this.#ints(outputs);
    builder.startObject(5);
    builder.addFieldInt32(0, this.#codeIndices.get(`${op} ${version}`) ?? 0, 0);
    builder.addFieldOffset(1, inputOffset, 0);
    builder.addFieldOffset(2, outputOffset, 0);
    builder.addFieldInt8(3, optionsType, 0);
    builder.addFieldOffset(4, optionsOffset, 0);
    return builder.endObject();
  }

  #options(op: OperatorName, options: TfliteGraph['operators'][number]['options']): Offset {
    const builder = this.#builder;
    const { slots, defaults = {} } = schemaOf(op);
    const vectors = slots.map(([name]) => {
      const value = ownEntry(options, name);
      return Array.isArray(value) ? this.#ints(value as number[]) : 0;
    });
    builder.startObject(slots.length);
    for (const [slot, [name, type]] of slots.entries()) {
      const otherwise = ownEntry(defaults, name) ?? 0;
      const value = ownEntry(options, name) ?? otherwise;
      this.#option(slot, type, typeof value === 'number' ? value : (vectors[slot] ?? 0), otherwise);
    }
    return builder.endObject();
  }

  #option(slot: number, type: OptionSlot[1], value: number, otherwise: number): void {
    const builder = this.#builder;
    switch (type) {
      case 'byte':
      case 'bool':
        builder.addFieldInt8(slot, value, otherwise);
        break;
      case 'int':
        builder.addFieldInt32(slot, value, otherwise);
        break;
      case 'float':
        builder.addFieldFloat32(slot, value, otherwise);
        break;
      case 'ints':
        builder.addFieldOffset(slot, value, otherwise);
        break;
    }
  }

  #signature(): Offset {
    const builder = this.#builder;
    const { inputs, outputs } = this.#graph;
    const ports = (list: TfliteGraph['inputs']): Offset =>
      this.#table(
        list.map(({ name, tensor }) => {
          const nameOffset = builder.createString(name);
          builder.startObject(2);
          builder.addFieldOffset(0, nameOffset, 0);
          builder.addFieldInt32(1, tensor, 0);
          return builder.endObject();
        }),
      );
    const inputOffset = ports(inputs);
    const outputOffset = ports(outputs);
    const key = builder.createString(SIGNATURE);
    builder.startObject(5);
    builder.addFieldOffset(0, inputOffset, 0);
    builder.addFieldOffset(1, outputOffset, 0);
    builder.addFieldOffset(2, key, 0);
    return builder.endObject();
  }
}

/** Little-endian, as every machine that this runs on has them. */
function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
