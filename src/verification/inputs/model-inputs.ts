/**
 * What a model takes: its inputs by name, with what can be told of them.
 *
 * @module
 */

import { CannotRunError, UnsupportedModelError } from '../../errors.ts';
import { channelCount } from '../../model/channels.ts';
import { buildGraph, type GraphTensor } from '../../model/graph.ts';
import type { Model } from '../../model/model.ts';
import { axisOfFormat, type DataFormat, isConvolution, type Shape } from '../../model/operation.ts';
import { dimensionsText } from '../../text/numbers.ts';
import { describeNormalization, type Normalization } from './normalization.ts';

/** How a picture lies in a tensor `[samples, height, width, channels]` or `[samples, channels, height, width]`. */
export interface ImageLayout {
  /** Null where the model takes any. */
  readonly height: number | null;
  /** Null where the model takes any. */
  readonly width: number | null;
  readonly channels: 1 | 3 | 4;
  readonly dataFormat: DataFormat;
}

/** An input of a model. */
export interface ModelInput {
  /** The name of its InputLayer, or of the layer that reads it where it has none. */
  readonly name: string;
  /** With the samples first; null where the model takes any size. */
  readonly shape: Shape;
  /** As the model gives it: `float32`, `int32`, `uint8`, … */
  readonly dtype: string;
  /** Undefined where it does not look like a picture. */
  readonly image: ImageLayout | undefined;
  /** In the flat graph. */
  readonly tensor: GraphTensor;
}

/**
 * The inputs of `model` in their order. One looks like a picture where it has four dimensions, of which that of the
 * channels is 1, 3 or 4.
 *
 * @throws CannotRunError where the shape of one can not be told, or has a dimension of 0.
 */
export function modelInputs(model: Model): ModelInput[] {
  return buildGraph(model).inputs.map((tensor, index) => {
    const producer = tensor.producer?.layer;
    const name = producer?.name ?? tensor.consumers[0]?.layer.name ?? `input ${index}`;
    const input = producer?.operation.kind === 'input' ? producer.operation : undefined;
    const shape = tensor.shape ?? input?.shape ?? shapeForReader(tensor);
    if (shape === undefined) {
      throw new CannotRunError(name, 'its shape is not in the file; save the model again after it was built');
    }
    if (shape.includes(0))
      throw new CannotRunError(name, `an input of shape ${dimensionsText(shape)} has no values`);
    const dtype = model.inputs[index]?.dtype ?? input?.dtype ?? 'float32';
    return { name, shape, dtype, image: imageLayout(shape, tensor), tensor };
  });
}

/** Whether its sides are like those of a picture. Sound comes in this form too, as spectra: 49 steps of 10 values. */
function isLikePicture({ height, width }: ImageLayout): boolean {
  if (height === null || width === null) return true;
  return Math.max(height, width) <= 3 * Math.min(height, width);
}

/**
 * What inputs are given, in words: `pixels as x/255`. What only lies like a picture has values. A normalization that is left out
 * is none.
 */
export function describeScaling(
  inputs: readonly ModelInput[],
  normalization: Normalization | undefined,
): string {
  if (normalization === undefined) return 'values as they are';
  const images = inputs.flatMap(({ image }) => image ?? []);
  const what = images.every(isLikePicture) ? 'pixels' : 'values';
  return `${what} as ${describeNormalization(normalization)}`;
}

/** The names of inputs, for messages. */
export function namesOf(inputs: readonly ModelInput[]): string {
  return inputs.map(({ name }) => name).join(', ');
}

/** What is no input for a model, with what to do. */
export function unfit(message: string, feature: 'inputs' | 'labels' = 'inputs'): UnsupportedModelError {
  return new UnsupportedModelError(feature, message);
}

/** The shape that the first layer asks for: a Sequential from before Keras 2.2 has it nowhere else. */
function shapeForReader(tensor: GraphTensor): Shape | undefined {
  const layer = tensor.consumers[0]?.layer;
  if (!layer || layer.weights.size === 0) return undefined;
  const { operation } = layer;
  if (operation.kind === 'dense') return [null, channelCount(layer, 'input')];
  if (!isConvolution(operation)) return undefined;
  const groups = operation.kind === 'conv' ? operation.groups : 1;
  const channels = channelCount(layer, 'input') * groups;
  const spatial = operation.kernelSize.map(() => null);
  return operation.dataFormat === 'channels_first'
    ? [null, channels, ...spatial]
    : [null, ...spatial, channels];
}

function imageLayout(shape: Shape, tensor: GraphTensor): ImageLayout | undefined {
  if (shape.length !== 4) return undefined;
  const formats = ['channels_last', 'channels_first'] as const;
  const told = formats.filter((format) => axisOfFormat(format, 2) === tensor.channelAxis);
  for (const dataFormat of told.length > 0 ? told : formats) {
    const [channels, height, width] =
      dataFormat === 'channels_first' ? [shape[1], shape[2], shape[3]] : [shape[3], shape[1], shape[2]];
    if (channels === 1 || channels === 3 || channels === 4) {
      return { height: height ?? null, width: width ?? null, channels, dataFormat };
    }
  }
  return undefined;
}
