/**
 * What a layer computes, in terms that the algorithms need: parsed once by `formats`, read by everything else.
 *
 * @module
 */

/** An activation, wherever it stands: a layer of its own or fused into another. */
export type Activation =
  | { readonly kind: 'linear' }
  /**
   * `x >= maxValue ? maxValue : x >= threshold ? x : negativeSlope * (x - threshold)`; covers ReLU, ReLU6 and
   * LeakyReLU.
   */
  | {
      readonly kind: 'relu';
      readonly maxValue: number | undefined;
      readonly negativeSlope: number;
      readonly threshold: number;
    }
  /** A learned slope per element of the weight `alpha`. */
  | { readonly kind: 'prelu' }
  /** Anything else, by its Keras name. */
  | { readonly kind: 'other'; readonly name: string };

/** A ReLU of any kind. */
export type Relu = Activation & { readonly kind: 'relu' };

/** Where the channels of a tensor lie. */
export type DataFormat = 'channels_last' | 'channels_first';

/** The axis of the channels of a tensor with `rank` spatial dimensions, counted from the end. */
export function axisOfFormat(format: DataFormat, rank: number): number {
  return format === 'channels_first' ? -1 - rank : -1;
}

/** Padding that a layer adds by itself. */
export type Padding = 'valid' | 'same' | 'causal';

/** What Conv, DepthwiseConv, SeparableConv and Conv…Transpose have in common. */
interface ConvolutionShape {
  /** Number of spatial dimensions. */
  readonly rank: 1 | 2 | 3;
  readonly kernelSize: readonly number[];
  readonly strides: readonly number[];
  readonly dilationRate: readonly number[];
  readonly padding: Padding;
  readonly dataFormat: DataFormat;
  readonly useBias: boolean;
  readonly activation: Activation;
}

/** Conv1D, Conv2D, Conv3D. */
export interface ConvOperation extends ConvolutionShape {
  readonly kind: 'conv';
  readonly filters: number;
  readonly groups: number;
}

/** Conv1DTranspose, Conv2DTranspose, Conv3DTranspose. */
export interface ConvTransposeOperation extends ConvolutionShape {
  readonly kind: 'convTranspose';
  readonly filters: number;
  /** Extra size on one side of the output, a number each spatial dimension. */
  readonly outputPadding: readonly number[] | undefined;
}

/** DepthwiseConv1D, DepthwiseConv2D. */
export interface DepthwiseConvOperation extends ConvolutionShape {
  readonly kind: 'depthwiseConv';
  readonly depthMultiplier: number;
}

/** SeparableConv1D, SeparableConv2D. */
export interface SeparableConvOperation extends ConvolutionShape {
  readonly kind: 'separableConv';
  readonly filters: number;
  readonly depthMultiplier: number;
}

/** Dense: on the last axis. */
export interface DenseOperation {
  readonly kind: 'dense';
  readonly units: number;
  readonly useBias: boolean;
  readonly activation: Activation;
}

/** BatchNormalization in inference: `gamma (x - mean) / sqrt(variance + epsilon) + beta`. */
export interface BatchNormOperation {
  readonly kind: 'batchNorm';
  /** The axes as the file gives them: one negative or positive index, mostly. */
  readonly axes: readonly number[];
  readonly epsilon: number;
  readonly scale: boolean;
  readonly center: boolean;
}

/** Max, average and global pooling. */
export interface PoolOperation {
  readonly kind: 'pool';
  readonly rank: 1 | 2 | 3;
  readonly reduce: 'max' | 'average';
  /** Over the whole spatial extent; then the sizes below are empty. */
  readonly global: boolean;
  readonly keepDims: boolean;
  readonly poolSize: readonly number[];
  readonly strides: readonly number[];
  readonly padding: Padding;
  readonly dataFormat: DataFormat;
}

/** A finite maximum of its own for each channel, `[channels]`. */
export interface CapOperation {
  readonly kind: 'cap';
  readonly maxima: Float64Array;
  /** That of the channels, counted from the end: -1 is the last. */
  readonly axis: number;
}

/** `scale[c] x + offset[c]` along the last axis; one number stands for all of its places. */
export interface RescalingOperation {
  readonly kind: 'rescaling';
  readonly scale: readonly number[];
  readonly offset: readonly number[];
}

/** What a slice takes of an axis, as Python's `start:stop:step`; null where it is left open. */
export interface AxisPart {
  readonly start: number | null;
  readonly stop: number | null;
  readonly step: number;
  /** Whether an index took one place of the axis, which then is gone. */
  readonly isDropped: boolean;
}

/** Elementwise merges of two or more tensors. */
export type MergeKind = 'add' | 'subtract' | 'multiply' | 'average' | 'maximum' | 'minimum';

