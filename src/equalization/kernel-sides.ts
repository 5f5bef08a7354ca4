import type { Tensor } from '../tensor/tensor.ts';
import type { ScalableLayer } from './channel-graph.ts';
import type { KernelSides } from './kernel-ranges.ts';

/** A kernel of a layer, and the classes of its channels. */
export interface SidedKernel {
  readonly kernel: Tensor;
  readonly sides: KernelSides;
}

/** The kernels of a layer: one, two for SeparableConv, none for a batch norm. */
export function sidedKernels({ layer, inputs, between, outputs }: ScalableLayer): SidedKernel[] {
  const { operation } = layer;
  switch (operation.kind) {
    case 'dense':
      return [matrix(layer.requireWeight('kernel'), inputs, outputs)];
    case 'conv':
      return groupsOf(layer.requireWeight('kernel'), operation.groups, inputs, outputs);
    case 'convTranspose': {
      const kernel = layer.requireWeight('kernel');
      return [{ kernel, sides: { kind: 'matrix', rows: outputs, columns: inputs, inputs: 'columns' } }];
    }
    case 'depthwiseConv':
      return [depthwise(layer.requireWeight('depthwiseKernel'), inputs, outputs)];
    case 'separableConv':
      return between === undefined
        ? []
        : [
            depthwise(layer.requireWeight('depthwiseKernel'), inputs, between),
            matrix(layer.requireWeight('pointwiseKernel'), between, outputs),
          ];
    default:
      return [];
  }
}

function matrix(kernel: Tensor, inputs: Int32Array, outputs: Int32Array): SidedKernel {
  return { kernel, sides: { kind: 'matrix', rows: inputs, columns: outputs, inputs: 'rows' } };
}

/** `[...k, in, multiplier]`: a pair writes channel `in * multiplier + m`. */
function depthwise(kernel: Tensor, inputs: Int32Array, outputs: Int32Array): SidedKernel {
  const multiplier = kernel.columns;
  return {
    kernel,
    sides: {
      kind: 'pairs',
      inputs: outputs.map((_, pair) => inputs[Math.floor(pair / multiplier)] as number),
      outputs,
    },
  };
}

/** `[...k, in / groups, out]`: the columns of a group read the channels of that group. */
function groupsOf(kernel: Tensor, groups: number, inputs: Int32Array, outputs: Int32Array): SidedKernel[] {
  const { rows, columns } = kernel;
  const perGroup = columns / groups;
  return Array.from({ length: groups }, (_, group) => {
    const firstColumn = group * perGroup;
    return {
      kernel,
      sides: {
        kind: 'matrix',
        rows: inputs.subarray(group * rows, (group + 1) * rows),
        columns: outputs.subarray(firstColumn, firstColumn + perGroup),
        inputs: 'rows',
        firstColumn,
      },
    };
  });
}
