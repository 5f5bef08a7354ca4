/**
 * Convolutions that TF.js lacks, from those that it has: causal, grouped and dilated ones, and the families that it has in
 * two dimensions alone.
 *
 * @module
 */

import type { JsonObject } from '../../../json/value.ts';
import type { Layer } from '../../../model/layer.ts';
import { weightNamesOf } from '../../../model/layer-weights.ts';
import type { ModelTensor } from '../../../model/model.ts';
import {
  type ConvOperation,
  type ConvolutionOperation,
  isConvolution,
  type Shape,
} from '../../../model/operation.ts';
import { gathered, reshaped } from '../../../tensor/rearranged.ts';
import type { Tensor } from '../../../tensor/tensor.ts';
import { patchActivation } from '../parse/activation.ts';
import type { Compute, LayerForm } from './layer-form.ts';
import { movedLast, undone } from './moved-axes.ts';

/** A convolution with its weights, the channels last. */
interface Convolution {
  readonly operation: ConvolutionOperation;
  readonly weights: ReadonlyMap<string, Tensor>;
}

/** How a convolution is computed; undefined where TF.js does it itself, and where there is no form for it. */
export function convolutionForm(layer: Layer, input: Shape, output: Shape | undefined): Compute | undefined {
  const { operation, weights } = layer;
  if (!isConvolution(operation) || input.length !== operation.rank + 2) return undefined;
  const isFirst = operation.dataFormat === 'channels_first';
  const order = movedLast(input.length, isFirst ? [1] : []);
  const seen = order.map((axis) => input[axis] ?? null);
  const made = order.map((axis) => output?.[axis] ?? null);
  const one: Convolution = { operation, weights };
  const write = writer(layer);
  const last = lastForm(one, { input: [null, ...seen], output: [null, ...made] }, write);
  // TF.js takes them itself in other families.
  const isMoved = isFirst && /^(Conv1D|SeparableConv2D|DepthwiseConv2D)$/.test(layer.className);
  if (!last && !isMoved) return undefined;
  if (!isFirst) return last;
  const compute: Compute = last ?? ((form, x) => write(form, x, one));
  return (form, x) => form.permuted(compute(form, form.permuted(x, order)), undone(order));
}

type Write = (form: LayerForm, x: ModelTensor, one: Convolution) => ModelTensor;

/** Adds a convolution whose configuration is its operation. */
function writer({ readConfig }: Layer): Write {
  return (form, x, { operation, weights }) => {
    const { kind, rank, activation, useBias, padding } = operation;
    const config: JsonObject = {
      kernel_size: [...operation.kernelSize],
      strides: [...operation.strides],
      dilation_rate: [...operation.dilationRate],
      padding,
      use_bias: useBias,
      activation: patchActivation(readConfig['activation'], activation),
      ...('filters' in operation ? { filters: operation.filters } : {}),
      ...('depthMultiplier' in operation ? { depth_multiplier: operation.depthMultiplier } : {}),
    };
    return form.add(CLASSES[kind].replace('#', String(rank)), config, x, weights);
  };
}

const CLASSES: Record<ConvolutionOperation['kind'], string> = {
  conv: 'Conv#D',
  convTranspose: 'Conv#DTranspose',
  depthwiseConv: 'DepthwiseConv#D',
  separableConv: 'SeparableConv#D',
};

/** With the channels last. */
function lastForm(
  one: Convolution,
  shapes: { readonly input: Shape; readonly output: Shape },
  write: Write,
): Compute | undefined {
  const { operation } = one;
  if (operation.rank === 1) return lineForm(one, shapes, write);
  if (operation.kind === 'conv') return operation.groups > 1 ? groupedForm(one, operation, write) : undefined;
  const isDilated = operation.dilationRate.some((rate) => rate > 1);
  if (!isDilated || operation.kind === 'separableConv' || operation.rank !== 2) return undefined;
  const plain = undilated(one);
  return (form, x) => write(form, x, plain);
}

