/**
 * Headers of groups and datasets: messages that say what the object is and where its parts lie.
 *
 * https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, "Data Object Headers", version 1.
 *
 * @module
 */

import { ByteBuilder, UNDEFINED_ADDRESS } from './byte-builder.ts';
import type { LibraryFilter } from './library.ts';

/** A message of an object header. */
export interface HeaderMessage {
  readonly type: number;
  readonly body: Uint8Array;
}

/** The largest message: its size is a 16-bit number, and a multiple of 8. */
export const MAX_MESSAGE_BYTES = 65528;

/** Messages of an object: their number is one of 16 bits. */
export const MAX_MESSAGES = 65535;

/** Where the header of an object has the number of links to it, of 32 bits. */
export const REFERENCES_OFFSET = 4;

/** The header of an object with these messages. */
export function encodeObjectHeader(messages: readonly HeaderMessage[]): Uint8Array {
  const body = new ByteBuilder();
  for (const { type, body: data } of messages) {
    const padded = Math.ceil(data.length / 8) * 8;
    body.u16(type, padded).u8(0, 0, 0, 0).bytes(data).align();
  }
  const version = 1;
  const references = 1;
  return new ByteBuilder()
    .u8(version, 0)
    .u16(messages.length)
    .u32(references, body.length, 0)
    .bytes(body.build())
    .build();
}

/** An extent: a scalar for no dimensions, no value at all for undefined. */
export function encodeDataspace(
  shape: readonly number[] | undefined,
  maxShape?: readonly (number | undefined)[],
): Uint8Array {
  if (shape === undefined) return new ByteBuilder().u8(2, 0, 0, 2).build();
  const isResizable = maxShape?.some((length, axis) => length !== shape[axis]) ?? false;
  const to = new ByteBuilder()
    .u8(1, shape.length, isResizable ? 1 : 0, 0)
    .u32(0)
    .u64(...shape);
  if (isResizable) to.u64(...(maxShape ?? []).map((length) => length ?? UNDEFINED_ADDRESS));
  return to.build();
}

/** An attribute with its value: raw elements, or references into the global heap. */
export function encodeAttribute(
  name: string,
  type: Uint8Array,
  dataspace: Uint8Array,
  value: Uint8Array,
): HeaderMessage {
  const nameBytes = new ByteBuilder().text(name).u8(0);
  const body = new ByteBuilder()
    .u8(1, 0)
    .u16(nameBytes.length, type.length, dataspace.length)
    .bytes(nameBytes.build())
    .align()
    .bytes(type)
    .align()
    .bytes(dataspace)
    .align()
    .bytes(value)
    .build();
  return { type: 0x0c, body };
}

/** Where the elements of a dataset lie. */
export type StoredLayout =
  | { readonly kind: 'contiguous'; readonly address: number | undefined; readonly size: number }
  | {
      readonly kind: 'chunked';
      readonly index: number | undefined;
      readonly chunks: readonly number[];
      readonly filters: readonly LibraryFilter[];
    };

/** The messages of a dataset, without attributes. */
export function encodeDatasetMessages(
  type: Uint8Array,
  elementSize: number,
  dataspace: Uint8Array,
  layout: StoredLayout,
): HeaderMessage[] {
  const isChunked = layout.kind === 'chunked';
  const [late, incremental] = [2, 3];
  const ifSet = 2;
  // Defined, of no length: zeros.
  const fillValue = new ByteBuilder()
    .u8(2, isChunked ? incremental : late, ifSet, 1)
    .u32(0)
    .build();
  const messages: HeaderMessage[] = [
    { type: 0x01, body: dataspace },
    { type: 0x03, body: type },
    { type: 0x05, body: fillValue },
    { type: 0x08, body: encodeLayout(layout, elementSize) },
  ];
  if (isChunked && layout.filters.length > 0) {
    messages.push({ type: 0x0b, body: encodeFilters(layout.filters) });
  }
  return messages;
}

function encodeLayout(layout: StoredLayout, elementSize: number): Uint8Array {
  const version = 3;
  if (layout.kind === 'contiguous') {
    return new ByteBuilder()
      .u8(version, 1)
      .u64(layout.address ?? UNDEFINED_ADDRESS, layout.size)
      .build();
  }
  return new ByteBuilder()
    .u8(version, 2, layout.chunks.length + 1)
    .u64(layout.index ?? UNDEFINED_ADDRESS)
    .u32(...layout.chunks, elementSize)
    .build();
}

function encodeFilters(filters: readonly LibraryFilter[]): Uint8Array {
  const to = new ByteBuilder().u8(1, filters.length).zeros(6);
  for (const { id, name, cd_values: values } of filters) {
    const nameBytes = new ByteBuilder().text(name).u8(0).align().build();
    const isOptional = id === 3 ? 0 : 1;
    to.u16(id, nameBytes.length, isOptional, values.length)
      .bytes(nameBytes)
      .u32(...values);
    if (values.length % 2 === 1) to.u32(0);
  }
  return to.build();
}
