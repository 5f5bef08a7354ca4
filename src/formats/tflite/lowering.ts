import { UnsupportedModelError } from '../../errors.ts';
import { type GraphCall, type GraphTensor, tensorKey } from '../../model/graph.ts';
import type { Layer } from '../../model/layer.ts';
import type { Model } from '../../model/model.ts';
import { activationOf, type DataFormat, isWeighted, type Relu } from '../../model/operation.ts';
import type { FloatPlan } from '../../quantization/integer/float-plan.ts';
import { isFused, placeOf, type TensorScale } from '../../quantization/integer/grid-groups.ts';
import type { IntegerPlan } from '../../quantization/integer/integer-plan.ts';
import { codeOf, HIGHEST_CODE, LOWEST_CODE } from '../../quantization/integer/range-grid.ts';
import { GraphMaker } from './graph-maker.ts';
import { NoKernelError, refusal } from './no-kernel.ts';
import { FUSED, type OperatorName } from './operators.ts';

/** What the operator of a call writes. */
export interface Written {
  /** With channels last; the shape of the tensor of the model where it is left out. */
  readonly shape?: readonly number[];
  /** Whether the operator can clamp what it writes as a ReLU does. */
  readonly fuses?: boolean;
  /** Where the layer has channels: what is written with channels last is transposed to it. */
  readonly dataFormat?: DataFormat;
}

/** Adds the operator that writes `output`; `fused` is the code of the activation in it. */
export type Kernel = (output: number, fused: number) => void;

/** The tensor that an operator writes, and the ReLU that it is computed with. */
interface Target {
  readonly tensor: GraphTensor;
  readonly relu: Relu | undefined;
}

/** Adds an operator that makes one tensor of another. */
type Step = { readonly shape: readonly number[]; readonly apply: (input: number, output: number) => void };

/** Where the tensors of a model are in the file that is being made. */
export class Lowering {
  readonly maker: GraphMaker = new GraphMaker();
  readonly model: Model;
  /** The numbers of the file; undefined where all of it is in float. */
  readonly plan: IntegerPlan | undefined;
  #isFloat: boolean;
  readonly #values = new Map<GraphTensor, number>();
  /** ReLUs that are computed with what they read. */
  readonly #fused = new Set<GraphCall>();
  /** The tensors with channels last that others were transposed from or to. */
  readonly #channelsLast = new Map<number, number>();
  readonly #names = new Set<string>();
  readonly #constants = new Map<string, number>();

  constructor(plan: FloatPlan | IntegerPlan) {
    this.model = plan.model;
    this.plan = 'tensors' in plan ? plan : undefined;
    this.#isFloat = this.plan === undefined;
  }

  /** Whether what is added now computes in float. */
  get isFloat(): boolean {
    return this.#isFloat;
  }

  /** Lowers a call to float operators among those of whole numbers: DEQUANTIZE stands before them, and QUANTIZE behind. */
  inFloat(call: GraphCall, lower: () => void): void {
    const codes = new Map(call.inputs.map((tensor) => [tensor, this.valueOf(tensor)]));
    for (const [tensor, value] of codes) this.#values.set(tensor, this.#dequantized(value, call.path));
    this.#isFloat = true;
    try {
      lower();
    } finally {
      this.#isFloat = false;
      for (const [tensor, value] of codes) this.#values.set(tensor, value);
    }
  }