/** Everything a layer can be. */
export type Operation =
  | ConvOperation
  | ConvTransposeOperation
  | DepthwiseConvOperation
  | SeparableConvOperation
  | DenseOperation
  | BatchNormOperation
  /** A layer that is only an activation: ReLU, LeakyReLU, PReLU, Activation, Softmax, … */
  | { readonly kind: 'activation'; readonly activation: Activation; readonly sharedAxes?: readonly number[] }
  | PoolOperation
  /** `[before, after]` for each spatial dimension; always with zeros. */
  | {
      readonly kind: 'zeroPadding';
      readonly padding: readonly (readonly [number, number])[];
      readonly dataFormat: DataFormat;
    }
  | {
      readonly kind: 'cropping';
      readonly cropping: readonly (readonly [number, number])[];
      readonly dataFormat: DataFormat;
    }
  | {
      readonly kind: 'upSampling';
      readonly size: readonly number[];
      readonly interpolation: string;
      readonly dataFormat: DataFormat;
    }
  /**
   * Does nothing in inference: Dropout and its like, ActivityRegularization, GaussianNoise, Activation('linear').
   * `isRandom` of those that change values at random in training.
   */
  | { readonly kind: 'identity'; readonly isRandom: boolean }
  /** `min(x, maxima[c])`. */
  | CapOperation
  | { readonly kind: 'flatten'; readonly dataFormat: DataFormat }
  /** Without the batch dimension; -1 at most once. */
  | { readonly kind: 'reshape'; readonly targetShape: readonly number[] }
  /** An end of a TimeDistributed, where its steps become samples or samples become steps; see `stepsOf`. */
  | { readonly kind: 'steps'; readonly isExit: boolean }
  /** Axis `axes[i]` of the input becomes axis i; that of the batch, 0, stays the first. */
  | { readonly kind: 'permute'; readonly axes: readonly number[] }
  /** A part for each of the first axes, that of the batch whole; further axes are whole. */
  | { readonly kind: 'slice'; readonly parts: readonly AxisPart[] }
  | RescalingOperation
  | { readonly kind: 'merge'; readonly merge: MergeKind }
  | { readonly kind: 'concatenate'; readonly axis: number }
  /** `shape` includes the batch dimension as null. */
  | { readonly kind: 'input'; readonly shape: Shape | undefined; readonly dtype: string }
  /** A Functional or Sequential used as a layer: see `Layer.model`. */
  | { readonly kind: 'model' }
  /** A layer that nobody here knows: carried through, never scaled across. */
  | { readonly kind: 'opaque' };

/** A shape with the batch dimension first; null where a dimension is not known. */
export type Shape = readonly (number | null)[];

/** Operations with a kernel whose channels can be scaled. */
export type WeightedOperation =
  | ConvOperation
  | ConvTransposeOperation
  | DepthwiseConvOperation
  | SeparableConvOperation
  | DenseOperation;

/** Whether `operation` has a kernel: a convolution of any kind or Dense. */
export function isWeighted(operation: Operation): operation is WeightedOperation {
  return operation.kind === 'dense' || isConvolution(operation);
}

/** A convolution of any kind. */
export type ConvolutionOperation = Exclude<WeightedOperation, DenseOperation>;

/** Whether `operation` is a convolution of any kind. */
export function isConvolution(operation: Operation): operation is ConvolutionOperation {
  switch (operation.kind) {
    case 'conv':
    case 'convTranspose':
    case 'depthwiseConv':
    case 'separableConv':
      return true;
    default:
      return false;
  }
}

/** The activation fused into a layer, or that the layer itself is; `linear` where there is none. */
export function activationOf(operation: Operation): Activation {
  return 'activation' in operation ? operation.activation : LINEAR;
}

/** `max(0, x)`, with a maximum or without. */
export function isRelu(activation: Activation): activation is Relu {
  return activation.kind === 'relu' && activation.negativeSlope === 0 && activation.threshold === 0;
}

/** `max(0, x)` and nothing else. */
export function isPlainRelu(activation: Activation): activation is Relu {
  return isRelu(activation) && activation.maxValue === undefined;
}

/** Whether f(s x) = s f(x) for every s > 0, so that a factor goes through. */
export function isHomogeneous(activation: Activation): boolean {
  switch (activation.kind) {
    case 'linear':
    case 'prelu':
      return true;
    case 'relu':
      return activation.maxValue === undefined && activation.threshold === 0;
    case 'other':
      return false;
  }
}

/** No activation. */
export const LINEAR: Activation = { kind: 'linear' };

/** `max(0, x)`. */
export const PLAIN_RELU: Relu = { kind: 'relu', maxValue: undefined, negativeSlope: 0, threshold: 0 };

/** What an activation is called in sentences, with what bends it. */
export function activationName(activation: Activation): string {
  switch (activation.kind) {
    case 'other':
      return activation.name;
    case 'prelu':
      return 'PReLU';
    case 'linear':
      return 'linear';
    case 'relu': {
      const { maxValue, threshold } = activation;
      if (maxValue !== undefined) return `a ReLU with the maximum ${maxValue}`;
      return threshold === 0 ? 'relu' : `a ReLU with the threshold ${threshold}`;
    }
  }
}
