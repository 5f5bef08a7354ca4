import { describe, expect, it } from 'vitest';
import { type Reduction, Tensor, type TensorSource } from '../../src/tensor/tensor.ts';

/** Two kernel positions of three rows and two columns. */
const KERNEL = Tensor.fromNumbers('float32', [2, 3, 2], [1, -2, 3, 4, -5, 6, -7, 8, 9, -10, 11, 12]);

/** A source that counts the elements that are read from it. */
function counted(values: Float32Array): TensorSource & { elementsRead: number } {
  return {
    elementsRead: 0,
    read(start, count) {
      this.elementsRead += count;
      return values.subarray(start, start + count);
    },
  };
}

describe('Tensor', () => {
  it('takes rows and columns from its last two dimensions', () => {
    expect([KERNEL.rows, KERNEL.columns, KERNEL.size]).toEqual([3, 2, 12]);
    const vector = Tensor.fromNumbers('float32', [4], [1, 2, 3, 4]);
    expect([vector.rows, vector.columns]).toEqual([1, 4]);
    const scalar = Tensor.fromNumbers('float32', [], [5]);
    expect([scalar.rows, scalar.columns, scalar.size]).toEqual([1, 1, 1]);
  });

  it('refuses values that do not fill the shape', () => {
    expect(() => Tensor.of('float32', [2, 2], new Float32Array(3))).toThrow(
      new RangeError('3 values do not fill the shape [2, 2]'),
    );
  });

  it('rounds numbers once into its dtype', () => {
    expect(Tensor.fromNumbers('float32', [1], [0.1]).values()).toEqual(Float32Array.of(0.1));
    expect(Tensor.fromNumbers('float64', [1], [0.1]).values()).toEqual(Float64Array.of(0.1));
    expect(Tensor.fromNumbers('float16', [1], [0.5]).values()).toEqual(Float32Array.of(0.5));
  });

  it('gives whole numbers of 64 bits as numbers', () => {
    expect(Tensor.of('int64', [2], BigInt64Array.of(-3n, 2n ** 53n)).toFloat64()).toEqual(
      Float64Array.of(-3, 2 ** 53),
    );
  });

  it('holds no elements without trouble', () => {
    const empty = Tensor.of('float32', [3, 0, 2], new Float32Array(0));
    expect(empty.values()).toHaveLength(0);
    expect([...empty.blocks()]).toEqual([]);
    expect(empty.scaled('columns', [2, 3]).values()).toHaveLength(0);
  });
});

describe('Tensor.blocks', () => {
  /** Each block holds only until the next. */
  const collect = (tensor: Tensor, blockElements: number): number[][] => {
    const collected: number[][] = [];
    for (const { start, values } of tensor.blocks(blockElements))
      collected.push([start, ...values].map(Number));
    return collected;
  };

  it('gives all values in order, in whole rows or positions of at most the size asked for', () => {
    expect(collect(KERNEL, 5)).toEqual([
      [0, 1, -2, 3, 4],
      [4, -5, 6],
      [6, -7, 8, 9, -10],
      [10, 11, 12],
    ]);
    expect(collect(KERNEL, 6)).toEqual([
      [0, 1, -2, 3, 4, -5, 6],
      [6, -7, 8, 9, -10, 11, 12],
    ]);
  });

  it.each([1, 2, 3, 5, 7, 12, 100])('multiplies the same whatever the size (%i)', (blockElements) => {
    const scaled = KERNEL.scaled('rows', [2, 3, 5])
      .scaled('columns', [10, 100])
      .scaled('pairs', [1, 2, 3, 4, 5, 6]);
    const joined = collect(scaled, blockElements).flatMap(([, ...values]) => values);
    const rows = [2, 3, 5];
    const columns = [10, 100];
    const expected = [...KERNEL.values()].map((value, index) => {
      const [row, column] = [Math.floor(index / 2) % 3, index % 2];
      return Number(value) * (rows[row] ?? 0) * (columns[column] ?? 0) * (row * 2 + column + 1);
    });
    expect(joined).toEqual(expected);
  });
});

