import { InvalidModelError, UnsupportedModelError } from '../../errors.ts';
import { type GraphCall, type GraphTensor, tensorKey } from '../../model/graph.ts';
import type { Layer } from '../../model/layer.ts';
import { activationOf, type DataFormat, isWeighted, type Relu } from '../../model/operation.ts';
import { placeOf, type TensorScale } from '../../quantization/integer/grid-groups.ts';
import type { IntegerPlan } from '../../quantization/integer/integer-plan.ts';
import { codeOf, HIGHEST_CODE, LOWEST_CODE } from '../../quantization/integer/range-grid.ts';
import { GraphMaker } from './graph-maker.ts';
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
  readonly plan: IntegerPlan;
  readonly #values = new Map<GraphTensor, number>();
  /** ReLUs that are computed with what they read. */
  readonly #fused = new Set<GraphCall>();
  /** The tensors with channels last that others were transposed from or to. */
  readonly #channelsLast = new Map<number, number>();
  readonly #names = new Set<string>();
  readonly #constants = new Map<string, number>();

  constructor(plan: IntegerPlan) {
    this.plan = plan;
  }

  /** Whether the call was computed with the one before. */
  isDone(call: GraphCall): boolean {
    return this.#fused.has(call);
  }

  /** The index of a tensor of the model. */
  valueOf(tensor: GraphTensor): number {
    const value = this.#values.get(tensor);
    if (value !== undefined) return value;
    throw new UnsupportedModelError(
      'tflite',
      `${placeOf(tensor)}: its values are whole numbers, and int8 kernels read codes; leave it out of the model that is quantized`,
    );
  }

  setValue(tensor: GraphTensor, value: number): void {
    this.#values.set(tensor, value);
  }

  /** The index of the only tensor that a call reads. */
  inputOf(call: GraphCall): number {
    const [input] = call.inputs;
    if (!input || call.inputs.length !== 1)
      throw refusal(call, `reads ${call.inputs.length} tensors, not one`);
    return this.valueOf(input);
  }

  /** The grid of a tensor. */
  gridOf(tensor: GraphTensor): TensorScale {
    const grid = this.plan.tensors.get(tensorKey(tensor));
    if (grid) return grid;
    throw new InvalidModelError(placeOf(tensor), 'the plan has no grid for it; make the plan anew');
  }

  /** A tensor for one of the model. */
  codes(tensor: GraphTensor): number {
    return this.maker.codes(this.name(placeOf(tensor)), this.shapeOf(tensor), this.gridOf(tensor));
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
        'file for integers has fixed sizes, so say how large the input is (--input-shape, inputShapes in programs)',
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
    if (rank > 2)
      throw refusal(
        call,
        'there is no int8 kernel in three dimensions; leave it in a model that runs in float',
      );
    if (shape.length !== rank + 2) {
      throw refusal(
        call,
        `reads a tensor of ${shape.length} dimensions, and its int8 kernel takes ${rank + 2}`,
      );
    }
    return this.maker.reshaped(last, call.path, asImage(shape));
  }

  /** A constant of a layer, which its calls share. */
  shared(key: string, make: () => number): number {
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.#constants.set(key, made);
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
    const final = this.codes(tensor);
    const shape = this.shapeOf(tensor);
    const { shape: wrote = shape, dataFormat = 'channels_last', fuses = false } = written;
    const clamps = clampsOf(relu, grid, fuses);
    const steps: Step[] = [
      { shape: wrote, apply: (_, output) => kernel(output, clamps.fused) },
      ...clamps.steps.map(({ op, code }) => ({ shape: wrote, apply: this.#clamp(call, op, code, grid) })),
      ...this.#layoutSteps(call, wrote, shape, dataFormat),
    ];
    let input = -1;
    let last = -1;
    for (const [index, { shape: made, apply }] of steps.entries()) {
      const isLast = index === steps.length - 1;
      const output = isLast ? final : this.maker.codes(this.name(`${placeOf(tensor)};${index}`), made, grid);
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
    if (this.plan.tensors.has(tensorKey(output))) return { tensor: output, relu: own };
    const [reader] = output.consumers;
    const relu = reader && reluOf(reader.layer);
    if (!reader || !relu) return { tensor: output, relu: own };
    this.#fused.add(reader);
    return { tensor: reader.output(), relu };
  }

  #clamp(call: GraphCall, op: OperatorName, code: number, grid: TensorScale): Step['apply'] {
    return (input, output) => {
      const bound = this.maker.constant(this.name(`${call.path};bound`), [1], grid, [code]);
      this.maker.operator(op, { layer: call.path, inputs: [input, bound], output, version: 2 });
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

/** `[1, length, channels]` with a height of 1. */
export function asImage(shape: readonly number[]): number[] {
  return shape.length === 3 ? [1, 1, ...shape.slice(1)] : [...shape];
}

/** The way out where a layer has no kernel in whole numbers. */
export const IN_FLOAT = 'leave it out of the model that is quantized, and run it in float before or behind';

/** That a layer has no int8 kernel, with the way out. */
export function refusal({ path, layer }: GraphCall, reason: string): UnsupportedModelError {
  return new UnsupportedModelError('tflite', `${path} (${layer.className}): ${reason}`);
}

function reluOf({ operation }: Layer): Relu | undefined {
  const activation = activationOf(operation);
  return activation.kind === 'relu' ? activation : undefined;
}

interface Clamps {
  readonly fused: number;
  readonly steps: readonly { readonly op: OperatorName; readonly code: number }[];
}

/**
 * How a ReLU on that grid is computed: by the ends of the grid where they are its own, in the operator where it can, else by
 * comparing with a constant.
 */
function clampsOf(relu: Relu | undefined, grid: TensorScale, fuses: boolean): Clamps {
  if (!relu) return { fused: FUSED.none, steps: [] };
  const { maxValue = Infinity, negativeSlope } = relu;
  const most = maxValue === Infinity ? HIGHEST_CODE : codeOf(maxValue, grid);
  const isCut = most < HIGHEST_CODE;
  const high = isCut ? [{ op: 'MINIMUM', code: most } as const] : [];
  if (negativeSlope !== 0) return { fused: FUSED.none, steps: high };
  if (fuses)
    return isCut && maxValue === 6 ? { fused: FUSED.relu6, steps: [] } : { fused: FUSED.relu, steps: high };
  const low = grid.zeroPoint > LOWEST_CODE ? [{ op: 'MAXIMUM', code: grid.zeroPoint } as const] : [];
  return { fused: FUSED.none, steps: [...low, ...high] };
}
