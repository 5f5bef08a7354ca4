/**
 * A whole-integer model in numbers: what simulations, encodings and files of int8 models are made from.
 *
 * @module
 */

import { InvalidModelError } from '../../errors.ts';
import { buildGraph, type Graph, type GraphCall, type GraphTensor, tensorKey } from '../../model/graph.ts';
import type { Model } from '../../model/model.ts';
import { checkWeightQuantizer, type WeightQuantizer } from '../quantizer.ts';
import { separateOperands } from './concatenated-grids.ts';
import { type FloatPlan, portNamesOf } from './float-plan.ts';
import { type GridGroup, gridGroups, placeOf, type TensorScale } from './grid-groups.ts';
import { integerForm } from './integer-form.ts';
import {
  hasIntegerKernel,
  type IntegerBias,
  type IntegerKernel,
  KernelGrid,
  kernelKey,
} from './integer-weights.ts';
import { LARGEST_SCALE, rangeGrid, type TensorRange } from './range-grid.ts';
import { refuseMasks, refuseWholeNumbers } from './whole-numbers.ts';

/**
 * A whole-integer model, as the int8 kernels of TensorFlow Lite (LiteRT) compute it.
 *
 * Whoever makes a file of it decides no numbers, but which operators compute a layer: a ReLU with a maximum below the top of
 * its grid needs a MINIMUM where the runtime has none that ends there; a linear Activation puts a tensor on another grid; a
 * kernel without a bias has one of zeros here. Batch norms that were not folded, and numbers among the operands of a merge, have
 * no codes.
 */
export interface IntegerPlan extends FloatPlan {
  /** The {@link integerForm} of the model, with its float weights, and with what {@link separateOperands} put into it. */
  readonly model: Model;
  /** The grids of tensors by `tensorKey`; those that are missing are computed together with the ReLU behind them. */
  readonly tensors: ReadonlyMap<string, TensorScale>;
  /** The keys of the tensors that are rounded onto their grids where they are made; the others lie on them. */
  readonly rounded: ReadonlySet<string>;
  /** Kernels, factors of batch norms, and slopes of PReLUs, by {@link kernelKey}. */
  readonly kernels: ReadonlyMap<string, IntegerKernel>;
  /** A bias for every layer with a kernel and every batch norm, by the path of the layer; of zeros, where it has none. */
  readonly biases: ReadonlyMap<string, IntegerBias>;
}

/** What a plan is made from besides the model. */
export interface IntegerPlanOptions {
  /** `int8-per-channel` or `int8-per-tensor-symmetric`, or one like them: 8 bits, strictly symmetric. */
  readonly weights: WeightQuantizer;
  /** The ranges of the deciding tensors of {@link gridGroups}, by `tensorKey`, in the {@link integerForm} of the model. */
  readonly ranges: ReadonlyMap<string, TensorRange>;
}

/**
 * Decides all numbers of a whole-integer model. All scales are float32 numbers, as files hold them; the one of a bias is
 * the float32 product of those of the input and the kernel.
 *
 * A scale is raised where a runtime could not compute with it: that of a tensor to 1/255 of `s_in s_w`, because XNNPACK refuses
 * kernels whose products are 256 times as coarse as what they write; that of a kernel so that the codes of the bias
 * stay below 2^30.
 *
 * @throws RangeError where the quantizer is no strictly symmetric one of 8 bits; UnsupportedModelError where a layer reads whole
 * numbers as floats; InvalidModelError, with the layer, where
 * no range of a grid is known, or it is not finite, where a weight is NaN or infinite, and where sums would not fit 32 bits.
 */
export function integerPlan(model: Model, { weights, ranges }: IntegerPlanOptions): IntegerPlan {
  checkQuantizer(weights);
  const form = integerForm(model);
  const all = separateOperands(form, ranges);
  const graph = buildGraph(form);
  refuseMasks(graph);
  refuseWholeNumbers(graph);
  const grids = new TensorGrids(gridGroups(graph), all);
  const kernels = kernelGrids(graph, grids, weights);
  raiseScales(kernels, grids);
  const biases = kernels.map(({ grid, path, input }) => [path, grid.bias(input.scale)] as const);
  const slopes = slopeGrids(graph, weights);
  return {
    model: form,
    names: portNamesOf(model),
    tensors: grids.byKey(),
    rounded: grids.rounded(),
    kernels: new Map(
      [...kernels.map(({ grid, input }) => [grid, input.scale] as const), ...slopes].map(([grid, scale]) => [
        kernelKey(grid.layer, grid.name),
        grid.kernel(scale),
      ]),
    ),
    biases: new Map(biases),
  };
}

function checkQuantizer(quantizer: WeightQuantizer): void {
  checkWeightQuantizer(quantizer);
  if (isInt8(quantizer)) return;
  throw new RangeError(
    'int8 kernels take weights from -127 to 127 with the zero point 0; choose int8-per-channel or int8-per-tensor-symmetric',
  );
}

/** Whether kernels get codes from -127 to 127 with the zero point 0. */
export function isInt8({ scheme = 'integer', bits, symmetric, strict = false }: WeightQuantizer): boolean {
  return scheme === 'integer' && bits === 8 && symmetric && strict;
}

/** The grid of a group, which is raised while kernels ask for it. */
class GroupGrid {
  readonly group: GridGroup;
  readonly #range: TensorRange;
  #grid: TensorScale;

