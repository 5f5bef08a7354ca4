/**
 * From the plan of a whole-integer model to the operators of TensorFlow Lite (LiteRT) that compute it.
 *
 * @module
 */

import { UnsupportedModelError } from '../../errors.ts';
import { buildGraph, type Graph, type GraphTensor, neededCalls, tensorKey } from '../../model/graph.ts';
import type { TensorScale } from '../../quantization/integer/grid-groups.ts';
import type { IntegerPlan } from '../../quantization/integer/integer-plan.ts';
import type { TfliteGraph, TflitePort } from './graph.ts';
import { lowerCall } from './lower-call.ts';
import { Lowering } from './lowering.ts';

/** The element types of inputs and outputs. */
export const TFLITE_IO = ['int8', 'uint8', 'float32'] as const;

/** See {@link TFLITE_IO}. */
export type TfliteIo = (typeof TFLITE_IO)[number];

/** How a plan is lowered. */
export interface LowerOptions {
  /** int8, as microcontrollers and NPUs want it, where it is left out; the inside is int8 always. */
  readonly io?: TfliteIo;
  /**
   * The outputs of the file by the names of the plan's, the first ones; all where it is left out. A plan may have more, to look at
   * what is in the middle.
   */
  readonly outputNames?: readonly string[];
}

/**
 * The file of a whole-integer model, as data.
 *
 * @throws UnsupportedModelError, with the layer and the way out, where a layer has no int8 kernel or a size is not known.
 */
export function lowerPlan(plan: IntegerPlan, options: LowerOptions = {}): TfliteGraph {
  const { io = 'int8', outputNames = plan.names.outputs } = options;
  const graph = buildGraph(plan.model);
  const lowering = new Lowering(plan);
  const inputs = lowerInputs(lowering, graph, { io, names: plan.names.inputs });
  for (const call of neededCalls(graph)) if (!lowering.isDone(call)) lowerCall(lowering, call);
  const outputs = lowerOutputs(lowering, graph, { io, names: outputNames, inputs });
  return lowering.maker.graph(plan.model.name, { inputs, outputs });
}

interface Ports {
  readonly io: TfliteIo;
  readonly names: readonly string[];
}

function lowerInputs(lowering: Lowering, graph: Graph, { io, names }: Ports): TflitePort[] {
  const { maker } = lowering;
  return graph.inputs.map((tensor, index) => {
    const name = names[index] ?? `input_${index}`;
    requireGrid(lowering, tensor, name);
    const codes = lowering.codes(tensor);
    lowering.setValue(tensor, codes);
    if (io === 'int8') return { name, tensor: codes };
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
    requireGrid(lowering, tensor, name);
    let codes = lowering.valueOf(tensor);
    if (io === 'int8') {
      // Runtimes want a tensor for each.
      if (taken.has(codes)) codes = maker.reshape(codes, name, lowering.codes(tensor));
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
  const isFloat = io === 'float32';
  const { scale, zeroPoint }: TensorScale = lowering.gridOf(tensor);
  return lowering.maker.add({
    ...{ name: lowering.name(`${name};${io}`), shape: lowering.shapeOf(tensor), type: io, values: undefined },
    quantization: isFloat ? undefined : { scales: [scale], zeroPoint: zeroPoint + 128, dimension: 0 },
  });
}

function requireGrid({ plan }: Lowering, tensor: GraphTensor, name: string): void {
  if (plan.tensors.has(tensorKey(tensor))) return;
  throw new UnsupportedModelError(
    'tflite',
    `${name}: its values are whole numbers, such as indices of words, and int8 kernels read codes; leave what reads them out of the ` +
      'model that is quantized',
  );
}
