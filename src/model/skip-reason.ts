/**
 * Why a batch norm was not folded, a layer not scaled, an activation not replaced, a bias not absorbed.
 *
 * @module
 */

/** A reason with the layers it is about (the one left alone first) and the values that decided it. */
export type SkipReason =
  /** Nothing stands beside the batch norm that could take it. */
  | {
      readonly code: 'no-neighbour';
      readonly layers: readonly string[];
      readonly before: string;
      readonly after: string;
    }
  /** The layer before it applies an activation that stands between the two. */
  | { readonly code: 'fused-activation'; readonly layers: readonly string[]; readonly activation: string }
  /** A tensor between the two is read by others too. */
  | {
      readonly code: 'several-consumers';
      readonly layers: readonly string[];
      readonly consumers: readonly string[];
    }
  /** A layer is called more than once. */
  | { readonly code: 'shared-layer'; readonly layers: readonly string[]; readonly calls: number }
  /** A tensor between the two is an output of the model. */
  | { readonly code: 'model-output'; readonly layers: readonly string[] }
  /** The batch norm does not normalize the channels of the layer. */
  | {
      readonly code: 'wrong-axis';
      readonly layers: readonly string[];
      readonly axis: string;
      readonly expected: string;
    }
  /** The layer pads with zeros, which the batch norm before it would turn into something else. */
  | { readonly code: 'padding'; readonly layers: readonly string[]; readonly padding: string }
  /** No output of a transposed convolution sees the whole kernel. */
  | { readonly code: 'transposed-convolution'; readonly layers: readonly string[] }
  /** Without the batch norm an input of the model would be its output. */
  | { readonly code: 'input-is-output'; readonly layers: readonly string[] }
  /** A weight is NaN or infinite. */
  | { readonly code: 'non-finite'; readonly layers: readonly string[]; readonly where: string }
  /** The call runs in training mode, with the statistics of the batch. */
  | { readonly code: 'training-mode'; readonly layers: readonly string[] }
  /** The batch norm is called with more than one tensor, such as a mask. */
  | { readonly code: 'several-inputs'; readonly layers: readonly string[]; readonly inputs: number }
  /** Nothing tells how many dimensions its input has, and so whether its axis is that of the channels. */
  | { readonly code: 'unknown-rank'; readonly layers: readonly string[]; readonly axis: string }
  /** The channels of two layers lie on different axes. */
  | { readonly code: 'data-format'; readonly layers: readonly string[] }
  /** A result would be too large for the type of the weights. */
  | { readonly code: 'overflow'; readonly layers: readonly string[]; readonly dtype: string }
  /** A kernel of whole numbers, such as `model.quantize` of Keras 3 makes. */
  | {
      readonly code: 'not-float';
      readonly layers: readonly string[];
      readonly where: string;
      readonly dtype: string;
    }
  /** A variance is negative. */
  | {
      readonly code: 'negative-variance';
      readonly layers: readonly string[];
      readonly channel: number;
      readonly variance: number;
    }
  /** A layer stands between that scaling must not cross, or that the reference does not cross. */
  | { readonly code: 'layer-between'; readonly layers: readonly string[]; readonly between: string }
  /** An activation with a bend that scaling would move. */
  | {
      readonly code: 'activation-between';
      readonly layers: readonly string[];
      readonly between: string;
      readonly activation: string;
    }
  /** The next layer lies inside a nested model. */
  | { readonly code: 'nested-model'; readonly layers: readonly string[]; readonly model: string }
  /** Two depthwise convolutions in a row make no set of the reference. */
  | { readonly code: 'consecutive-depthwise'; readonly layers: readonly string[] }
  /** The layer reads an input or writes an output of the model, and so has no partner on that side. */
  | { readonly code: 'no-partner'; readonly layers: readonly string[] }
  /** A layer of a kind that these sets do not scale. */
  | { readonly code: 'layer-kind'; readonly layers: readonly string[]; readonly className: string }
  /** `x * relu6(x + 3) / 6` needs the 6. */
  | { readonly code: 'hard-swish'; readonly layers: readonly string[]; readonly between: string }
  /** Scaling of a whole graph: what ends the regions of what the layer reads and of what it writes. */
  | {
      readonly code: 'region';
      readonly layers: readonly string[];
      readonly before: string;
      readonly behind: string;
    }
  /** High-bias fold: no batch norm was folded into the output of the first layer. */
  | { readonly code: 'no-batch-norm'; readonly layers: readonly string[] }
  /** High-bias fold: a layer has no bias. */
  | { readonly code: 'no-bias'; readonly layers: readonly string[]; readonly without: string }
  /** The edit was made, measured to change the function, and undone. */
  | {
      readonly code: 'changes-function';
      readonly layers: readonly string[];
      /** The largest difference that it made to an output, as a part of the largest value of that output. */
      readonly maxRelative: number;
    };

