/**
 * The constants of layers with a kernel: codes, or floats.
 *
 * @module
 */

import { InvalidModelError } from '../../errors.ts';
import { affineOf } from '../../model/batch-norm.ts';
import { biasOf } from '../../model/bias.ts';
import type { Layer } from '../../model/layer.ts';
import type { WeightName } from '../../model/layer-weights.ts';
import { dequantizedBias, kernelKey } from '../../quantization/integer/integer-weights.ts';
import type { Lowering } from './lowering.ts';

/** How a kernel lies in a file. */
export interface KernelForm {
  /** The name of the weight; `gamma` of a batch norm, which stands for its factors. */
  readonly weight: WeightName;
  /** The shape in the file, from the number of weights and of output channels. */
  readonly shape: (size: number, outputs: number) => readonly number[];
  /** The axis of the output channels in it. */
  readonly dimension: number;
  /** From Keras' order to the file's. */
  readonly arrange: <Values extends KernelValues>(values: Values, outputs: number) => Values;
}

type KernelValues = Int8Array | Float32Array;

/** Adds the constants of a layer with a kernel, once for all its calls. */
export function kernelOf(
  lowering: Lowering,
  layer: Layer,
  form: KernelForm,
): { readonly weights: number; readonly bias: number } {
  const outputs = lowering.plan?.biases.get(layer.path)?.codes.length ?? floatBias(layer).length;
  const weights = weightConstant(lowering, layer, { ...form, outputs });
  return { weights, bias: biasConstant(lowering, layer) };
}

/** Adds the slopes of a PReLU, once for all its calls. */
export function slopesOf(lowering: Lowering, layer: Layer): number {
  const { shape } = layer.requireWeight('alpha');
  const form = { weight: 'alpha', shape: () => shape, dimension: 0, outputs: 1 } as const;
  return weightConstant(lowering, layer, { ...form, arrange: (values) => values });
}

function weightConstant(
  lowering: Lowering,
  layer: Layer,
  { weight, shape, dimension, arrange, outputs }: KernelForm & { readonly outputs: number },
): number {
  const name = kernelKey(layer, weight);
  const kernel = lowering.plan?.kernels.get(name);
  return lowering.shared(name, () => {
    if (lowering.isFloat) {
      // Among whole numbers it is what the plan makes of the weight, as the simulation has it.
      const values = kernel?.dequantized.toFloat64() ?? floatWeight(layer, weight);
      return lowering.maker.add({
        ...{ name, shape: shape(values.length, outputs), type: 'float32', quantization: undefined },
        values: () => arrange(Float32Array.from(values), outputs),
      });
    }
    if (!kernel) throw withoutCodes(layer);
    const { scales, dequantized } = kernel;
    return lowering.maker.add({
      ...{ name, shape: shape(dequantized.size, outputs), type: 'int8' },
      quantization: { scales, zeroPoint: 0, dimension: scales.length > 1 ? dimension : 0 },
      values: () => arrange(kernel.codes(), outputs),
    });
  });
}

function biasConstant(lowering: Lowering, layer: Layer): number {
  const name = `${layer.path}/bias`;
  const bias = lowering.plan?.biases.get(layer.path);
  return lowering.shared(name, () => {
    if (lowering.isFloat) {
      const values = bias ? dequantizedBias(bias) : floatBias(layer);
      return lowering.maker.constant(name, [values.length], undefined, values);
    }
    if (!bias) throw withoutCodes(layer);
    return lowering.maker.add({
      ...{ name, shape: [bias.codes.length], type: 'int32' },
      quantization: { scales: bias.scales, zeroPoint: 0, dimension: 0 },
      values: () => bias.codes,
    });
  });
}

function withoutCodes(layer: Layer): InvalidModelError {
  return new InvalidModelError(layer.path, 'the plan has no codes for it; make the plan anew');
}

function floatWeight(layer: Layer, weight: WeightName): Float64Array {
  return layer.operation.kind === 'batchNorm' ? affineOf(layer).a : layer.requireWeight(weight).toFloat64();
}

function floatBias(layer: Layer): Float64Array {
  return layer.operation.kind === 'batchNorm' ? affineOf(layer).d : biasOf(layer);
}

/** `[rows, outputs]` as `[outputs, rows]`. */
export function transposed<Values extends KernelValues>(values: Values, outputs: number): Values {
  const rows = values.length / outputs;
  const target = values.slice() as Values;
  for (let row = 0, from = 0; row < rows; row++) {
    for (let output = 0; output < outputs; output++, from++) target[output * rows + row] = values[from] ?? 0;
  }
  return target;
}

/** `[positions, outputs, inputs]` as `[outputs, positions, inputs]`. */
export function outputsFirst<Values extends KernelValues>(
  values: Values,
  positions: number,
  outputs: number,
): Values {
  const inputs = values.length / (positions * outputs);
  const target = values.slice() as Values;
  for (let position = 0; position < positions; position++) {
    for (let output = 0; output < outputs; output++) {
      const from = (position * outputs + output) * inputs;
      target.set(values.subarray(from, from + inputs), (output * positions + position) * inputs);
    }
  }
  return target;
}
