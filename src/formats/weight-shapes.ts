/**
 * Whether the weights of a layer fit its configuration and one another.
 *
 * @module
 */

import { InvalidModelError, LimitError } from '../errors.ts';
import type { Layer } from '../model/layer.ts';
import { type WeightName, weightNamesOf } from '../model/layer-weights.ts';
import { activationOf, type Operation } from '../model/operation.ts';
import { sizeOf } from '../tensor/dtype.ts';
import { isSerialized } from './keras-config/serialized-objects.ts';
import { KERAS_WEIGHT_NAMES } from './keras-weight-names.ts';

const NOT_OF_ONE_MODEL = 'the configuration and the weights are not of the same model: save it again';

/** What a dimension must be; null where any length will do. */
type ExpectedShape = readonly (number | null)[];

/**
 * Checks that the layer has the weights of its operation and no others, in shapes that fit its configuration. Opaque layers
 * pass.
 *
 * @throws {@link InvalidModelError} naming the weight, what it has and what it needs.
 */
export function checkWeights(layer: Layer, source: string): void {
  const names: readonly string[] | undefined = weightNamesOf(layer.operation);
  const surplus =
    names && !mayHaveMore(layer) ? [...layer.weights.keys()].filter((name) => !names.includes(name)) : [];
  if (surplus.length > 0) {
    throw new InvalidModelError(
      layer.path,
      `${source} has weights for it that a ${layer.className} does not have (${surplus.join(', ')}); ${NOT_OF_ONE_MODEL}`,
    );
  }
  for (const [name, { shape }] of layer.weights) checkEmpty(shape, `${source}: ${layer.path}/${name}`);
  for (const name of weightNamesOf(layer.operation) ?? []) {
    const label = `${layer.path}/${KERAS_WEIGHT_NAMES[name]}`;
    const tensor = layer.weights.get(name);
    if (!tensor) {
      throw new InvalidModelError(label, `missing in ${source}; ${NOT_OF_ONE_MODEL}`);
    }
    const expected = expectedOf(layer.operation, name, (other) => layer.weights.get(other)?.shape);
    if (expected && !fits(tensor.shape, expected)) throw mismatch(layer, name, label, expected);
  }
}

/** Whether the weights of the operation need not be all: an activation may have some, and a batch norm that renormalizes. */
function mayHaveMore({ operation, readConfig }: Layer): boolean {
  if (activationOf(operation).kind === 'prelu') return true;
  const { activation, renorm } = readConfig;
  const isLayer = isSerialized(activation) && activation['class_name'] !== 'function';
  return isLayer || (operation.kind === 'batchNorm' && renorm === true);
}

/** A weight without elements takes no room in a file, whatever its other dimensions are, which sums over it would have. */
const MOST_BESIDE_NONE = 2 ** 20;

function checkEmpty(shape: readonly number[], where: string): void {
  if (!shape.includes(0)) return;
  const others = sizeOf(shape.filter((length) => length > 0));
  if (others > MOST_BESIDE_NONE) {
    throw new LimitError(`${where}: dimensions of a weight without elements`, others, MOST_BESIDE_NONE);
  }
}

/** Whether tensors of these shapes could be the weights of the layer, in Keras' order. */
export function shapesFit(operation: Operation, shapes: readonly (readonly number[])[]): boolean {
  const names = weightNamesOf(operation);
  if (!names) return true;
  return (
    shapes.length >= names.length &&
    names.every((name, index) => {
      const shape = shapes[index];
      const expected = expectedOf(operation, name, (other) => shapes[names.indexOf(other)]);
      return shape !== undefined && (expected === undefined || fits(shape, expected));
    })
  );
}

function expectedOf(
  operation: Operation,
  name: WeightName,
  shapeOf: (name: WeightName) => readonly number[] | undefined,
): ExpectedShape | undefined {
  switch (operation.kind) {
    case 'conv':
      return name === 'kernel' ? [...operation.kernelSize, null, operation.filters] : [operation.filters];
    case 'convTranspose':
      return name === 'kernel' ? [...operation.kernelSize, operation.filters, null] : [operation.filters];
    case 'dense':
      return name === 'kernel' ? [null, operation.units] : [operation.units];
    case 'depthwiseConv': {
      if (name === 'depthwiseKernel') return [...operation.kernelSize, null, operation.depthMultiplier];
      return [lastTwo(shapeOf('depthwiseKernel'))];
    }
    case 'separableConv': {
      if (name === 'depthwiseKernel') return [...operation.kernelSize, null, operation.depthMultiplier];
      if (name === 'bias') return [operation.filters];
      const ones = operation.kernelSize.map(() => 1);
      return [...ones, lastTwo(shapeOf('depthwiseKernel')), operation.filters];
    }
    case 'batchNorm':
      return name === 'movingVariance' ? undefined : shapeOf('movingVariance');
    default:
      return undefined;
  }
}

/** Channels times multiplier of a depthwise kernel. */
function lastTwo(shape: readonly number[] | undefined): number | null {
  const [channels, multiplier] = shape?.slice(-2) ?? [];
  return channels === undefined || multiplier === undefined ? null : channels * multiplier;
}

function fits(shape: readonly number[], expected: ExpectedShape): boolean {
  return (
    shape.length === expected.length &&
    expected.every((length, axis) => length === null || length === shape[axis])
  );
}

function mismatch(layer: Layer, name: WeightName, label: string, expected: ExpectedShape): InvalidModelError {
  const shape = layer.weights.get(name)?.shape ?? [];
  const [kernelName = name] = weightNamesOf(layer.operation) ?? [];
  const kernel = kernelName === name ? undefined : layer.weights.get(kernelName);
  const needed = expected.map((length) => length ?? 'any').join(', ');
  const found =
    kernel && shape.length === 1 && expected.length === 1
      ? `${shape[0]} values, ${KERAS_WEIGHT_NAMES[kernelName]} [${kernel.shape.join(', ')}] needs ${needed}`
      : `shape [${shape.join(', ')}], the configuration needs [${needed}]`;
  return new InvalidModelError(label, `${found}; ${NOT_OF_ONE_MODEL}`);
}