describe('Tensor.scaled', () => {
  it('leaves the tensor alone and gives another', () => {
    const scaled = KERNEL.scaled('columns', [10, 100]);
    expect([...scaled.values()]).toEqual([10, -200, 30, 400, -50, 600, -70, 800, 90, -1000, 110, 1200]);
    expect(KERNEL.values()[0]).toBe(1);
    expect(KERNEL.factors).toEqual({});
  });

  it('composes factors of one axis and rounds once', () => {
    const third = Tensor.fromNumbers('float32', [1, 1], [1]).scaled('columns', [1 / 3]);
    // Rounded to float32 in between, three thirds would not be 1.
    expect(third.scaled('columns', [3]).values()).toEqual(Float32Array.of(1));
    expect(third.scaled('columns', [3]).factors.columns).toEqual(Float64Array.of(1));
  });

  it('survives factors whose product overflows float32 on the way', () => {
    const scaled = Tensor.fromNumbers('float32', [1, 1], [3])
      .scaled('rows', [1e30])
      .scaled('columns', [1e30]);
    expect(scaled.scaled('rows', [1e-30]).scaled('columns', [1e-30]).values()[0]).toBeCloseTo(3, 6);
  });

  it('refuses a wrong number of factors and integers', () => {
    expect(() => KERNEL.scaled('rows', [1, 2])).toThrow(new RangeError('2 factors for 3 rows of [2, 3, 2]'));
    expect(() => KERNEL.scaled('pairs', [1])).toThrow(new RangeError('1 factors for 6 pairs of [2, 3, 2]'));
    const integers = Tensor.of('int8', [1, 1], Int8Array.of(1));
    expect(() => integers.scaled('rows', [2])).toThrow(new TypeError('a int8 tensor cannot be scaled'));
  });
});

describe('Tensor.reduced', () => {
  const reduce = (tensor: Tensor, reduction: Reduction): number[] =>
    [...tensor.reduced(reduction)].flatMap(({ values }) => [...values]);

  it('is the maximum or the sum over kernel positions for each pair', () => {
    expect(reduce(KERNEL, 'maxAbs')).toEqual([7, 8, 9, 10, 11, 12]);
    expect(reduce(KERNEL, 'sum')).toEqual([-6, 6, 12, -6, 6, 18]);
  });

  it('is read once for a tensor and all its scaled forms, and holds no factors', () => {
    const source = counted(Float32Array.from(KERNEL.values() as Float32Array));
    const lazy = Tensor.lazy('float32', [2, 3, 2], source);
    const scaled = lazy.scaled('rows', [2, 3, 5]);
    expect(reduce(scaled, 'maxAbs')).toEqual([7, 8, 9, 10, 11, 12]);
    expect(reduce(lazy, 'maxAbs')).toEqual([7, 8, 9, 10, 11, 12]);
    expect(reduce(scaled.scaled('columns', [7, 7]), 'maxAbs')).toEqual([7, 8, 9, 10, 11, 12]);
    expect(source.elementsRead).toBe(12);
  });

  it('keeps NaN and infinities', () => {
    const broken = Tensor.fromNumbers('float32', [2, 1, 3], [NaN, 1, 2, 3, -Infinity, 4]);
    expect(reduce(broken, 'maxAbs')).toEqual([NaN, Infinity, 4]);
    expect(reduce(broken, 'sum')).toEqual([NaN, -Infinity, 6]);
  });

  it('adds in float64, so that float32 weights that cancel do not lose what remains', () => {
    const kernel = Tensor.fromNumbers('float32', [3, 1, 1], [2 ** 30, 1, -(2 ** 30)]);
    expect(reduce(kernel, 'sum')).toEqual([1]);
  });

  it('is the kernel itself, signs included, where there is one position', () => {
    const dense = Tensor.fromNumbers('float32', [2, 2], [1, -2, 3, -4]);
    expect(reduce(dense, 'sum')).toEqual([1, -2, 3, -4]);
    expect(reduce(dense, 'maxAbs')).toEqual([1, -2, 3, -4]);
  });

  it('is read again where it would be the kernel once more, and is kept for who looks at it whole', () => {
    const source = counted(new Float32Array(20_000).fill(2));
    const matrix = Tensor.lazy('float32', [100, 200], source);
    expect(reduce(matrix, 'maxAbs')).toHaveLength(20_000);
    expect(matrix.firstNonFinitePair()).toBe(-1);
    expect(source.elementsRead).toBe(40_000);
    expect(matrix.scaled('rows', new Float64Array(100).fill(3)).reducedWhole('maxAbs')?.[199]).toBe(2);
    expect(reduce(matrix, 'sum')).toHaveLength(20_000);
    expect(source.elementsRead).toBe(60_000);
  });

  it('comes in runs of rows where a matrix is too large to be kept', () => {
    const [rows, columns] = [2500, 2000];
    const source: TensorSource = {
      read: (start, count) => new Float32Array(count).fill(start / columns),
    };
    const matrix = Tensor.lazy('float32', [rows, columns], source);
    const firsts = [...matrix.reduced('maxAbs')].map(({ firstRow, values }) => [firstRow, values[0]]);
    expect(firsts.length).toBeGreaterThan(1);
    // In each run the first value is that of its first row.
    for (const [firstRow, value] of firsts) expect(value).toBe(firstRow);
  });
});