  #dequantized(codes: number, layer: string): number {
    if (this.maker.tensor(codes).type !== 'int8') return codes;
    return this.shared(`dequantized ${codes}`, () => {
      const { name, shape } = this.maker.tensor(codes);
      const output = this.maker.computed(this.name(`${name};float32`), shape, undefined);
      return this.maker.operator('DEQUANTIZE', { layer, inputs: [codes], output, version: 2 });
    });
  }

  /** What computes layers, in words. */
  get kernel(): string {
    return this.#isFloat ? 'float kernel' : 'int8 kernel';
  }

  /** Whether the call was computed with the one before. */
  isDone(call: GraphCall): boolean {
    return this.#fused.has(call);
  }

  /** The index of a tensor of the model. */
  valueOf(tensor: GraphTensor): number {
    const value = this.#values.get(tensor);
    if (value !== undefined) return value;
    throw wholeNumbers(tensor);
  }

  setValue(tensor: GraphTensor, value: number): void {
    const grid = this.#isFloat ? this.plan?.tensors.get(tensorKey(tensor)) : undefined;
    this.#values.set(tensor, grid ? this.#quantized(tensor, value, grid) : value);
  }

  #quantized(tensor: GraphTensor, value: number, grid: TensorScale): number {
    const output = this.maker.computed(this.name(placeOf(tensor)), this.shapeOf(tensor), grid);
    const layer = tensor.producer?.path ?? placeOf(tensor);
    return this.maker.operator('QUANTIZE', { layer, inputs: [value], output });
  }

  /** The index of the only tensor that a call reads. */
  inputOf(call: GraphCall): number {
    const [input] = call.inputs;
    if (!input || call.inputs.length !== 1)
      throw refusal(call, `reads ${call.inputs.length} tensors, not one`);
    return this.valueOf(input);
  }

  /** The grid of a tensor; undefined of a float one. */
  gridOf(tensor: GraphTensor): TensorScale | undefined {
    if (this.#isFloat) return undefined;
    const grid = this.plan?.tensors.get(tensorKey(tensor));
    if (grid) return grid;
    throw wholeNumbers(tensor);
  }

  /** A tensor for one of the model. */
  computed(tensor: GraphTensor): number {
    return this.maker.computed(this.name(placeOf(tensor)), this.shapeOf(tensor), this.gridOf(tensor));
  }

  /** `wanted`, or that with a number: names of tensors are free, but people look for them. */
  name(wanted: string): string {
    let name = wanted;
    for (let count = 1; this.#names.has(name); count++) name = `${wanted};${count}`;
    this.#names.add(name);
    return name;
  }

  /** The shape with a batch of 1. */
  shapeOf(tensor: GraphTensor): number[] {
    const { shape } = tensor;
    if (shape && shape.length > 0 && shape.slice(1).every((size) => size !== null)) {
      return [1, ...shape.slice(1).map(Number)];
    }
    throw new UnsupportedModelError(
      'shape',
      `${placeOf(tensor)}: ${shape ? `a tensor of ${shape.map((size) => size ?? '?').join(' x ')}` : 'a tensor of unknown shape'}; a .tflite ` +
        'file has fixed sizes, so say how large the input is (--input-shape, withInputShapes in programs)',
    );
  }

  /** The tensor with its channels last, for a layer that has them where `dataFormat` says. */
  channelsLast(index: number, layer: string, dataFormat: DataFormat): number {
    const rank = this.maker.tensor(index).shape.length;
    if (dataFormat === 'channels_last' || rank < 3) return index;
    const axes = [0, ...Array.from({ length: rank - 2 }, (_, axis) => axis + 2), 1];
    const known = this.#channelsLast.get(index);
    if (known !== undefined) return known;
    const last = this.maker.transposed(index, layer, axes);
    this.#channelsLast.set(index, last);
    return last;
  }

  /** What a call reads as kernels of two dimensions want it: `[1, height, width, channels]`, of one dimension with a height of 1. */
  image(
    call: GraphCall,
    { rank, dataFormat }: { readonly rank: number; readonly dataFormat: DataFormat },
  ): number {
    const last = this.channelsLast(this.inputOf(call), call.path, dataFormat);
    const { shape } = this.maker.tensor(last);
    if (rank > 2) throw new NoKernelError(call, `there is no ${this.kernel} in three dimensions`);
    if (shape.length !== rank + 2) {
      throw refusal(
        call,
        `reads a tensor of ${shape.length} dimensions, and its kernel takes ${rank + 2}; put a Reshape before it`,
      );
    }
    return this.maker.reshaped(last, call.path, asImage(shape));
  }

  /** A constant of a layer, which its calls share. */
  shared(key: string, make: () => number): number {
    const typed = `${this.#isFloat ? 'float' : 'int8'} ${key}`;
    const known = this.#constants.get(typed);
    if (known !== undefined) return known;
    const made = make();
    this.#constants.set(typed, made);
    return made;
  }

  /** Lets the output of a call be another tensor. */
  alias(call: GraphCall, value: number): void {
    this.setValue(call.output(), value);
  }

  /** Adds the operator of a call, with the ReLU that is computed with it, and what brings its output into the form of the model. */
  emit(call: GraphCall, written: Written, kernel: Kernel): void {
    this.#emit(call, this.#target(call), written, kernel);
  }

  /** {@link emit} for a layer that is a ReLU. */
  emitRelu(call: GraphCall, relu: Relu, written: Written, kernel: Kernel): void {
    this.#emit(call, { tensor: call.output(), relu }, written, kernel);
  }

  #emit(call: GraphCall, { tensor, relu }: Target, written: Written, kernel: Kernel): void {
    const grid = this.gridOf(tensor);
    const final = this.computed(tensor);
    const shape = this.shapeOf(tensor);
    const { shape: wrote = shape, dataFormat = 'channels_last', fuses = false } = written;
    const clamps = clampsOf(relu, grid, fuses);
    const steps: Step[] = [
      { shape: wrote, apply: (_, output) => kernel(output, clamps.fused) },
      ...clamps.steps.map(({ op, bound }) => ({ shape: wrote, apply: this.#clamp(call, op, bound, grid) })),
      ...this.#layoutSteps(call, wrote, shape, dataFormat),
    ];
    let input = -1;
    let last = -1;
    for (const [index, { shape: made, apply }] of steps.entries()) {
      const isLast = index === steps.length - 1;
      const output = isLast
        ? final
        : this.maker.computed(this.name(`${placeOf(tensor)};${index}`), made, grid);
      apply(input, output);
      if (isLast && dataFormat === 'channels_first' && shape.length > 2) last = input;
      input = output;
    }
    if (last >= 0) this.#channelsLast.set(final, last);
    this.setValue(tensor, final);
  }

  /** What a call writes: the output of the ReLU behind it where its own is on no grid. */
  #target(call: GraphCall): Target {
    const output = call.output();
    const { operation } = call.layer;
    const own = isWeighted(operation) ? reluOf(call.layer) : undefined;
    if (this.plan ? this.plan.tensors.has(tensorKey(output)) : !isFused(output))
      return { tensor: output, relu: own };
    const [reader] = output.consumers;
    const relu = reader && reluOf(reader.layer);
    if (!reader || !relu) return { tensor: output, relu: own };
    this.#fused.add(reader);
    return { tensor: reader.output(), relu };
  }

  #clamp(call: GraphCall, op: OperatorName, bound: number, grid: TensorScale | undefined): Step['apply'] {
    return (input, output) => {
      const end = this.maker.constant(this.name(`${call.path};bound`), [1], grid, [bound]);
      this.maker.operator(op, { layer: call.path, inputs: [input, end], output, version: 2 });
    };
  }

  /** From what a kernel writes to the shape of the tensor in the model. */
  #layoutSteps(
    { path }: GraphCall,
    wrote: readonly number[],
    shape: readonly number[],
    dataFormat: DataFormat,
  ): Step[] {
    const { maker } = this;
    if (dataFormat === 'channels_last' || shape.length < 3) {
      if (wrote.join() === shape.join()) return [];
      return [{ shape, apply: (input, output) => maker.reshape(input, path, output) }];
    }
    const last = [1, ...shape.slice(2), shape[1] ?? 1];
    const axes = [0, shape.length - 1, ...Array.from({ length: shape.length - 2 }, (_, axis) => axis + 1)];
    return [
      ...(wrote.join() === last.join()
        ? []
        : [
            {
              shape: last,
              apply: (input: number, output: number) => void maker.reshape(input, path, output),
            },
          ]),
      { shape, apply: (input, output) => maker.transpose(input, { layer: path, axes, output }) },
    ];
  }
}

