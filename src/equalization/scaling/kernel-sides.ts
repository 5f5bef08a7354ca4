import type { Layer } from '../../model/layer.ts';
import type { WeightName } from '../../model/layer-weights.ts';
import type { ScalableLayer } from '../channels/channel-graph.ts';
import type { KernelSides } from './kernel-ranges.ts';

/** A kernel of a layer, and the classes of its channels. */
export interface SidedKernel {
  readonly name: WeightName;
  readonly sides: KernelSides;
}

/** The kernels of a layer: one, two for SeparableConv, none for a batch norm. */
export function sidedKernels({ layer, inputs, between, outputs }: ScalableLayer): SidedKernel[] {
  const { operation } = layer;
  switch (operation.kind) {
    case 'dense':
      return [matrix('kernel', inputs, outputs)];
    case 'conv':
      return groupsOf(layer, operation.groups, inputs, outputs);
    case 'convTranspose':
      return [
        { name: 'kernel', sides: { kind: 'matrix', rows: outputs, columns: inputs, inputs: 'columns' } },
      ];
    case 'depthwiseConv':
      return [depthwise(layer, inputs, outputs)];
    case 'separableConv':
      return between === undefined
        ? []
        : [depthwise(layer, inputs, between), matrix('pointwiseKernel', between, outputs)];
    default:
      return [];
  }
}

function matrix(name: WeightName, inputs: Int32Array, outputs: Int32Array): SidedKernel {
  return { name, sides: { kind: 'matrix', rows: inputs, columns: outputs, inputs: 'rows' } };
}

/** `[...k, in, multiplier]`: a pair writes channel `in * multiplier + m`. */
function depthwise(layer: Layer, inputs: Int32Array, outputs: Int32Array): SidedKernel {
  const multiplier = layer.requireWeight('depthwiseKernel').columns;
  return {
    name: 'depthwiseKernel',
    sides: {
      kind: 'pairs',
      inputs: outputs.map((_, pair) => inputs[Math.floor(pair / multiplier)] as number),
      outputs,
    },
  };
}

/** `[...k, in / groups, out]`: the columns of a group read the channels of that group. */
function groupsOf(layer: Layer, groups: number, inputs: Int32Array, outputs: Int32Array): SidedKernel[] {
  const { rows, columns } = layer.requireWeight('kernel');
  const perGroup = columns / groups;
  return Array.from({ length: groups }, (_, group) => {
    const firstColumn = group * perGroup;
    return {
      name: 'kernel',
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
