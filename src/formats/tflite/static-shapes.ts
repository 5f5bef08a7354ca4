import { FlatFile } from './flatbuffer.ts';

/** Slots of the schema. */
const SUBGRAPHS = 2;
const TENSORS = 0;
const SHAPE = 0;
const SHAPE_SIGNATURE = 7;

/**
 * A copy of a file for a batch of 1 whose dimensions all have the size that the file has its tensors in. TensorFlow's converter
 * leaves the batch open, and LiteRT takes no inputs of an open size.
 *
 * @throws FormatError where the bytes are damaged.
 */
export function withStaticShapes(name: string, bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  for (const subgraph of new FlatFile(name, bytes).root().tables(SUBGRAPHS)) {
    for (const tensor of subgraph.tables(TENSORS)) {
      const shape = tensor.int32s(SHAPE);
      for (const [axis, place] of tensor.int32Places(SHAPE_SIGNATURE).entries()) {
        if (view.getInt32(place, true) < 0) view.setInt32(place, shape[axis] ?? 1, true);
      }
    }
  }
  return copy;
}
