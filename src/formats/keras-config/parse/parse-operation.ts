/**
 * From a layer's class name and configuration to what it computes.
 *
 * @module
 */

import { inside, mismatch, type Place, requireArray } from '../../../json/place.ts';
import type { JsonObject, JsonValue } from '../../../json/value.ts';
import { kerasQuantization } from '../../../model/keras-quantized.ts';
import type {
  ConvOperation,
  DataFormat,
  MergeKind,
  Operation,
  Padding,
  PoolOperation,
  Shape,
} from '../../../model/operation.ts';
import { AUGMENTATIONS, presentClassName } from '../layer-classes.ts';
import { numbersIn } from '../serialized-objects.ts';
import { parseActivation, parseActivationLayer } from './activation.ts';
import { axisNumber, numberOr, positiveInteger, wholeNumber } from './config-numbers.ts';

type Rank = 1 | 2 | 3;

/** Layers that do nothing. */
const IDENTITIES = new Set(['ActivityRegularization', 'Identity']);

/** Layers that do nothing in inference, and in training something at random. */
const RANDOM = new Set([
  ...AUGMENTATIONS,
  'AlphaDropout',
  'Dropout',
  'GaussianDropout',
  'GaussianNoise',
  'SpatialDropout1D',
  'SpatialDropout2D',
  'SpatialDropout3D',
]);

const MERGES: ReadonlyMap<string, MergeKind> = new Map<string, MergeKind>([
  ['Add', 'add'],
  ['Subtract', 'subtract'],
  ['Multiply', 'multiply'],
  ['Average', 'average'],
  ['Maximum', 'maximum'],
  ['Minimum', 'minimum'],
]);

const SPATIAL =
  /^(Conv|DepthwiseConv|SeparableConv|ZeroPadding|Cropping|UpSampling|MaxPooling|AveragePooling|GlobalMaxPooling|GlobalAveragePooling)([123])D(Transpose)?$/;

/**
 * What a layer of class `className` with `config` computes.
 *
 * @throws FormatError where an entry that decides it has the wrong type.
 */
export function parseOperation(className: string, config: JsonObject, place: Place): Operation {
  if (kerasQuantization(config) !== undefined) return { kind: 'opaque' };
  const name = presentClassName(className);
  if (IDENTITIES.has(name)) return { kind: 'identity', isRandom: false };
  if (RANDOM.has(name)) return { kind: 'identity', isRandom: config['rate'] !== 0 };
  const merge = MERGES.get(name);
  if (merge) return { kind: 'merge', merge };
  const activation = parseActivationLayer(name, config);
  if (activation?.kind === 'linear') return { kind: 'identity', isRandom: false };
  if (activation?.kind === 'prelu')
    return { kind: 'activation', activation, sharedAxes: sharedAxes(config, place) };
  if (activation) return { kind: 'activation', activation };
  const [, family, rank, transposed] = SPATIAL.exec(name) ?? [];
  if (family) return spatialOperation(family, Number(rank) as Rank, !!transposed, config, place);
  switch (name) {
    case 'InputLayer':
      return {
        kind: 'input',
        shape: parseShape(config['batch_shape'] ?? config['batch_input_shape'], inside(place, 'batch_shape')),
        dtype: typeof config['dtype'] === 'string' ? config['dtype'] : 'float32',
      };
    case 'Dense':
      return {
        kind: 'dense',
        units: positiveInteger(config['units'], undefined, inside(place, 'units')),
        useBias: config['use_bias'] !== false,
        activation: parseActivation(config['activation']),
      };
    case 'BatchNormalization':
      return batchNorm(config, place);
    case 'Flatten':
      return { kind: 'flatten', dataFormat: dataFormat(config, place) };
    case 'Reshape':
      return {
        kind: 'reshape',
        targetShape: requireArray(config['target_shape'], inside(place, 'target_shape')).map((dimension) =>
          wholeNumber(dimension, { least: -1, fallback: -1 }, inside(place, 'target_shape')),
        ),
      };
    case 'Permute':
      return permutation(config['dims']);
    case 'Rescaling':
      return rescaling(config);
    case 'Concatenate':
      return { kind: 'concatenate', axis: axisNumber(config['axis'], inside(place, 'axis')) };
    default:
      return { kind: 'opaque' };
  }
}