/** In one dimension: as one of two, the second of which is 1. */
function lineForm(
  one: Convolution,
  { input, output }: { readonly input: Shape; readonly output: Shape },
  write: Write,
): Compute | undefined {
  const { operation } = one;
  const isOfTfjs = operation.kind === 'conv' && operation.groups === 1 && operation.padding !== 'causal';
  if (isOfTfjs) return undefined;
  const [, length, channels] = input;
  const [, steps, filters] = output;
  if (typeof length !== 'number' || typeof steps !== 'number' || !channels || !filters) {
    return operation.kind === 'conv' ? openForm(one, operation, write) : undefined;
  }
  // TF.js passes over an output_padding.
  if (operation.kind === 'convTranspose' && steps !== transposedSteps(operation, length)) return undefined;
  const plane = inPlane(one);
  const before = operation.padding === 'causal' ? reach(operation) - 1 : 0;
  const inner = lastForm(plane, { input: [null, length, 1, channels], output: [] }, write);
  return (form, x) => {
    let y = form.reshaped(x, [length, 1, channels]);
    if (before > 0) {
      y = form.add(
        'ZeroPadding2D',
        {
          padding: [
            [before, 0],
            [0, 0],
          ],
        },
        y,
      );
    }
    y = inner ? inner(form, y) : write(form, y, plane);
    return form.reshaped(y, [steps, filters]);
  };
}

/** The size of the output of a transposed convolution in TF.js. */
function transposedSteps(operation: ConvolutionOperation, length: number): number {
  const [stride = 1] = operation.strides;
  const beyond = operation.padding === 'same' ? 0 : Math.max(reach(operation) - stride, 0);
  return length * stride + beyond;
}

/** Positions from the first to the last that a kernel of one dimension sees. */
function reach({ kernelSize, dilationRate }: ConvolutionOperation): number {
  return ((kernelSize[0] ?? 1) - 1) * (dilationRate[0] ?? 1) + 1;
}

function inPlane({ operation, weights }: Convolution): Convolution {
  const [stride = 1] = operation.strides;
  // Those of a depthwise convolution have to be equal.
  const across = operation.kind === 'convTranspose' ? 1 : stride;
  const plane = {
    ...operation,
    rank: 2,
    kernelSize: [...operation.kernelSize, 1],
    strides: [stride, across],
    dilationRate: [...operation.dilationRate, 1],
    padding: operation.padding === 'causal' ? 'valid' : operation.padding,
  } as ConvolutionOperation;
  const wider = mapKernels({ operation, weights }, (tensor) =>
    reshaped(tensor, [tensor.shape[0] ?? 1, 1, ...tensor.shape.slice(1)]),
  );
  return { operation: plane, weights: wider };
}

/**
 * Where the length is open: with zeros for what a group does not read, and, as TF.js pads both sides alike, with as many
 * zeros behind the kernel of a causal convolution as its others are.
 */
function openForm(one: Convolution, operation: ConvOperation, write: Write): Compute | undefined {
  const isCausal = operation.padding === 'causal';
  if (isCausal && operation.strides.some((stride) => stride > 1)) return undefined;
  let { weights } = operation.groups > 1 ? ungrouped(one, operation) : one;
  let { kernelSize } = operation;
  if (isCausal) {
    const [size = 1] = kernelSize;
    kernelSize = [2 * size - 1];
    weights = mapKernels({ ...one, weights }, (tensor) => {
      const shape = [2 * size - 1, ...tensor.shape.slice(1)];
      return gathered(tensor, shape, (index) => (index < tensor.size ? index : -1));
    });
  }
  const padding = isCausal ? 'same' : operation.padding;
  return (form, x) =>
    write(form, x, { operation: { ...operation, groups: 1, kernelSize, padding }, weights });
}