/** The tag of a {@link SkipReason}. */
export type SkipCode = SkipReason['code'];

/** Called for everything that a step leaves alone. */
export type OnSkip = (reason: SkipReason) => void;

/** What every step takes besides the model. */
export interface StepOptions {
  /** Called with a reason for each layer that the step leaves alone. */
  readonly onSkip?: OnSkip;
  /**
   * Asked before each batch norm is folded (`[batch norm, layer]`) and each set scaled (its layers), by their paths. Where
   * it gives a reason they are left alone, and {@link onSkip} is told.
   */
  readonly veto?: (layers: readonly string[]) => SkipReason | undefined;
}

/** The reason in a sentence. */
export function describeSkip(reason: SkipReason): string {
  const [first = '', ...others] = reason.layers;
  const other = others[0] ?? '';
  switch (reason.code) {
    case 'no-neighbour':
      return `${first} stays: it stands between ${reason.before} and ${reason.after}, neither of which can take it`;
    case 'fused-activation':
      return `${first} stays: ${other} applies ${reason.activation} before it`;
    case 'several-consumers':
      return `${first} is left alone: what lies between it and ${other} is also read by ${reason.consumers.join(', ')}`;
    case 'shared-layer':
      return `${first} is left alone: ${other === '' ? 'it' : other} is used ${reason.calls} times, and a change would reach every use`;
    case 'model-output':
      return `${first} is left alone: what lies between it and ${other} is an output of the model`;
    case 'wrong-axis':
      return `${first} stays: it normalizes axis ${reason.axis}, but the channels of ${other} lie on ${reason.expected}`;
    case 'padding':
      return `${first} stays: ${other} pads with zeros (${reason.padding}) after it, so that the border would change`;
    case 'transposed-convolution':
      return `${first} stays: no output of the transposed convolution ${other} sees the whole kernel, so that its shift has no place in the bias`;
    case 'input-is-output':
      return `${first} stays: without it an input of the model would be its output`;
    case 'non-finite':
      return `${first} is left alone: NaN or Inf in ${reason.where}`;
    case 'training-mode':
      return `${first} is left alone: it is called with training=True, and then has other statistics for each batch`;
    case 'several-inputs':
      return `${first} stays: it is called with ${reason.inputs} tensors (a mask, perhaps)`;
    case 'unknown-rank':
      return `${first} stays: it normalizes axis ${reason.axis}, and nothing tells whether that is the last one of the output of ${other}`;
    case 'data-format':
      return `${first} is not scaled with ${other}: their channels lie on different axes (data_format)`;
    case 'overflow':
      return `${first} stays: folded into ${other}, a weight would be too large for ${reason.dtype}`;
    case 'not-float':
      return `${first} is left alone: ${reason.where} is ${reason.dtype}, and only real numbers can be scaled`;
    case 'negative-variance':
      return `${first} is left alone: the moving variance of channel ${reason.channel} is ${reason.variance}`;
    case 'layer-between':
      return `${first} is not scaled with what follows: ${reason.between} stands behind it`;
    case 'activation-between':
      return `${first} is not scaled with what follows: ${reason.activation} in ${reason.between} changes with the scale`;
    case 'nested-model':
      return `${first} is not scaled with ${other}: the reference's search does not enter ${reason.model}`;
    case 'consecutive-depthwise':
      return `${first} is not scaled with ${other}: two depthwise convolutions in a row make no set`;
    case 'no-partner':
      return `${first} is not scaled: no convolution stands before or behind it that could take the factor`;
    case 'layer-kind':
      return `${first} is not scaled: the sets take no ${reason.className}`;
    case 'hard-swish':
      return `${first} keeps its maximum: with ${reason.between} it is part of a hard-swish, which needs it`;
    case 'region':
      return `${first} is not scaled: before it stands ${reason.before}; behind it, ${reason.behind}`;
    case 'no-batch-norm':
      return `the bias of ${first} is not absorbed into ${other}: no batch norm was folded into its output, so nothing tells its distribution`;
    case 'no-bias':
      return `the bias of ${first} is not absorbed into ${other}: ${reason.without} has none`;
    case 'changes-function':
      return `${reason.layers.join(', ')}: left alone, because the edit changed the function by ${reason.maxRelative.toPrecision(2)} of the largest output value, which it should not: please report it`;
  }
}