function permutation(dims: JsonValue | undefined): Operation {
  const axes = Array.isArray(dims) ? [0, ...dims.map(Number)] : [];
  const sorted = axes.toSorted((one, other) => one - other);
  const isWhole = axes.length > 1 && sorted.every((axis, index) => axis === index);
  return isWhole ? { kind: 'permute', axes } : { kind: 'opaque' };
}

/** Numbers, or lists of them along the last axis; opaque where they are others. */
function rescaling(config: JsonObject): Operation {
  const scale = numbersAlong(config['scale']);
  const offset = numbersAlong(config['offset'] ?? 0);
  return scale && offset ? { kind: 'rescaling', scale, offset } : { kind: 'opaque' };
}

function numbersAlong(value: JsonValue | undefined): readonly number[] | undefined {
  const plain = numbersIn(value) ?? value;
  const list = Array.isArray(plain) ? plain : [plain];
  const numbers = list.filter((one): one is number => typeof one === 'number');
  return numbers.length === list.length && numbers.length > 0 ? numbers : undefined;
}

function spatialOperation(
  family: string,
  rank: Rank,
  transposed: boolean,
  config: JsonObject,
  place: Place,
): Operation {
  switch (family) {
    case 'Conv':
    case 'DepthwiseConv':
    case 'SeparableConv':
      return convolution(family, rank, transposed, config, place);
    case 'ZeroPadding':
      return {
        kind: 'zeroPadding',
        padding: sidePairs(config['padding'], rank, 1, place),
        dataFormat: dataFormat(config, place),
      };
    case 'Cropping':
      return {
        kind: 'cropping',
        cropping: sidePairs(config['cropping'], rank, rank === 1 ? 1 : 0, place),
        dataFormat: dataFormat(config, place),
      };
    case 'UpSampling':
      return {
        kind: 'upSampling',
        size: sizes(config['size'], rank, 2, inside(place, 'size')),
        interpolation: typeof config['interpolation'] === 'string' ? config['interpolation'] : 'nearest',
        dataFormat: dataFormat(config, place),
      };
    default:
      return pooling(family, rank, config, place);
  }
}

function convolution(
  family: string,
  rank: Rank,
  transposed: boolean,
  config: JsonObject,
  place: Place,
): Operation {
  const shape = {
    rank,
    kernelSize: sizes(config['kernel_size'], rank, undefined, inside(place, 'kernel_size')),
    strides: sizes(config['strides'], rank, 1, inside(place, 'strides')),
    dilationRate: sizes(config['dilation_rate'], rank, 1, inside(place, 'dilation_rate')),
    padding: padding(config, place),
    dataFormat: dataFormat(config, place),
    useBias: config['use_bias'] !== false,
    activation: parseActivation(config['activation']),
  };
  const depthMultiplier = (): number =>
    positiveInteger(config['depth_multiplier'], 1, inside(place, 'depth_multiplier'));
  if (family === 'DepthwiseConv') {
    return transposed
      ? { kind: 'opaque' }
      : { kind: 'depthwiseConv', ...shape, depthMultiplier: depthMultiplier() };
  }
  const filters = positiveInteger(config['filters'], undefined, inside(place, 'filters'));
  if (family === 'SeparableConv')
    return { kind: 'separableConv', ...shape, filters, depthMultiplier: depthMultiplier() };
  if (transposed) {
    const extra = config['output_padding'];
    return {
      kind: 'convTranspose',
      ...shape,
      filters,
      outputPadding:
        extra === undefined || extra === null
          ? undefined
          : forEachAxis(extra, rank, inside(place, 'output_padding')).map((side) =>
              wholeNumber(side, { least: 0, fallback: 0 }, inside(place, 'output_padding')),
            ),
    };
  }
  const conv: ConvOperation = {
    kind: 'conv',
    ...shape,
    filters,
    groups: positiveInteger(config['groups'], 1, inside(place, 'groups')),
  };
  if (filters % conv.groups !== 0)
    throw mismatch(inside(place, 'groups'), `a divisor of ${filters} filters`, conv.groups);
  return conv;
}