describe('lazy tensors', () => {
  it('keep small values once they are read', () => {
    const source = counted(new Float32Array(100).fill(2));
    const small = Tensor.lazy('float32', [100], source);
    small.values();
    expect(small.values()[99]).toBe(2);
    expect(source.elementsRead).toBe(100);
  });

  it('read nothing until they are asked, nor when they are scaled', () => {
    const source = counted(new Float32Array(6));
    Tensor.lazy('float32', [2, 3], source).scaled('columns', [1, 2, 3]);
    expect(source.elementsRead).toBe(0);
  });
});

describe('Tensor.blocks of what is not in memory', () => {
  it('reads large pieces however small those are that it gives', () => {
    let reads = 0;
    const tensor = Tensor.lazy('float32', [4, 3, 2], {
      read(start, count) {
        reads++;
        return Float32Array.from({ length: count }, (_, index) => start + index);
      },
    });
    const given = [...tensor.scaled('columns', [1, 10]).blocks(4)].map(({ start }) => start);
    expect(given).toEqual([0, 4, 6, 10, 12, 16, 18, 22]);
    expect(reads).toBe(1);
  });
});

describe('Tensor.blocks of what is read into memory', () => {
  it('reads all pieces into the same memory, also those of another tensor afterwards', () => {
    const buffers = new Set<ArrayBufferLike>();
    const read: TensorSource['read'] = () => {
      throw new TypeError('read into memory instead');
    };
    const readInto: TensorSource['readInto'] = (start, values) => {
      buffers.add(values.buffer);
      (values as Float32Array).fill(start);
    };
    for (const factor of [1, 2]) {
      const tensor = Tensor.lazy('float32', [3, 2 ** 19], { read, readInto });
      const scaled = factor === 1 ? tensor : tensor.scaled('rows', [factor, factor, factor]);
      const firsts: number[] = [];
      for (const { values } of scaled.blocks()) firsts.push(Number(values[0]));
      expect(firsts).toEqual([0, factor * 2 ** 19, factor * 2 ** 20]);
    }
    expect(buffers.size).toBe(1);
  });

  it('gives tensors that are read in turns memory of their own', () => {
    const filled = (value: number): Tensor =>
      Tensor.lazy('float32', [2], {
        read: () => Float32Array.of(value, value),
        readInto: (_, values) => void (values as Float32Array).fill(value),
      });
    const [one, other] = [filled(1).blocks().next().value, filled(2).blocks().next().value];
    expect([one?.values[0], other?.values[0]]).toEqual([1, 2]);
  });
});
