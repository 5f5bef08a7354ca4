import { allocate, type FloatValues } from '../tensor/dtype.ts';
import type { PackedValues } from '../tensor/packed-values.ts';
import { Tensor, type TensorSource } from '../tensor/tensor.ts';
import { putOnGrid, type TensorGrid } from './tensor-grid.ts';

/**
 * `tensor` on its grid, in its own dtype: lazy, so that the values exist only while they are read.
 *
 * @param packed the same values in fewer bits.
 */
export function quantizedTensor(tensor: Tensor, grid: TensorGrid, packed?: PackedValues): Tensor {
  return Tensor.lazy(tensor.dtype, tensor.shape, new QuantizedSource(tensor, grid), packed);
}

/** A walk over the pieces of a tensor, and where it has come to. */
interface Walk {
  readonly pieces: ReturnType<Tensor['blocks']>;
  position: number;
}

/**
 * Reads another tensor and puts it on a grid.
 *
 * A tensor gives its values from the start on, in pieces; whoever reads this one does so in the same order. So the walk
 * is kept from one read to the next, and begun anew only where a read does not go on where the last one ended.
 */
class QuantizedSource implements TensorSource {
  readonly #tensor: Tensor;
  readonly #grid: TensorGrid;
  #walk: Walk | undefined;

  constructor(tensor: Tensor, grid: TensorGrid) {
    this.#tensor = tensor;
    this.#grid = grid;
  }

  read(start: number, count: number): FloatValues {
    const end = start + count;
    const walk = this.#walkTo(start, count);
    const result = allocate(this.#tensor.dtype, count) as FloatValues;
    // Each turn takes a piece, of which there are finitely many.
    while (walk.position < end) {
      const piece = walk.pieces.next();
      if (piece.done) throw new RangeError(`the tensor has ${this.#tensor.size} values, not ${end}`);
      const from = piece.value.start;
      walk.position = from + piece.value.values.length;
      const first = Math.max(start, from);
      const last = Math.min(end, walk.position);
      // Before what is wanted.
      if (last <= first) continue;
      // Nothing of a piece is kept, as it holds only until the next is read.
      const values = piece.value.values.subarray(first - from, last - from) as FloatValues;
      putOnGrid(this.#grid, values, first, result.subarray(first - start, last - start));
    }
    // A walk keeps memory for a piece, and the end leads nowhere.
    if (end === this.#tensor.size) this.#walk = undefined;
    return result;
  }

  /** The walk of the last read, where it stopped at or before `start`; else a new one, in pieces of `count`. */
  #walkTo(start: number, count: number): Walk {
    if (!this.#walk || this.#walk.position > start) {
      this.#walk = { pieces: this.#tensor.blocks(count), position: 0 };
    }
    return this.#walk;
  }
}