function pooling(family: string, rank: Rank, config: JsonObject, place: Place): PoolOperation {
  const global = family.startsWith('Global');
  const poolSize = global ? [] : sizes(config['pool_size'], rank, 2, inside(place, 'pool_size'));
  return {
    kind: 'pool',
    rank,
    reduce: family.includes('Max') ? 'max' : 'average',
    global,
    keepDims: config['keepdims'] === true,
    poolSize,
    strides:
      global || config['strides'] === null || config['strides'] === undefined
        ? poolSize
        : sizes(config['strides'], rank, undefined, inside(place, 'strides')),
    padding: global ? 'valid' : padding(config, place),
    dataFormat: dataFormat(config, place),
  };
}

function batchNorm(config: JsonObject, place: Place): Operation {
  const axis = config['axis'] ?? -1;
  const axes = (Array.isArray(axis) ? axis : [axis]).map((one) => axisNumber(one, inside(place, 'axis')));
  const epsilon = numberOr(config['epsilon'], 1e-3, inside(place, 'epsilon'));
  if (epsilon < 0) throw mismatch(inside(place, 'epsilon'), 'a number of at least 0', epsilon);
  return {
    kind: 'batchNorm',
    axes,
    epsilon,
    scale: config['scale'] !== false,
    center: config['center'] !== false,
  };
}

function sharedAxes(config: JsonObject, place: Place): number[] {
  const axes = config['shared_axes'];
  return Array.isArray(axes) ? axes.map((axis) => axisNumber(axis, inside(place, 'shared_axes'))) : [];
}

function dataFormat(config: JsonObject, place: Place): DataFormat {
  const value = config['data_format'] ?? 'channels_last';
  if (value !== 'channels_last' && value !== 'channels_first') {
    throw mismatch(inside(place, 'data_format'), 'channels_last or channels_first', value);
  }
  return value;
}

function padding(config: JsonObject, place: Place): Padding {
  const value = config['padding'] ?? 'valid';
  if (value !== 'valid' && value !== 'same' && value !== 'causal') {
    throw mismatch(inside(place, 'padding'), 'valid, same or causal', value);
  }
  return value;
}

/** A number for each spatial dimension, from one for all or a list. */
function sizes(
  value: JsonValue | undefined,
  rank: Rank,
  fallback: number | undefined,
  place: Place,
): number[] {
  return forEachAxis(value, rank, place).map((one) => positiveInteger(one, fallback, place));
}

/** What is given for each spatial dimension: one for all, or a list. */
function forEachAxis<Value>(value: Value | Value[], rank: Rank, place: Place): Value[] {
  const list = Array.isArray(value) ? value : Array<Value>(rank).fill(value);
  if (list.length !== rank) throw mismatch(place, `${rank} numbers`, value);
  return list;
}

/** `[before, after]` for each spatial dimension, from a number, a list of numbers, or a list of pairs. */
function sidePairs(
  value: JsonValue | undefined,
  rank: Rank,
  fallback: number,
  place: Place,
): [number, number][] {
  const side = (one: JsonValue | undefined): number => wholeNumber(one, { least: 0, fallback }, place);
  if (!Array.isArray(value)) return Array.from({ length: rank }, () => [side(value), side(value)]);
  // One dimension is written as one pair: [before, after].
  if (rank === 1 && value.length === 2 && !Array.isArray(value[0])) return [[side(value[0]), side(value[1])]];
  if (value.length !== rank) throw mismatch(place, `${rank} sides`, value);
  return value.map((one) => (Array.isArray(one) ? [side(one[0]), side(one[1])] : [side(one), side(one)]));
}

/** A shape with the batch first, or undefined where none is given. */
export function parseShape(value: JsonValue | undefined, place: Place): Shape | undefined {
  if (value === undefined || value === null) return undefined;
  // Keras 3 gives the shapes of several inputs as a list or a record of shapes; nobody here needs those. An empty one
  // is what we write where a shape is not known: a tensor of a model has a batch dimension at least.
  if (
    !Array.isArray(value) ||
    value.length === 0 ||
    value.some((dimension) => typeof dimension === 'object' && dimension !== null)
  ) {
    return undefined;
  }
  return value.map((dimension) => (dimension === null ? null : wholeNumber(dimension, { least: 0 }, place)));
}
