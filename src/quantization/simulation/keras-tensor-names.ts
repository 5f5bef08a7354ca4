/**
 * The names that Keras 2 gives to the tensors and weights of a model, which are the keys of AIMET's encodings.
 *
 * @module
 */

import type { Graph, GraphCall, GraphTensor } from '../../model/graph.ts';
import type { Layer } from '../../model/layer.ts';
import type { Model } from '../../model/model.ts';
import type {
  Activation,
  MergeKind,
  Operation,
  PoolOperation,
  WeightedOperation,
} from '../../model/operation.ts';

/** `conv/kernel:0`, as `layer.weights[i].name` is; `scope` is the layer's name. */
export function kerasVariableName(scope: string, weight: string): string {
  return `${scope}/${weight.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}:0`;
}

/** The name of each layer, or its path where layers of several nested models have that name. */
export function layerScopes(model: Model): Map<Layer, string> {
  const layers = [...model.allLayers()].map(({ layer }) => layer);
  const counts = new Map<string, number>();
  for (const { name } of layers) counts.set(name, (counts.get(name) ?? 0) + 1);
  return new Map(layers.map((layer) => [layer, counts.get(layer.name) === 1 ? layer.name : layer.path]));
}

/**
 * `conv/Relu:0` for each tensor of the graph, whose shapes are inferred, as `layer.output.name` is with tf.keras 2.10 to
 * 2.15: with the last TensorFlow operation of the layer. A layer whose operations are not known here gives `layer:0`, as
 * AIMET names what it cannot see into; an input of the model is `image:0`. Keras gives the outputs of a shared layer one
 * name; here the later ones are `conv/Relu_1:0`, and so on.
 */
export function tensorNames(model: Model, graph: Graph): Map<GraphTensor, string> {
  const scopes = layerScopes(model);
  const names = new Map<GraphTensor, string>();
  for (const tensor of graph.inputs) {
    const name = tensor.producer?.layer.name ?? `${graph.calls[0]?.layer.name ?? model.name}_input`;
    names.set(tensor, `${name}:0`);
  }
  for (const call of graph.calls) {
    if (call.layer.operation.kind === 'input') continue;
    const operation = lastOperation(call);
    const scope = scopes.get(call.layer) ?? call.path;
    const nth = graph.callsOf(call.layer).indexOf(call);
    const name = `${operation === undefined ? scope : `${scope}/${operation}`}${nth > 0 ? `_${nth}` : ''}`;
    for (const tensor of call.outputs) names.set(tensor, `${name}:${tensor.index}`);
  }
  return names;
}

/** Functions of TensorFlow, as operators are called, whose last operation is not that of the layer that computes the same. */
const FUNCTIONS: ReadonlyMap<string, string> = new Map([
  ['__operators__.add', 'AddV2'],
  ['math.add', 'Add'],
  ['math.add_n', 'AddN'],
  ['math.subtract', 'Sub'],
  ['math.multiply', 'Mul'],
  ['math.truediv', 'truediv'],
  ['math.negative', 'Neg'],
  ['math.maximum', 'Maximum'],
  ['math.minimum', 'Minimum'],
  ['clip_by_value', 'clip_by_value'],
  ['nn.gelu', 'Gelu/mul_1'],
  ['nn.leaky_relu', 'LeakyRelu'],
  ['nn.log_softmax', 'LogSoftmax'],
  ['expand_dims', 'ExpandDims'],
  ['compat.v1.squeeze', 'Squeeze'],
  ['identity', 'Identity'],
  ['stop_gradient', 'StopGradient'],
  ['__operators__.getitem', 'strided_slice'],
]);

function lastOperation(call: GraphCall): string | undefined {
  const { operation, readConfig } = call.layer;
  const ofFunction = FUNCTIONS.get(String(readConfig['function']));
  if (ofFunction !== undefined) return ofFunction;
  switch (operation.kind) {
    case 'conv':
    case 'convTranspose':
    case 'depthwiseConv':
    case 'separableConv':
    case 'dense':
      return operation.activation.kind === 'linear'
        ? kernelOperation(operation, rankOf(call))
        : activationOperation(operation.activation, call.layer.className);
    case 'activation':
      return activationOperation(operation.activation, call.layer.className);
    case 'batchNorm':
      return (rankOf(call) ?? 4) >= 4 ? 'FusedBatchNormV3' : 'batchnorm/add_1';
    case 'pool':
      return poolOperation(operation);
    case 'merge':
      return mergeOperation(operation.merge, call.inputs.length);
    default:
      return plainOperation(operation, call.layer.className);
  }
}

