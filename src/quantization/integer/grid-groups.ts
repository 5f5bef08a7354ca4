/**
 * Which tensors of a whole-integer model share one grid, by what the int8 kernels of TensorFlow Lite (LiteRT) ask for.
 *
 * @module
 */

import { InvalidModelError } from '../../errors.ts';
import { type Graph, type GraphCall, type GraphTensor, neededCalls, tensorKey } from '../../model/graph.ts';
import type { Layer } from '../../model/layer.ts';
import { type Activation, activationOf, isRelu, isWeighted } from '../../model/operation.ts';
import { hasIntegerKernel } from './integer-weights.ts';
import { hasFloats, indices, keepsWholeNumbers } from './whole-numbers.ts';

/** A grid of int8 codes: a code q stands for `scale * (q - zeroPoint)`. */
export interface TensorScale {
  /** A float32 number, above 0. */
  readonly scale: number;
  /** A whole number, -128 to 127. */
  readonly zeroPoint: number;
}

/** Tensors that share one grid. */
export interface GridGroup {
  /** All tensors on the grid, in the order of the graph. */
  readonly tensors: readonly GraphTensor[];
  /** Those whose values decide the range; the others lie within it, or saturate at its ends. None where it is fixed. */
  readonly deciding: readonly GraphTensor[];
  /** Those that are rounded onto it where they are made. */
  readonly rounded: readonly GraphTensor[];
  /** Where the kernel of a runtime has it fixed: softmax and sigmoid 1/256 and -128, tanh 1/128 and 0. */
  readonly fixed: TensorScale | undefined;
}

/** What is joined. */
export interface GridGroupOptions {
  /** Whether concatenations join what they read and write; true where it is left out. */
  readonly concatenations?: boolean;
}

/**
 * The tensors of a graph by the grids that they share, in the order of the graph; of the tensors that its outputs need.
 *
 * The output is on the input's grid behind padding, cropping, flattening, reshaping, Dropout and its like, pooling with a
 * window, global maxima, upsampling (nearest and bilinear) and caps; maxima, minima and concatenations have one grid for
 * all that they read and write, but for operands of concatenations behind a linear Activation, as `separateOperands` puts
 * one there. Everything else has a grid of its own. What is computed with the ReLU behind it, an output
 * of a kernel, a batch norm or a sum, product or mean that a ReLU alone reads, is in no group, and nor are whole numbers
 * such as the indices of an Embedding.
 *
 * What goes into the calls of one layer with a kernel or with caps, or of one batch norm, shares a grid, so that its bias, or its maxima, have one
 * set of codes; and so do the uses of a tensor of a nested model, which have one `tensorKey`.
 *
 * @throws InvalidModelError where a fixed grid would have to be shared with tensors that are not on it, which never happens in
 * an `integerForm`.
 */
export function gridGroups(graph: Graph, options: GridGroupOptions = {}): GridGroup[] {
  return new Grouping(graph, options).groups().map(({ fixers, ...group }) => {
    const clash = clashOf(group, fixers);
    if (!clash) return group;
    throw new InvalidModelError(
      clash.fixer.producer?.path ?? '',
      `int8 kernels fix the grid of its output, which ${placeOf(clash.other)} would share; take the integerForm of the model, ` +
        'which puts a tensor of its own between the two',
    );
  });
}

/** The tensors with fixed grids that others would have to share: each needs a copy on another grid. */
export function clashingTensors(graph: Graph): GraphTensor[] {
  return new Grouping(graph)
    .groups()
    .flatMap(({ fixers, ...group }) => (clashOf(group, fixers) ? fixers : []));
}

/** What makes a tensor, in words. */
export function placeOf({ producer, isModelInput, index }: GraphTensor): string {
  if (!producer) return 'the input';
  if (isModelInput) return `the input ${producer.path}`;
  return producer.outputs.length > 1 ? `output ${index} of ${producer.path}` : producer.path;
}

/** The grid that TensorFlow Lite's kernel of an activation writes, whatever its values are. */
const PROBABILITIES: TensorScale = { scale: 1 / 256, zeroPoint: -128 };
const FIXED: ReadonlyMap<string, TensorScale> = new Map([
  ['softmax', PROBABILITIES],
  ['sigmoid', PROBABILITIES],
  ['tanh', { scale: 1 / 128, zeroPoint: 0 }],
]);

/** How the grid of what a call writes comes about. */
type GridRule =
  /** Its own; everything is rounded onto it. */
  | { readonly kind: 'own' }
  | { readonly kind: 'fixed'; readonly grid: TensorScale }
  /** That of what it reads. */
  | { readonly kind: 'same'; readonly isRounded: boolean }
  | { readonly kind: 'cap'; readonly maxima: Float64Array };

