import type { TensorScale } from '../../quantization/integer/grid-groups.ts';
import { codeOf } from '../../quantization/integer/range-grid.ts';
import {
  elementsOf,
  type OptionValue,
  type TfliteGraph,
  type TfliteOperator,
  type TflitePort,
  type TfliteTensor,
} from './graph.ts';
import { floatVersion, type OperatorName } from './operators.ts';

/** An operator with one output. */
export interface OperatorParts {
  /** The path of the layer. */
  readonly layer: string;
  readonly inputs: readonly number[];
  readonly output: number;
  /** The lowest that has int8; 1 where it is left out. What writes floats gets the lowest that has those. */
  readonly version?: number;
  /** None where they are left out. */
  readonly options?: Readonly<Record<string, OptionValue>>;
}

/** Collects the tensors and operators of a file. */
export class GraphMaker {
  readonly #tensors: TfliteTensor[] = [];
  readonly #operators: TfliteOperator[] = [];
  readonly #shapes = new Map<string, number>();

  /** Adds a tensor and gives its index. */
  add(tensor: TfliteTensor): number {
    return this.#tensors.push(tensor) - 1;
  }

  /** A computed tensor: of int8 codes on its grid, of floats where it has none. */
  computed(name: string, shape: readonly number[], grid: TensorScale | undefined): number {
    return this.add({ name, shape, ...typeOn(grid), values: undefined });
  }

  /** A constant of these values: their codes on a grid, or floats. */
  constant(
    name: string,
    shape: readonly number[],
    grid: TensorScale | undefined,
    values: ArrayLike<number>,
  ): number {
    const made = (): Int8Array | Float32Array =>
      grid ? Int8Array.from(values, (value) => codeOf(value, grid)) : Float32Array.from(values);
    return this.add({ name, shape, ...typeOn(grid), values: made });
  }

  /** A constant of whole numbers, such as a shape; equal ones are one tensor. */
  numbers(values: readonly number[], shape: readonly number[] = [values.length]): number {
    const key = `${shape.join()}:${values.join()}`;
    let index = this.#shapes.get(key);
    if (index === undefined) {
      index = this.add({
        ...{ name: `numbers ${values.join(' ')}`, shape, type: 'int32', quantization: undefined },
        values: () => Int32Array.from(values),
      });
      this.#shapes.set(key, index);
    }
    return index;
  }

  /** Adds an operator and gives its output. */
  operator(op: OperatorName, { layer, inputs, output, version = 1, options = {} }: OperatorParts): number {
    const isFloat = this.tensor(output).type === 'float32';
    this.#operators.push({
      ...{ op, inputs, outputs: [output], options, layer },
      version: isFloat ? floatVersion(op, version, options) : version,
    });
    return output;
  }

  tensor(index: number): TfliteTensor {
    const tensor = this.#tensors[index];
    if (!tensor) throw new RangeError(`no tensor ${index}`);
    return tensor;
  }

  /** A tensor of the same type and grid with another shape. */
  like(index: number, name: string, shape: readonly number[]): number {
    return this.add({ ...this.tensor(index), name, shape });
  }

  /** The tensor with another shape; itself where it has that one. */
  reshaped(index: number, layer: string, shape: readonly number[]): number {
    const present = this.tensor(index);
    if (present.shape.join() === shape.join()) return index;
    return this.reshape(index, layer, this.like(index, `${present.name};${shape.join('x')}`, shape));
  }

  /** Writes the elements of one tensor to another. */
  reshape(input: number, layer: string, output: number): number {
    const { shape } = this.tensor(output);
    const inputs = [input, this.numbers(shape)];
    return this.operator('RESHAPE', { layer, inputs, output, options: { new_shape: shape } });
  }

  /** Index `i` of the output is `axes[i]` of the input. */
  transposed(input: number, layer: string, axes: readonly number[]): number {
    const { shape, name } = this.tensor(input);
    const output = this.like(
      input,
      `${name};${axes.join('')}`,
      axes.map((axis) => shape[axis] ?? 1),
    );
    return this.transpose(input, { layer, axes, output });
  }

  transpose(
    input: number,
    {
      layer,
      axes,
      output,
    }: { readonly layer: string; readonly axes: readonly number[]; readonly output: number },
  ): number {
    return this.operator('TRANSPOSE', { layer, inputs: [input, this.numbers(axes)], output, version: 2 });
  }

  /** The graph without what none of its outputs needs. */
  graph(
    name: string,
    ports: { readonly inputs: readonly TflitePort[]; readonly outputs: readonly TflitePort[] },
  ): TfliteGraph {
    const needed = new Set(ports.outputs.map(({ tensor }) => tensor));
    const operators: TfliteOperator[] = [];
    for (const operator of [...this.#operators].reverse()) {
      if (!operator.outputs.some((index) => needed.has(index))) continue;
      operators.push(operator);
      for (const index of operator.inputs) needed.add(index);
    }
    operators.reverse();
    for (const { tensor } of ports.inputs) needed.add(tensor);
    const kept = [...this.#tensors.keys()].filter((index) => needed.has(index));
    const places = new Map(kept.map((index, place) => [index, place]));
    const place = (index: number): number => places.get(index) ?? -1;
    const moved = (list: readonly TflitePort[]): TflitePort[] =>
      list.map((port) => ({ ...port, tensor: place(port.tensor) }));
    return {
      name,
      tensors: kept.map((index) => this.tensor(index)),
      operators: operators.map((operator) => ({
        ...operator,
        inputs: operator.inputs.map(place),
        outputs: operator.outputs.map(place),
      })),
      inputs: moved(ports.inputs),
      outputs: moved(ports.outputs),
    };
  }

  /** Number of elements of a tensor. */
  elements(index: number): number {
    return elementsOf(this.tensor(index).shape);
  }
}

/** The type of a tensor on a grid, or of one without. */
function typeOn(grid: TensorScale | undefined): Pick<TfliteTensor, 'type' | 'quantization'> {
  if (!grid) return { type: 'float32', quantization: undefined };
  return {
    type: 'int8',
    quantization: { scales: [grid.scale], zeroPoint: grid.zeroPoint, dimension: 0 },
  };
}