function rankOf(call: GraphCall): number | undefined {
  return call.input?.shape?.length;
}

function kernelOperation(operation: WeightedOperation, inputRank: number | undefined): string {
  const { kind, useBias } = operation;
  if ((kind === 'depthwiseConv' || kind === 'separableConv') && operation.rank === 1) return 'Squeeze';
  if (useBias) return 'BiasAdd';
  switch (kind) {
    case 'dense':
      return (inputRank ?? 2) > 2 ? 'Tensordot' : 'MatMul';
    case 'conv':
      return operation.rank === 1 ? 'Conv1D/Squeeze' : `Conv${operation.rank}D`;
    case 'convTranspose':
      return operation.rank === 1 ? 'conv1d_transpose/Squeeze' : `conv${operation.rank}d_transpose`;
    case 'depthwiseConv':
      return 'depthwise';
    case 'separableConv':
      return 'separable_conv2d';
  }
}

const ACTIVATIONS: ReadonlyMap<string, string> = new Map([
  ['sigmoid', 'Sigmoid'],
  ['softmax', 'Softmax'],
  ['tanh', 'Tanh'],
  ['swish', 'IdentityN'],
  ['silu', 'IdentityN'],
  ['elu', 'Elu'],
  ['selu', 'Selu'],
  ['softplus', 'Softplus'],
  ['softsign', 'Softsign'],
  ['hard_sigmoid', 'clip_by_value'],
  ['exponential', 'Exp'],
]);

function activationOperation(activation: Activation, className: string): string | undefined {
  switch (activation.kind) {
    case 'linear':
      return undefined;
    case 'prelu':
      return 'add';
    case 'other':
      return ACTIVATIONS.get(activation.name.toLowerCase());
    case 'relu':
      if (activation.negativeSlope !== 0) return className === 'ReLU' ? 'sub' : 'LeakyRelu';
      if (activation.threshold !== 0) return 'mul';
      if (activation.maxValue === undefined) return 'Relu';
      return activation.maxValue === 6 ? 'Relu6' : 'clip_by_value';
  }
}

function poolOperation({ rank, reduce, global }: PoolOperation): string {
  if (global) return reduce === 'max' ? 'Max' : 'Mean';
  if (rank === 1) return 'Squeeze';
  return `${reduce === 'max' ? 'MaxPool' : 'AvgPool'}${rank === 3 ? '3D' : ''}`;
}

/** More than two tensors are merged one after the other, and the last of these operations has a number. */
function mergeOperation(merge: MergeKind, tensors: number): string {
  const nth = (name: string): string => (tensors > 2 ? `${name}_${tensors - 2}` : name);
  switch (merge) {
    case 'add':
      return nth('add');
    case 'subtract':
      return 'sub';
    case 'multiply':
      return nth('mul');
    case 'average':
      return 'truediv';
    case 'maximum':
      return nth('Maximum');
    case 'minimum':
      return nth('Minimum');
  }
}

function plainOperation(operation: Operation, className: string): string | undefined {
  switch (operation.kind) {
    case 'cap':
      return 'Minimum';
    case 'zeroPadding':
      return 'Pad';
    case 'cropping':
    case 'slice':
      return 'strided_slice';
    case 'permute':
      return 'transpose';
    case 'rescaling':
      return 'add';
    case 'upSampling':
      if (operation.size.length === 1) return 'concat';
      return operation.interpolation === 'bilinear'
        ? 'resize/ResizeBilinear'
        : 'resize/ResizeNearestNeighbor';
    case 'flatten':
    case 'reshape':
    case 'steps':
      return 'Reshape';
    case 'concatenate':
      return 'concat';
    case 'identity':
      return className.endsWith('Dropout') || className.startsWith('SpatialDropout') ? 'Identity' : undefined;
    default:
      return undefined;
  }
}