const OWN: GridRule = { kind: 'own' };
const SAME: GridRule = { kind: 'same', isRounded: false };
const SAME_ROUNDED: GridRule = { kind: 'same', isRounded: true };

function ruleOf(layer: Layer): GridRule {
  const { operation } = layer;
  switch (operation.kind) {
    case 'zeroPadding':
    case 'cropping':
    case 'flatten':
    case 'reshape':
    case 'permute':
    case 'slice':
    case 'identity':
    case 'steps':
    case 'concatenate':
      return SAME;
    case 'pool':
      if (operation.reduce === 'max') return SAME;
      return operation.global ? OWN : SAME_ROUNDED;
    case 'upSampling':
      if (operation.interpolation === 'nearest') return SAME;
      return operation.interpolation === 'bilinear' ? SAME_ROUNDED : OWN;
    case 'merge':
      return operation.merge === 'maximum' || operation.merge === 'minimum' ? SAME : OWN;
    case 'cap':
      return { kind: 'cap', maxima: operation.maxima };
    case 'activation': {
      const grid = fixedGrid(operation.activation);
      return grid ? { kind: 'fixed', grid } : OWN;
    }
    default:
      return OWN;
  }
}

/** Whether what a layer writes is on the grid of what it reads. */
export function keepsGrid(layer: Layer): boolean {
  const { kind } = ruleOf(layer);
  return kind === 'same' || kind === 'cap';
}

function fixedGrid(activation: Activation): TensorScale | undefined {
  // `Softmax` is the layer, `softmax` the function.
  return activation.kind === 'other' ? FIXED.get(activation.name.toLowerCase()) : undefined;
}

/** Tensors of a group, and those among them whose makers fix its grid. */
type Grouped = GridGroup & { readonly fixers: readonly GraphTensor[] };

function clashOf(
  { deciding, fixed }: GridGroup,
  fixers: readonly GraphTensor[],
): { readonly fixer: GraphTensor; readonly other: GraphTensor } | undefined {
  const [fixer] = fixers;
  if (!fixer) return undefined;
  const grids = fixers.map(({ producer }) => producer && activationOf(producer.layer.operation));
  const other = deciding[0] ?? fixers.find((_, index) => grids[index] && fixedGrid(grids[index]) !== fixed);
  return other && { fixer, other };
}

/** Joins tensors to groups. */
class Grouping {
  readonly #graph: Graph;
  readonly #concatenations: boolean;
  readonly #calls: readonly GraphCall[];
  /** Those with a grid, in the order of the graph, and what each was joined with. */
  readonly #parents = new Map<GraphTensor, GraphTensor>();
  readonly #uses = new Map<string, GraphTensor[]>();
  readonly #keys = new Map<GraphTensor, string>();

