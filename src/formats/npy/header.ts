/**
 * The header of a numpy file, format versions 1.0 to 3.0.
 *
 * @see {@link https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html | the format}
 * @module
 */

import { FormatError, LimitError, messageOf } from '../../errors.ts';
import { parsePythonLiteral } from '../../json/python-literal.ts';
import { isObject, type JsonObject, type JsonValue } from '../../json/value.ts';
import { bytesPerElement, sizeOf } from '../../tensor/dtype.ts';
import { type ByteSource, startsWith } from '../bytes.ts';
import { MAX_ARRAY_BYTES, MAX_NPY_HEADER_BYTES } from '../limits.ts';
import { type ElementType, parseElementType, unsupportedElements } from './element-type.ts';

/** What stands before the values of a numpy array. */
export interface NpyHeader {
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** Whether the first index runs fastest. */
  readonly isFortranOrder: boolean;
  /** Where the values start. */
  readonly dataOffset: number;
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** numpy's own limit. */
const MAX_RANK = 64;

/** Whether `source` begins as numpy files do. */
export function isNpy(source: ByteSource): boolean {
  return startsWith(source, MAGIC);
}

/**
 * Reads the header and checks that the values that it declares are in the file.
 *
 * @throws FormatError where it is damaged or the file is too short; UnsupportedModelError where the elements are not
 * taken; LimitError where the array is larger than any that is read.
 */
export function readNpyHeader(source: ByteSource): NpyHeader {
  const { text, dataOffset } = headerText(source);
  const entries = parseEntries(text, source);
  const descr = entries['descr'];
  if (Array.isArray(descr)) {
    throw unsupportedElements(
      source.name,
      'a structured array',
      'save each of its fields as an array of its own',
    );
  }
  if (typeof descr !== 'string') throw missing(source, 'descr', descr);
  const isFortranOrder = entries['fortran_order'];
  if (typeof isFortranOrder !== 'boolean') throw missing(source, 'fortran_order', isFortranOrder);
  const header = {
    type: parseElementType(descr, source.name),
    shape: parseShape(entries['shape'], source),
    isFortranOrder,
    dataOffset,
  };
  checkSize(header, source);
  return header;
}

function headerText(source: ByteSource): { text: string; dataOffset: number } {
  if (!isNpy(source)) {
    const reason = 'not a numpy array: it does not begin with \\x93NUMPY; make one with np.save';
    throw new FormatError(source.name, '', reason);
  }
  const head = new Uint8Array(12);
  const view = new DataView(head.buffer);
  const got = source.read(0, head);
  const version = view.getUint8(6);
  if (got > 6 && (version < 1 || version > 3)) {
    const reason = `version ${version}.${view.getUint8(7)} of the format; 1.0 to 3.0 are known`;
    throw new FormatError(source.name, 'offset 6', reason);
  }
  const start = version === 1 ? 10 : 12;
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (got < start || start + length > source.size) {
    const reason = `cut off: the header ends at ${start + length}, the file at ${source.size}; get it again`;
    throw new FormatError(source.name, 'offset 8', reason);
  }
  if (length > MAX_NPY_HEADER_BYTES) {
    throw new LimitError(`${source.name}: bytes of the header`, length, MAX_NPY_HEADER_BYTES);
  }
  const bytes = new Uint8Array(length);
  source.read(start, bytes);
  return {
    text: new TextDecoder(version === 3 ? 'utf-8' : 'latin1').decode(bytes),
    dataOffset: start + length,
  };
}

function parseEntries(text: string, source: ByteSource): JsonObject {
  let header: JsonValue;
  try {
    header = parsePythonLiteral(text);
  } catch (cause) {
    throw new FormatError(source.name, 'header', `not what numpy writes: ${messageOf(cause)}`, { cause });
  }
  if (isObject(header)) return header;
  throw new FormatError(source.name, 'header', 'expected a dict with descr, fortran_order and shape');
}

function missing(source: ByteSource, key: string, found: JsonValue | undefined): FormatError {
  const reason =
    found === undefined ? 'is missing' : `has a value that numpy does not write: ${String(found)}`;
  return new FormatError(source.name, 'header', `${key} ${reason}`);
}

function parseShape(value: JsonValue | undefined, source: ByteSource): number[] {
  if (!Array.isArray(value)) throw missing(source, 'shape', value);
  if (value.length > MAX_RANK) throw new LimitError(`${source.name}: dimensions`, value.length, MAX_RANK);
  return value.map((size: JsonValue) => {
    if (Number.isSafeInteger(size) && Number(size) >= 0) return Number(size);
    throw new FormatError(
      source.name,
      'header',
      `shape (${value.join(', ')}): ${String(size)} is no dimension`,
    );
  });
}

function checkSize({ type, shape, dataOffset }: NpyHeader, source: ByteSource): void {
  const bytes = sizeOf(shape) * bytesPerElement(type.dtype);
  const available = source.size - dataOffset;
  if (bytes > available) {
    const reason =
      `${type.dtype} values of shape (${shape.join(', ')}) are ${bytes} bytes, but ${available} follow the header: ` +
      'it is cut off or damaged, get it again';
    throw new FormatError(source.name, 'header', reason);
  }
  // Only a zero elsewhere in the shape lets such a dimension through the check above.
  const largest = Math.max(0, ...shape);
  if (largest > MAX_ARRAY_BYTES)
    throw new LimitError(`${source.name}: a dimension`, largest, MAX_ARRAY_BYTES);
}
