/**
 * Runs a whole-integer model on a runner of floats.
 *
 * @module
 */

import { fakeQuantizeCodes } from '../../kernels/quantize.ts';
import { expandCalls } from '../../model/edit.ts';
import { buildGraph, type GraphTensor, tensorKey } from '../../model/graph.ts';
import type { Layer } from '../../model/layer.ts';
import { Call, type Model } from '../../model/model.ts';
import { checkRunnerArguments, type ModelRunner, type RunOptions } from '../../model/model-runner.ts';
import { newAffine } from '../../model/new-layer.ts';
import { allocate, type FloatValues, isFloat } from '../../tensor/dtype.ts';
import { Tensor } from '../../tensor/tensor.ts';
import type { TensorScale } from './grid-groups.ts';
import type { IntegerPlan } from './integer-plan.ts';
import { dequantizedBias, type IntegerBias } from './integer-weights.ts';

/** Which parts of a plan are simulated, all where they are left out; the others stay in float, to find out what hurts. */
export interface PlanParts {
  /** Whether kernels, slopes and biases have the values of their codes. */
  readonly kernels?: boolean;
  /** Whether tensors are rounded to the steps of their grids. */
  readonly rounding?: boolean;
  /** Whether tensors end where their grids end. */
  readonly clipping?: boolean;
  /** Which tensors are put on their grids, by `tensorKey`. */
  readonly only?: (key: string) => boolean;
}

/** How a plan is run. */
export type RunPlanOptions = PlanParts & Pick<RunOptions, 'batchSize'>;

/**
 * The outputs of a whole-integer model, dequantized. Everything is computed in floats, with the values of codes for kernels
 * and biases and maxima of caps, and each tensor that an int8 kernel writes is put on its grid, ties away from zero as TensorFlow
 * Lite's built-in kernels take them. Runtimes round the products of scales and activations such as softmax in their own
 * ways: codes differ by one now and then, as they do from runtime to runtime.
 *
 * @param inputs one tensor for each input of the model, with the samples as its first dimension
 * @throws TypeError where the runner is none or the inputs are no list of Tensors; what the runner throws.
 */
export async function runPlan(
  plan: IntegerPlan,
  runner: ModelRunner,
  inputs: readonly Tensor[],
  options: RunPlanOptions = {},
): Promise<Tensor[]> {
  checkRunnerArguments(runner, inputs);
  const { kernels = true, rounding = true, clipping = true, only = () => true, ...runOptions } = options;
  const parts = { rounding, clipping, only };
  const model = plan.model.clone();
  if (kernels) dequantizeWeights(plan, model);
  capOnGrids(plan, model, parts);
  return runner.run(model, inputs, {
    ...runOptions,
    wantsTensor: (tensor) => {
      const key = tensorKey(tensor);
      return (rounding || clipping) && plan.rounded.has(key) && only(key);
    },
    onTensor: (tensor, values) => {
      const grid = plan.tensors.get(tensorKey(tensor));
      return grid && isFloat(values.dtype) ? onGrid(values, tensor, grid, parts) : undefined;
    },
  });
}

function dequantizeWeights({ kernels, biases }: IntegerPlan, model: Model): void {
  const places = new Map(Array.from(model.allLayers(), (place) => [place.path, place]));
  for (const { layer, weight, dequantized } of kernels.values()) {
    const place = places.get(layer.path);
    const bias = biases.get(layer.path);
    if (!place) continue;
    if (layer.operation.kind === 'batchNorm' && bias) replaceBatchNorm(place, dequantized, bias);
    else place.layer.weights.set(weight, dequantized);
  }
  for (const [path, bias] of biases) {
    const layer = places.get(path)?.layer;
    const dtype = layer?.weight('bias')?.dtype;
    if (!layer || !dtype) continue;
    const values = dequantizedBias(bias);
    layer.weights.set('bias', Tensor.fromNumbers(dtype, [values.length], values));
  }
}

/** Puts one of the same name in the place of a batch norm that multiplies by what the codes of its factors stand for. */
function replaceBatchNorm(
  { layer, owner }: { readonly layer: Layer; readonly owner: Model },
  factors: Tensor,
  bias: IntegerBias,
): void {
  const { operation, name } = layer;
  const [axis = -1] = operation.kind === 'batchNorm' ? operation.axes : [];
  const affine = newAffine({ owner, beside: layer, name }, axis, factors.toFloat64(), dequantizedBias(bias));
  expandCalls(owner, (call) =>
    call.layer === layer ? [new Call(affine, call.inputs, call.args, call.kwargs)] : undefined,
  );
}

/** The maxima of caps are constants on the grids of what they cap. */
function capOnGrids(plan: IntegerPlan, model: Model, parts: Required<Omit<PlanParts, 'kernels'>>): void {
  for (const { layer, inputs, outputs } of buildGraph(model).calls) {
    const { operation } = layer;
    if (operation.kind !== 'cap') continue;
    const keys = [...inputs, ...outputs].map(tensorKey);
    const grid = plan.tensors.get(keys[0] ?? '');
    if (!grid || !keys.some(parts.only)) continue;
    const maxima = new Float64Array(operation.maxima.length);
    fakeQuantizeCodes(operation.maxima, { ...grid, ...parts, areMeans: false }, maxima);
    layer.operation = { ...operation, maxima };
  }
}

function onGrid(
  values: Tensor,
  tensor: GraphTensor,
  grid: TensorScale,
  parts: Required<Pick<PlanParts, 'rounding' | 'clipping'>>,
): Tensor {
  const target = allocate(values.dtype, values.size) as FloatValues;
  const steps = { ...grid, ...parts, areMeans: areMeans(tensor) };
  fakeQuantizeCodes(values.values() as FloatValues, steps, target);
  return Tensor.of(values.dtype, values.shape, target);
}

/** Whether the kernel that makes a tensor takes means of codes on their own grid. */
function areMeans({ producer }: GraphTensor): boolean {
  const operation = producer?.layer.operation;
  return operation?.kind === 'upSampling' || (operation?.kind === 'pool' && !operation.global);
}
