/**
 * Which operands of concatenations keep a grid of their own.
 *
 * @module
 */

import { expandCalls } from '../../model/edit.ts';
import {
  buildGraph,
  type Graph,
  type GraphCall,
  type GraphTensor,
  neededCalls,
  tensorKey,
} from '../../model/graph.ts';
import type { Layer } from '../../model/layer.ts';
import { Call, type Model } from '../../model/model.ts';
import { freeLayerName, newLayer } from '../../model/new-layer.ts';
import { largestOf, smallestOf } from '../../tensor/extremes.ts';
import { type GridGroup, gridGroups, keepsGrid } from './grid-groups.ts';
import { RESCALING } from './integer-form.ts';
import { HIGHEST_CODE, LOWEST_CODE, type TensorRange } from './range-grid.ts';

/**
 * An operand is kept apart where its range is narrower than this part of the joint one.
 *
 * On the joint grid others that read it would see steps twice as coarse and more: they lose a bit, 6 dB. Behind a grid of its own it
 * is rounded twice on its way into the concatenation, which makes its errors there a quarter larger at most, 1 dB.
 */
const NARROW = 1 / 2;

/**
 * Puts a linear Activation, `dense_rescaled`, between a concatenation and each operand that is much narrower than the joint range
 * and that others read too; one that nobody else reads only gains by being rounded once. The concatenations are gone through in
 * the order of the graph, each with what was joined before.
 *
 * @param form an `integerForm`, which is edited
 * @param ranges of its deciding tensors, by `tensorKey`
 * @returns the ranges with those of the new tensors
 */
export function separateOperands(
  form: Model,
  ranges: ReadonlyMap<string, TensorRange>,
): Map<string, TensorRange> {
  const apart = new JointRanges(buildGraph(form), ranges).operandsApart();
  const all = new Map(ranges);
  if (apart.size === 0) return all;
  const made = new Map<Layer, Joint>();
  const taken = new Set<string>();
  const owners = new Set([...apart.values()].flat().map(({ call }) => call.owner));
  for (const owner of owners) {
    expandCalls(owner, (call) => {
      const operands = apart.get(call);
      if (!operands) return undefined;
      const rescaled = new Map(
        operands.map(({ index, joint, tensor }) => {
          const wanted = `${tensor.producer?.layer.name ?? 'input'}_rescaled`;
          const name = freeLayerName(form, wanted, taken);
          const layer = newLayer({ owner, beside: call.layer, name }, RESCALING);
          made.set(layer, joint);
          return [index, new Call(layer, call.inputs.slice(index, index + 1))] as const;
        }),
      );
      call.inputs = call.inputs.map((input, index) => rescaled.get(index)?.output() ?? input);
      return [...rescaled.values(), call];
    });
  }
  for (const { layer, outputs } of buildGraph(form).calls) {
    // Others may have been joined to it since.
    const range = made.get(layer)?.range;
    if (range) for (const tensor of outputs) all.set(tensorKey(tensor), range);
  }
  return all;
}

/** An operand of a concatenation. */
interface Operand {
  readonly call: GraphCall;
  readonly tensor: GraphTensor;
  readonly index: number;
  /** What it is on the grid of. */
  readonly joint: Joint;
}

/** Tensors on one grid so far. */
interface Joint {
  readonly tensors: GraphTensor[];
  range: TensorRange | undefined;
}

/** What holds all of them, and 0, as grids do; undefined where none is known. */
function unionOf(ranges: readonly (TensorRange | undefined)[]): TensorRange | undefined {
  const known = ranges.flatMap((range) => range ?? []);
  if (known.length === 0) return undefined;
  return {
    min: smallestOf([0, ...known.map(({ min }) => min)]),
    max: largestOf([0, ...known.map(({ max }) => max)]),
  };
}

function groupRange(
  { fixed, deciding }: GridGroup,
  ranges: ReadonlyMap<string, TensorRange>,
): TensorRange | undefined {
  if (!fixed) return unionOf(deciding.map((tensor) => ranges.get(tensorKey(tensor))));
  const { scale, zeroPoint } = fixed;
  return { min: scale * (LOWEST_CODE - zeroPoint), max: scale * (HIGHEST_CODE - zeroPoint) };
}

function widthOf({ min, max }: TensorRange): number {
  return max - min;
}

class JointRanges {
  readonly #calls: ReadonlySet<GraphCall>;
  readonly #joints = new Map<string, Joint>();

  constructor(graph: Graph, ranges: ReadonlyMap<string, TensorRange>) {
    this.#calls = new Set(neededCalls(graph));
    for (const group of gridGroups(graph, { concatenations: false })) {
      const joint: Joint = { tensors: [...group.tensors], range: groupRange(group, ranges) };
      for (const tensor of group.tensors) this.#joints.set(tensorKey(tensor), joint);
    }
  }

  /** By calls, which the uses of a nested model share. */
  operandsApart(): Map<Call, Operand[]> {
    const apart = new Map<Call, Operand[]>();
    for (const call of this.#calls) {
      if (call.layer.operation.kind !== 'concatenate' || apart.has(call.call)) continue;
      const operands = this.#join(call);
      if (operands.length > 0) apart.set(call.call, operands);
    }
    return apart;
  }

  /** Joins what a concatenation reads and writes, but for the operands that are kept apart. */
  #join(call: GraphCall): Operand[] {
    const written = this.#jointOf(call.output());
    if (!written) return [];
    const union = unionOf([call.output(), ...call.inputs].map((tensor) => this.#jointOf(tensor)?.range));
    const apart: Operand[] = [];
    for (const [index, tensor] of call.inputs.entries()) {
      const joint = this.#jointOf(tensor);
      if (!joint || joint === written) continue;
      const { range } = joint;
      const isNarrow = range && union && widthOf(range) < NARROW * widthOf(union);
      if (isNarrow && this.#isReadElsewhere(joint, call)) {
        apart.push({ call, tensor, index, joint });
        continue;
      }
      for (const one of joint.tensors) this.#joints.set(tensorKey(one), written);
      written.tensors.push(...joint.tensors);
    }
    written.range = union;
    return apart;
  }

  #jointOf(tensor: GraphTensor): Joint | undefined {
    return this.#joints.get(tensorKey(tensor));
  }

  /** Whether codes of the grid go anywhere but into that concatenation. */
  #isReadElsewhere(joint: Joint, { call }: GraphCall): boolean {
    const staysOn = (reader: GraphCall): boolean =>
      keepsGrid(reader.layer) && this.#jointOf(reader.output()) === joint;
    return joint.tensors.some(
      ({ isModelOutput, consumers }) =>
        isModelOutput ||
        consumers.some((reader) => reader.call !== call && this.#calls.has(reader) && !staysOn(reader)),
    );
  }
}