  constructor(group: GridGroup, ranges: ReadonlyMap<string, TensorRange>) {
    this.group = group;
    this.#range = group.fixed ? { min: 0, max: 0 } : unionOf(group, ranges);
    this.#grid = group.fixed ?? rangeGrid(this.#range);
    if (this.#grid.scale > LARGEST_SCALE) {
      const { min, max } = this.#range;
      throw new InvalidModelError(
        firstPath(group),
        `its values from ${min} to ${max} are too large for int8 grids`,
      );
    }
  }

  get grid(): TensorScale {
    return this.#grid;
  }

  get scale(): number {
    return this.#grid.scale;
  }

  raise(least: number): void {
    this.#grid = rangeGrid(this.#range, least);
  }
}

function unionOf({ deciding }: GridGroup, ranges: ReadonlyMap<string, TensorRange>): TensorRange {
  let [min, max] = [Infinity, -Infinity];
  for (const tensor of deciding) {
    const range = ranges.get(tensorKey(tensor));
    if (!range) continue;
    // The width as well: that of two finite doubles can be infinite.
    if (!Number.isFinite(range.max - range.min) || range.max < range.min) {
      throw new InvalidModelError(
        tensor.producer?.path ?? '',
        `${placeOf(tensor)} has the range ${range.min} to ${range.max}; only a finite one has a grid`,
      );
    }
    min = Math.min(min, range.min);
    max = Math.max(max, range.max);
  }
  if (min <= max) return { min, max };
  const keys = deciding.map(tensorKey).join(', ');
  throw new InvalidModelError(
    deciding[0]?.producer?.path ?? '',
    `the range of its values is not known; give one for ${keys}, from the integerForm of the model`,
  );
}

function firstPath({ tensors }: GridGroup): string {
  return tensors[0]?.producer?.path ?? '';
}

/** The grids of all tensors. */
class TensorGrids {
  readonly #groups: readonly GroupGrid[];
  readonly #byKey: ReadonlyMap<string, GroupGrid>;

  constructor(groups: readonly GridGroup[], ranges: ReadonlyMap<string, TensorRange>) {
    this.#groups = groups.map((group) => new GroupGrid(group, ranges));
    this.#byKey = new Map(
      this.#groups.flatMap((one) => one.group.tensors.map((tensor) => [tensorKey(tensor), one] as const)),
    );
  }

  get size(): number {
    return this.#groups.length;
  }

  of(tensor: GraphTensor): GroupGrid | undefined {
    return this.#byKey.get(tensorKey(tensor));
  }

  byKey(): Map<string, TensorScale> {
    return new Map([...this.#byKey].map(([key, { grid }]) => [key, grid]));
  }

  rounded(): Set<string> {
    return new Set(this.#groups.flatMap(({ group }) => group.rounded.map(tensorKey)));
  }
}

/** A layer with a kernel between its grids. */
interface PlannedKernel {
  readonly path: string;
  readonly grid: KernelGrid;
  readonly input: GroupGrid;
  /** Those of what its calls write, or of the ReLUs behind. */
  readonly outputs: readonly GroupGrid[];
}

function kernelGrids(graph: Graph, grids: TensorGrids, weights: WeightQuantizer): PlannedKernel[] {
  const planned: PlannedKernel[] = [];
  for (const call of graph.calls) {
    const { layer, path } = call;
    const calls = graph.callsOf(layer);
    if (!hasIntegerKernel(layer) || calls[0] !== call) continue;
    const used = calls.filter((one) => writtenGrid(one, grids));
    // Nothing that the model gives depends on it.
    if (used.length === 0) continue;
    const input = used[0]?.input && grids.of(used[0].input);
    if (!input)
      throw new InvalidModelError(path, 'reads whole numbers, and int8 kernels read tensors with a grid');
    const outputs = used.flatMap((one) => writtenGrid(one, grids) ?? []);
    planned.push({ path, grid: new KernelGrid(layer, weights), input, outputs });
  }
  return planned;
}

/** The grid of what a call writes; of the ReLU that it is computed with, where it is. */
function writtenGrid(call: GraphCall, grids: TensorGrids): GroupGrid | undefined {
  const output = call.outputs[0];
  const own = output && grids.of(output);
  const behind = output?.consumers[0]?.outputs[0];
  return own ?? (behind && grids.of(behind));
}

/** XNNPACK takes what is below 256. */
const MOST_TIMES_COARSER = 255;

/** A raised scale is what the next kernel reads, so that it takes several rounds where grids are shared. */
function raiseScales(kernels: readonly PlannedKernel[], grids: TensorGrids): void {
  for (let round = 0; ; round++) {
    let raised: PlannedKernel | undefined;
    for (const kernel of kernels) {
      const { grid, input, outputs } = kernel;
      const least = Math.fround((input.scale * grid.largestScale(input.scale)) / MOST_TIMES_COARSER);
      for (const output of outputs) {
        if (output.group.fixed || output.scale >= least) continue;
        output.raise(least);
        raised = kernel;
      }
    }
    if (!raised) return;
    if (round > grids.size) {
      throw new InvalidModelError(
        raised.path,
        'its weights are too large for what it reads and writes on one grid; equalize the model',
      );
    }
  }
}

/** The slopes of PReLUs, which have one scale and no bias. */
function slopeGrids(graph: Graph, weights: WeightQuantizer): (readonly [KernelGrid, number])[] {
  const layers = new Set(graph.calls.map(({ layer }) => layer));
  return [...layers]
    .filter((layer) => layer.operation.kind === 'activation' && layer.weight('alpha'))
    .map((layer) => [new KernelGrid(layer, weights), 1] as const);
}