  constructor(graph: Graph, { concatenations = true }: GridGroupOptions = {}) {
    this.#graph = graph;
    this.#concatenations = concatenations;
    this.#calls = neededCalls(graph);
    const written = this.#calls.flatMap(({ outputs }) => outputs);
    for (const tensor of new Set([...graph.inputs, ...written])) {
      const key = tensorKey(tensor);
      this.#keys.set(tensor, key);
      const uses = this.#uses.get(key);
      if (uses) uses.push(tensor);
      else this.#uses.set(key, [tensor]);
    }
    const whole = indices(this.#calls);
    const isReal = (tensor: GraphTensor): boolean => !whole.has(tensor) && hasFloats(tensor);
    for (const tensor of graph.inputs) if (isReal(tensor)) this.#parents.set(tensor, tensor);
    for (const call of this.#calls) {
      const isWhole = call.inputs.length > 0 && !call.inputs.some((input) => this.#knows(input));
      if (isWhole && keepsWholeNumbers(call)) continue;
      for (const tensor of call.outputs) {
        if (isReal(tensor) && !this.#everyUse(tensor, isFused)) this.#parents.set(tensor, tensor);
      }
    }
  }

  groups(): Grouped[] {
    this.#join();
    const deciding = new Set<GraphTensor>();
    const rounded = new Set<GraphTensor>();
    const fixers = new Map<GraphTensor, TensorScale>();
    for (const tensor of this.#graph.inputs) {
      deciding.add(tensor);
      rounded.add(tensor);
    }
    for (const call of this.#calls) this.#mark(call, { deciding, rounded, fixers });
    for (const tensor of [...deciding]) {
      if (this.#everyUse(tensor, saturatesAtCap)) deciding.delete(tensor);
    }
    const members = new Map<GraphTensor, GraphTensor[]>();
    for (const tensor of this.#parents.keys()) {
      const root = this.#rootOf(tensor);
      const group = members.get(root);
      if (group) group.push(tensor);
      else members.set(root, [tensor]);
    }
    return [...members.values()].map((tensors) => {
      const makers = tensors.filter((tensor) => fixers.has(tensor));
      return {
        tensors,
        deciding: tensors.filter((tensor) => deciding.has(tensor)),
        rounded: tensors.filter((tensor) => rounded.has(tensor)),
        fixed: makers[0] && fixers.get(makers[0]),
        fixers: makers,
      };
    });
  }

  #join(): void {
    for (const uses of this.#uses.values()) this.#joinAll(uses);
    for (const call of this.#calls) {
      if (this.#joins(call)) this.#joinAll([...call.inputs, ...call.outputs]);
      const { operation } = call.layer;
      if (hasIntegerKernel(call.layer) || operation.kind === 'cap') {
        this.#joinAll(this.#graph.callsOf(call.layer).flatMap(({ inputs }) => inputs));
      }
    }
  }

  #joins({ layer }: GraphCall): boolean {
    return keepsGrid(layer) && (this.#concatenations || layer.operation.kind !== 'concatenate');
  }

  #mark(
    call: GraphCall,
    marks: {
      readonly deciding: Set<GraphTensor>;
      readonly rounded: Set<GraphTensor>;
      readonly fixers: Map<GraphTensor, TensorScale>;
    },
  ): void {
    const rule = ruleOf(call.layer);
    for (const tensor of call.outputs) {
      switch (rule.kind) {
        case 'own':
          marks.deciding.add(tensor);
          marks.rounded.add(tensor);
          break;
        case 'fixed':
          marks.fixers.set(tensor, rule.grid);
          marks.rounded.add(tensor);
          break;
        case 'same':
          if (rule.isRounded) marks.rounded.add(tensor);
          // Numbers among what is merged lie where no tensor tells.
          if (call.constants.length > 0) marks.deciding.add(tensor);
          break;
        case 'cap':
          // Below 0, which every range holds, a maximum is an end of its own.
          if (
            call.inputs.some((input) => this.#everyUse(input, saturatesAtCap)) ||
            hasNegative(rule.maxima)
          ) {
            marks.deciding.add(tensor);
          }
          break;
      }
    }
  }

  #everyUse(tensor: GraphTensor, test: (use: GraphTensor) => boolean): boolean {
    const uses = this.#uses.get(this.#keys.get(tensor) ?? '') ?? [];
    return uses.length > 0 && uses.every(test);
  }

  #knows(tensor: GraphTensor): boolean {
    // What is computed with the ReLU behind it is no whole number either.
    return this.#parents.has(tensor) || this.#everyUse(tensor, isFused);
  }

  #rootOf(tensor: GraphTensor): GraphTensor {
    let root = tensor;
    for (let next = this.#parents.get(root); next && next !== root; next = this.#parents.get(root))
      root = next;
    this.#parents.set(tensor, root);
    return root;
  }

  #joinAll(tensors: readonly GraphTensor[]): void {
    const [first, ...others] = tensors.filter((tensor) => this.#parents.has(tensor));
    if (!first) return;
    for (const tensor of others) this.#parents.set(this.#rootOf(tensor), this.#rootOf(first));
  }
}

/** Whether a tensor is computed together with the ReLU behind it, so that nobody ever sees it. */
export function isFused(tensor: GraphTensor): boolean {
  const reader = onlyReader(tensor)?.layer.operation;
  return reader?.kind === 'activation' && isRelu(reader.activation) && canTakeRelu(tensor);
}

function canTakeRelu({ producer }: GraphTensor): boolean {
  if (!producer) return false;
  const { operation } = producer.layer;
  if (isWeighted(operation)) return activationOf(operation).kind === 'linear';
  return operation.kind === 'batchNorm' || (operation.kind === 'merge' && ruleOf(producer.layer) === OWN);
}

/** Whether all that reads a tensor is a cap, whose maxima the kernel that makes the tensor may cut off as well. */
function saturatesAtCap(tensor: GraphTensor): boolean {
  if (onlyReader(tensor)?.layer.operation.kind !== 'cap' || tensor.isModelInput) return false;
  const operation = tensor.producer?.layer.operation;
  if (!operation) return false;
  if (operation.kind === 'activation') return isRelu(operation.activation);
  return isWeighted(operation) || canTakeRelu(tensor);
}

function onlyReader({ consumers, isModelOutput }: GraphTensor): GraphCall | undefined {
  return consumers.length === 1 && !isModelOutput ? consumers[0] : undefined;
}

function hasNegative(values: Float64Array): boolean {
  return values.some((value) => value < 0);
}
