/**
 * From the plan of a model to the operators of TensorFlow Lite (LiteRT) that compute it.
 *
 * @module
 */

import { UnsupportedModelError } from '../../errors.ts';
import { buildGraph, type Graph, type GraphCall, type GraphTensor, neededCalls } from '../../model/graph.ts';
import { trainingNotes } from '../../model/training.ts';
import type { FloatPlan } from '../../quantization/integer/float-plan.ts';
import { placeOf } from '../../quantization/integer/grid-groups.ts';
import type { IntegerPlan } from '../../quantization/integer/integer-plan.ts';
import { isOfWholeNumbers } from '../../quantization/integer/whole-numbers.ts';
import type { TfliteGraph, TflitePort } from './graph.ts';
import { lowerCall } from './lower-call.ts';
import { Lowering } from './lowering.ts';
import { ALLOW_FLOAT, LEAVE_OUT, NoKernelError } from './no-kernel.ts';

/** The element types of inputs and outputs. */
export const TFLITE_IO = ['int8', 'uint8', 'float32'] as const;

/** See {@link TFLITE_IO}. */
export type TfliteIo = (typeof TFLITE_IO)[number];

/** How a plan is lowered. */
export interface LowerOptions {
  /** int8, as microcontrollers and NPUs want it, where it is left out; `float32`, and nothing else, of a plan in float. */
  readonly io?: TfliteIo;
  /** Whether layers without an int8 kernel stay in float between DEQUANTIZE and QUANTIZE; otherwise they are refused. */
  readonly allowFloat?: boolean;
  /**
   * The outputs of the file by the names of the plan's, the first ones; all where it is left out. A plan may have more, to look at
   * what is in the middle.
   */
  readonly outputNames?: readonly string[];
  /**
   * Is told, in sentences that name the layer, of calls in training mode, which the file computes in inference mode; where it is
   * left out they are refused.
   */
  readonly onNote?: (sentence: string) => void;
}

/**
 * The file of a model in whole numbers, or of one in float, as data.
 *
 * @throws UnsupportedModelError, with the layer and the way out, where a layer has no kernel or a size is not known, or one is called in
 * training mode and nobody hears of it; RangeError where
 * a plan in float shall have codes at its ends.
 */
export function lowerPlan(plan: FloatPlan | IntegerPlan, options: LowerOptions = {}): TfliteGraph {
  const graph = buildGraph(plan.model);
  const lowering = new Lowering(plan);
  const { io = lowering.isFloat ? 'float32' : 'int8', outputNames = plan.names.outputs } = options;
  if (lowering.isFloat && io !== 'float32') {
    throw new RangeError(`io: '${io}'; a file in float has float32 at its ends`);
  }
  for (const note of trainingNotes(graph, 'the file')) {
    if (!options.onNote) throw new UnsupportedModelError('training mode', `${note}; call it in inference`);
    options.onNote(note);
  }
  const inputs = lowerInputs(lowering, graph, { io, names: plan.names.inputs });
  for (const call of neededCalls(graph)) {
    if (!lowering.isDone(call)) lowerAllowed(lowering, call, options.allowFloat === true);
  }
  const outputs = lowerOutputs(lowering, graph, { io, names: outputNames, inputs });
  return lowering.maker.graph(plan.model.name, { inputs, outputs });
}

/** Lowers a call, in float where it has no int8 kernel and may be. */
function lowerAllowed(lowering: Lowering, call: GraphCall, allowFloat: boolean): void {
  try {
    lowerCall(lowering, call);
  } catch (error) {
    if (!(error instanceof NoKernelError)) throw error;
    if (lowering.isFloat) throw error.withWayOut(LEAVE_OUT);
    try {
      lowering.inFloat(call, () => lowerCall(lowering, call));
    } catch (other) {
      throw other instanceof NoKernelError ? error.withWayOut(LEAVE_OUT) : other;
    }
    if (!allowFloat) throw error.withWayOut(ALLOW_FLOAT);
  }
}

/** The layers that are computed in float, by their paths, in the order of the file. */
export function layersInFloat({ operators, tensors }: TfliteGraph): string[] {
  const computing = operators.filter(
    ({ op, outputs }) => op !== 'DEQUANTIZE' && outputs.some((index) => tensors[index]?.type === 'float32'),
  );
  return [...new Set(computing.map(({ layer }) => layer))];
}

interface Ports {
  readonly io: TfliteIo;
  readonly names: readonly string[];
}

function lowerInputs(lowering: Lowering, graph: Graph, { io, names }: Ports): TflitePort[] {
  const { maker } = lowering;
  return graph.inputs.map((tensor, index) => {
    const name = names[index] ?? `input_${index}`;
    const codes = isOfWholeNumbers(graph, tensor)
      ? maker.add({
          ...{ name: lowering.name(placeOf(tensor)), shape: lowering.shapeOf(tensor), type: 'int32' },
          ...{ quantization: undefined, values: undefined },
        })
      : lowering.computed(tensor);
    lowering.setValue(tensor, codes);
    if (maker.tensor(codes).type !== 'int8' || io === 'int8') return { name, tensor: codes };
    const outer = outerTensor(lowering, { tensor, name, io });
    maker.operator('QUANTIZE', { layer: name, inputs: [outer], output: codes });
    return { name, tensor: outer };
  });
}

function lowerOutputs(
  lowering: Lowering,
  graph: Graph,
  { io, names, inputs }: Ports & { readonly inputs: readonly TflitePort[] },
): TflitePort[] {
  const { maker } = lowering;
  const taken = new Set(inputs.map(({ tensor }) => tensor));
  return graph.outputs.slice(0, names.length).map((tensor, index) => {
    const name = names[index] ?? `output_${index}`;
    let codes = lowering.valueOf(tensor);
    if (maker.tensor(codes).type !== 'int8' || io === 'int8') {
      // Runtimes want a tensor for each.
      if (taken.has(codes)) codes = maker.reshape(codes, name, lowering.computed(tensor));
      taken.add(codes);
      return { name, tensor: codes };
    }
    const outer = outerTensor(lowering, { tensor, name, io });
    const op = io === 'uint8' ? 'QUANTIZE' : 'DEQUANTIZE';
    maker.operator(op, { layer: name, inputs: [codes], output: outer, version: io === 'uint8' ? 1 : 2 });
    return { name, tensor: outer };
  });
}

/** An input or output in the type that was asked for. */
function outerTensor(
  lowering: Lowering,
  { tensor, name, io }: { readonly tensor: GraphTensor; readonly name: string; readonly io: TfliteIo },
): number {
  const grid = io === 'float32' ? undefined : lowering.gridOf(tensor);
  return lowering.maker.add({
    ...{ name: lowering.name(`${name};${io}`), shape: lowering.shapeOf(tensor), type: io, values: undefined },
    quantization: grid && { scales: [grid.scale], zeroPoint: grid.zeroPoint + 128, dimension: 0 },
  });
}
