import { allocate, type FloatValues } from '../tensor/dtype.ts';
import { Tensor, type TensorSource } from '../tensor/tensor.ts';
import { putOnGrid, type TensorGrid } from './tensor-grid.ts';

/** `tensor` on its grid, in its own dtype: lazy, so that the values exist only while they are read. */
export function quantizedTensor(tensor: Tensor, grid: TensorGrid): Tensor {
  return Tensor.lazy(tensor.dtype, tensor.shape, new QuantizedSource(tensor, grid));
}

/** A walk over the pieces of a tensor. */
type Pieces = ReturnType<Tensor['blocks']>;

/**
 * Reads another tensor and puts it on a grid.
 *
 * A tensor gives its values from the start on, in pieces; whoever reads this one does so in the same order. So the walk
 * is kept from one read to the next, and begun anew only where a read does not go on where the last one ended.
 */
class QuantizedSource implements TensorSource {
  readonly #tensor: Tensor;
  readonly #grid: TensorGrid;
  #walk: { readonly pieces: Pieces; position: number } | undefined;

  constructor(tensor: Tensor, grid: TensorGrid) {
    this.#tensor = tensor;
    this.#grid = grid;
  }

  read(start: number, count: number): FloatValues {
    const result = allocate(this.#tensor.dtype, count) as FloatValues;
    const end = start + count;
    for (let position = start; position < end; ) position = this.#readPiece(position, start, count, result);
    return result;
  }

  /** Fills `result`, which begins at `start`, from `position` on, and returns how far it got. */
  #readPiece(position: number, start: number, count: number, result: FloatValues): number {
    let walk = this.#walk;
    if (!walk || walk.position > position) {
      walk = { pieces: this.#tensor.blocks(count), position: 0 };
      this.#walk = walk;
    }
    const piece = walk.pieces.next();
    if (piece.done) throw new RangeError(`the tensor has ${this.#tensor.size} values, not ${start + count}`);
    const from = piece.value.start;
    walk.position = from + piece.value.values.length;
    const first = Math.max(position, from);
    const last = Math.min(start + count, walk.position);
    // Before what is wanted: nothing of a piece is kept, as it holds only until the next is read.
    if (last <= first) return position;
    const values = piece.value.values.subarray(first - from, last - from) as FloatValues;
    putOnGrid(this.#grid, values, first, result.subarray(first - start, last - start));
    return last;
  }
}