function wholeNumbers(tensor: GraphTensor): UnsupportedModelError {
  return new UnsupportedModelError(
    'tflite',
    `${placeOf(tensor)}: its values are whole numbers, such as indices of words, but int8 kernels read codes; quantize the model without ` +
      'what reads them',
  );
}

/** `[1, length, channels]` with a height of 1. */
export function asImage(shape: readonly number[]): number[] {
  return shape.length === 3 ? [1, 1, ...shape.slice(1)] : [...shape];
}

function reluOf({ operation }: Layer): Relu | undefined {
  const activation = activationOf(operation);
  return activation.kind === 'relu' ? activation : undefined;
}

interface Clamps {
  readonly fused: number;
  readonly steps: readonly { readonly op: OperatorName; readonly bound: number }[];
}

/**
 * How a ReLU on that grid, or in float, is computed: by the ends of the grid where they are its own, in the operator where it can,
 * else by comparing with a constant.
 */
function clampsOf(relu: Relu | undefined, grid: TensorScale | undefined, fuses: boolean): Clamps {
  if (!relu) return { fused: FUSED.none, steps: [] };
  const { maxValue = Infinity, negativeSlope } = relu;
  const isCut = grid ? codeOf(maxValue, grid) < HIGHEST_CODE : maxValue < Infinity;
  const high = isCut ? [{ op: 'MINIMUM', bound: maxValue } as const] : [];
  if (negativeSlope !== 0) return { fused: FUSED.none, steps: high };
  if (fuses)
    return isCut && maxValue === 6 ? { fused: FUSED.relu6, steps: [] } : { fused: FUSED.relu, steps: high };
  const isBelow = !grid || grid.zeroPoint > LOWEST_CODE;
  const low = isBelow ? [{ op: 'MAXIMUM', bound: 0 } as const] : [];
  return { fused: FUSED.none, steps: [...low, ...high] };
}
