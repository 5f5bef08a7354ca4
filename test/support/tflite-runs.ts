/**
 * Whole-integer models run twice: as LiteRT runs the file, and as the plan says.
 *
 * @module
 */

import { tensorRanges } from '../../src/equalization/ranges/tensor-ranges.ts';
import type { TfliteGraph } from '../../src/formats/tflite/graph.ts';
import { type LowerOptions, lowerPlan } from '../../src/formats/tflite/lower.ts';
import { tfliteBytes } from '../../src/formats/tflite/write.ts';
import { writeTflite } from '../../src/formats/tflite/write-plan.ts';
import { buildGraph, type GraphTensor, tensorKey } from '../../src/model/graph.ts';
import type { Model } from '../../src/model/model.ts';
import { startLitert } from '../../src/node/litert.ts';
import { floatPlan } from '../../src/quantization/integer/float-plan.ts';
import type { TensorScale } from '../../src/quantization/integer/grid-groups.ts';
import { type IntegerPlan, integerPlan } from '../../src/quantization/integer/integer-plan.ts';
import { codeOf } from '../../src/quantization/integer/range-grid.ts';
import { runPlan } from '../../src/quantization/integer/simulate-plan.ts';
import { QUANTIZER_PRESETS, type QuantizerName } from '../../src/quantization/quantizer.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { compareOutputs } from '../../src/verification/comparing/compare-outputs.ts';
import { runTflite } from '../../src/verification/litert/run-tflite.ts';
import { TfjsRunner } from '../../src/verification/run/runner.ts';
import { seededRandom } from './random.ts';
import { runWithTfjsTflite } from './tfjs-tflite.ts';

/** A model in whole numbers. */
export interface Planned {
  readonly plan: IntegerPlan;
  readonly graph: TfliteGraph;
  readonly bytes: Uint8Array;
  readonly inputs: readonly Tensor[];
}

/** The plan and the file of a model, with the ranges that it has on normal inputs. */
export async function planned(
  model: Model,
  options: LowerOptions & { readonly weights?: QuantizerName; readonly samples?: number } = {},
): Promise<Planned> {
  const { weights = 'int8-per-channel', samples = 4, ...lowering } = options;
  const inputs = normalInputs(model, samples);
  const runner = await TfjsRunner.create({ backend: 'cpu' });
  const ranges = await tensorRanges(model, { samples: { runner, inputs } });
  const plan = integerPlan(model, { weights: QUANTIZER_PRESETS[weights], ranges });
  const graph = lowerPlan(plan, lowering);
  return { plan, graph, bytes: tfliteBytes(graph), inputs };
}

/** How far the float file of a model is from the model as LiteRT runs it, as a part of the largest value of an output. */
export async function floatDifference(model: Model): Promise<number> {
  const inputs = normalInputs(model, 4);
  const runner = await TfjsRunner.create({ backend: 'cpu' });
  const expected = await runner.run(model, inputs);
  const actual = await runTflite(await startLitert(), writeTflite(floatPlan(model)), inputs);
  return Math.max(...expected.map((one, index) => compareOutputs(one, actual[index]!).maxRelative));
}

/** By how many codes outputs of the file and of the plan differ. */
export interface CodeDifferences {
  readonly most: number;
  /** Of all codes those that differ at all; of several outputs the largest, as of {@link distinct}. */
  readonly share: number;
  /** How many codes the plan gives. */
  readonly distinct: number;
}

/** Runs both; the differences of all outputs together. */
export async function codeDifferences(planned: Planned): Promise<CodeDifferences> {
  const outputs = await outputDifferences(planned);
  return {
    most: Math.max(...outputs.map(({ most }) => most)),
    share: Math.max(...outputs.map(({ share }) => share)),
    distinct: Math.max(...outputs.map(({ distinct }) => distinct)),
  };
}

/** Runs both; the differences of each output. */
export async function outputDifferences({ plan, bytes, inputs }: Planned): Promise<CodeDifferences[]> {
  const runner = await TfjsRunner.create({ backend: 'cpu' });
  const expected = await runPlan(plan, runner, inputs);
  const actual = await runTflite(await startLitert(), bytes, inputs);
  return buildGraph(plan.model).outputs.map((output, index) => {
    const { scale = NaN } = plan.tensors.get(tensorKey(output)) ?? {};
    const wanted = expected[index]!.toFloat64();
    const got = actual[index]!.toFloat64();
    if (wanted.length !== got.length) throw new Error(`${got.length} values, not ${wanted.length}`);
    const differences = wanted.map((value, at) => Math.round(Math.abs(value - got[at]!) / scale));
    return {
      most: differences.reduce((most, one) => Math.max(most, one), 0),
      share: differences.filter((one) => one !== 0).length / differences.length,
      distinct: new Set(wanted.map((value) => Math.round(value / scale))).size,
    };
  });
}

/** By how many codes the older runtime is from LiteRT at most, over all outputs. */
export async function codesBetweenRuntimes({ plan, bytes, inputs }: Planned): Promise<number> {
  const graph = buildGraph(plan.model);
  const gridOf = (tensor: GraphTensor): TensorScale => plan.tensors.get(tensorKey(tensor))!;
  const samples = Array.from({ length: inputs[0]!.shape[0]! }, (_, sample) =>
    inputs.map((tensor, index) => {
      const size = tensor.size / tensor.shape[0]!;
      const values = tensor.toFloat64().subarray(sample * size, (sample + 1) * size);
      return Int8Array.from(values, (value) => codeOf(value, gridOf(graph.inputs[index]!)));
    }),
  );
  const older = await runWithTfjsTflite(bytes, samples);
  const newer = await runTflite(await startLitert(), bytes, inputs);
  let most = 0;
  for (const [index, output] of graph.outputs.entries()) {
    const grid = gridOf(output);
    const codes = Array.from(newer[index]!.toFloat64(), (value) => codeOf(value, grid));
    const others = older.flatMap((outputs) => Array.from(outputs[index]!));
    if (codes.length !== others.length) throw new Error(`${others.length} codes, not ${codes.length}`);
    for (const [at, code] of codes.entries()) most = Math.max(most, Math.abs(code - others[at]!));
  }
  return most;
}

/** Standard normal values for all inputs. */
export function normalInputs(model: Model, samples: number, seed = 7): Tensor[] {
  const random = seededRandom(seed);
  return model.inputs.map(({ shape }) => {
    const filled = [samples, ...(shape ?? []).slice(1).map((size) => size ?? 1)];
    const values = new Float32Array(filled.reduce((product, size) => product * size, 1));
    return Tensor.of(
      'float32',
      filled,
      values.map(() => random.normal()),
    );
  });
}