/** Groups of one channel are a depthwise convolution; others stand side by side, or are one kernel with zeros. */
function groupedForm(one: Convolution, operation: ConvOperation, write: Write): Compute {
  const { groups, filters } = operation;
  const kernel = one.weights.get('kernel') as Tensor;
  const { groups: _, filters: __, ...shape } = operation;
  if (kernel.rows === 1 && operation.rank === 2) {
    const depthMultiplier = filters / groups;
    const depthwise: Convolution = undilated({
      operation: { ...shape, kind: 'depthwiseConv', depthMultiplier },
      weights: renamedKernel(
        one.weights,
        reshaped(kernel, [...kernel.shape.slice(0, 2), groups, depthMultiplier]),
      ),
    });
    // TF.js takes equal strides alone there.
    if (new Set(operation.strides).size === 1) return (form, x) => write(form, x, depthwise);
  }
  if (operation.rank !== 2) {
    const whole = { operation: { ...operation, groups: 1 }, weights: ungrouped(one, operation).weights };
    return (form, x) => write(form, x, whole);
  }
  return (form, x) => {
    const parts = Array.from({ length: groups }, (_, group) => {
      const before = group * kernel.rows;
      const behind = (groups - 1 - group) * kernel.rows;
      const part = {
        operation: { ...operation, groups: 1, filters: filters / groups },
        weights: partOf(one, groups, group),
      };
      return write(form, channelsOf(form, x, before, behind), part);
    });
    return form.add('Concatenate', { axis: -1 }, parts);
  };
}

/** `[b, h, w, c]` without the first and the last channels: with the channels taken for the width. */
function channelsOf(form: LayerForm, x: ModelTensor, before: number, behind: number): ModelTensor {
  return form.add(
    'Cropping2D',
    {
      cropping: [
        [0, 0],
        [before, behind],
      ],
      data_format: 'channels_first',
    },
    x,
  );
}

/** The weights of one of the groups. */
function partOf({ weights }: Convolution, groups: number, group: number): Map<string, Tensor> {
  return new Map(
    [...weights].map(([name, tensor]) => {
      const columns = tensor.columns / groups;
      const shape = [...tensor.shape.slice(0, -1), columns];
      const source = (index: number): number =>
        Math.floor(index / columns) * tensor.columns + group * columns + (index % columns);
      return [name, gathered(tensor, shape, source)];
    }),
  );
}

/** With the kernel of all groups in one, zeros where a filter does not read a channel. */
function ungrouped(one: Convolution, { groups, filters }: ConvOperation): Convolution {
  const each = filters / groups;
  const weights = mapKernels(one, (tensor) => {
    const { rows, columns } = tensor;
    return gathered(tensor, [...tensor.shape.slice(0, -2), rows * groups, columns], (index) => {
      const column = index % columns;
      const row = Math.floor(index / columns) % (rows * groups);
      const position = Math.floor(index / (columns * rows * groups));
      return Math.floor(row / rows) === Math.floor(column / each)
        ? (position * rows + (row % rows)) * columns + column
        : -1;
    });
  });
  return { ...one, weights };
}

/** In two dimensions, with zeros between the values of the kernel in the place of the dilation. */
function undilated(one: Convolution): Convolution {
  const { operation } = one;
  const [down = 1, across = 1] = operation.dilationRate;
  if (down === 1 && across === 1) return one;
  const [height = 1, width = 1] = operation.kernelSize;
  const kernelSize = [(height - 1) * down + 1, (width - 1) * across + 1] as const;
  const weights = mapKernels(one, (tensor) => {
    const pairs = tensor.rows * tensor.columns;
    return gathered(tensor, [...kernelSize, ...tensor.shape.slice(2)], (index) => {
      const place = Math.floor(index / pairs);
      const [row, column] = [Math.floor(place / kernelSize[1]), place % kernelSize[1]];
      if (row % down !== 0 || column % across !== 0) return -1;
      return ((row / down) * width + column / across) * pairs + (index % pairs);
    });
  });
  return { operation: { ...operation, kernelSize, dilationRate: [1, 1] }, weights };
}

function mapKernels(
  { operation, weights }: Convolution,
  change: (tensor: Tensor) => Tensor,
): ReadonlyMap<string, Tensor> {
  const names: readonly string[] = weightNamesOf(operation) ?? [];
  return new Map(
    [...weights].map(([name, tensor]) => [
      name,
      names.includes(name) && name !== 'bias' ? change(tensor) : tensor,
    ]),
  );
}

function renamedKernel(weights: ReadonlyMap<string, Tensor>, kernel: Tensor): Map<string, Tensor> {
  return new Map(
    [...weights].map(([name, tensor]) => (name === 'kernel' ? ['depthwiseKernel', kernel] : [name, tensor])),
  );
}
