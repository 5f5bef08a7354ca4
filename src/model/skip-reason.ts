/**
 * Why something was left alone: a batch norm not folded, a layer not scaled, an activation not replaced, a bias not moved or
 * not corrected.
 *
 * @module
 */

import type { BatchNormFault } from './batch-norm.ts';
import type { WeightFault } from './channels.ts';

/** For each code of a {@link SkipReason} the values that decided it. */
export interface DecidedBy {
  /** Nothing stands beside the batch norm that could take it. */
  'no-neighbour': { before: string; after: string };
  /** An activation is fused into the layer before the batch norm. */
  'fused-activation': { activation: string };
  /** What the layer writes is read by others too. */
  'several-consumers': { consumers: readonly string[] };
  /** A layer is called more than once. */
  'shared-layer': { calls: number };
  /** What lies behind the layer is an output of the model. */
  'model-output': object;
  /** The batch norm does not normalize the channels of the layer. */
  'wrong-axis': { axis: string; expected: string };
  /** The layer behind pads with zeros, which the change would turn into something else. */
  padding: { padding: string };
  /** No output of a transposed convolution sees the whole kernel. */
  'transposed-convolution': object;
  /** Without the batch norm an input of the model would be its output. */
  'input-is-output': object;
  /** A weight is NaN or infinite. */
  'non-finite': { where: string };
  /** A kernel of whole numbers. */
  'not-float': { where: string; dtype: string };
  /** Keras quantized the layer itself, by `model.quantize()`. */
  'quantized-by-keras': { mode: string };
  /** A variance is negative. */
  'negative-variance': { channel: number; variance: number };
  /** The call runs in training mode, with the statistics of the batch. */
  'training-mode': object;
  /** The batch norm is called with more than one tensor, such as a mask. */
  'several-inputs': { inputs: number };
  /** Nothing tells how many dimensions its input has, and so whether its axis is that of the channels. */
  'unknown-rank': { axis: string };
  /** The channels of two layers lie on different axes. */
  'data-format': object;
  /** A result would be too large for the type of the weights. */
  overflow: { dtype: string };
  /** A layer stands between that the change must not cross, or that the reference does not cross. */
  'layer-between': { between: string };
  /** An activation stands between that the change would not leave as it is. */
  'activation-between': { between: string; activation: string };
  /** The next layer lies inside a nested model. */
  'nested-model': { model: string };
  /** Two depthwise convolutions in a row make no set of the reference. */
  'consecutive-depthwise': object;
  /** The layer reads an input or writes an output of the model, and so has no partner on that side. */
  'no-partner': object;
  /** A layer of a kind that the sets of the reference do not scale. */
  'layer-kind': { className: string };
  /** `x * relu6(x + 3) / 6` needs the 6. */
  'hard-swish': { between: string };
  /** Scaling of a whole graph: what ends the regions of what the layer reads and of what it writes. */
  region: { before: RegionBorder; behind: RegionBorder };
  /** No batch norm was folded into the output of the first layer, so that nothing tells its distribution. */
  'no-batch-norm': object;
  /** One of two layers has no bias. */
  'no-bias': { without: string };
  /** A quantizer of activations gains nothing by it, or less than a hundredth of the range. */
  'no-smaller-range': { before: readonly [number, number]; after: readonly [number, number] };
  /** What stands right behind the layer is no batch norm. */
  'no-batch-norm-behind': { behind: string };
  /** The batch norm behind the layer normalizes the outputs of other layers too. */
  'shared-batch-norm': object;
  /** Nothing is known of what the layer reads; `end` is the layer behind which the moments are lost. */
  'unknown-input': { end: string };
  /** The activation is not known, so that the output cannot be seen before it. */
  'unknown-activation': { activation: string };
  /** The edit was made, measured to change the function, and undone; by which part of the largest output value. */
  'changes-function': { maxRelative: number };
}

/** The tag of a {@link SkipReason}. */
export type SkipCode = keyof DecidedBy;

/**
 * A reason with the layers it is about, the one left alone first, by their paths, and the values that decided it.
 *
 * `edit` is what was not done where the code alone does not tell: the bias absorbed into the next layer or corrected, the
 * scales carried by a batch norm.
 */
export type SkipReason = {
  readonly [Code in SkipCode]: {
    readonly code: Code;
    readonly layers: readonly string[];
    readonly edit?: 'absorb' | 'correct' | 'carry';
  } & Readonly<DecidedBy[Code]>;
}[SkipCode];

/** What stands at the border of a region of channels, so that they keep their scale. */
export type RegionBorder =
  | { readonly code: 'model-input'; readonly layer: string }
  | { readonly code: 'model-output'; readonly layer: string }
  /** An activation that a factor changes. */
  | { readonly code: 'activation'; readonly layer: string; readonly activation: string }
  /** A layer that is not known, or through which a factor does not go. */
  | { readonly code: 'layer'; readonly layer: string; readonly className: string }
  /** A weight that cannot be scaled. */
  | { readonly code: 'weights'; readonly layer: string; readonly where: string }
  /** The channels of what meets there lie on different axes, or their number is not known. */
  | { readonly code: 'layout'; readonly layer: string }
  /** A batch norm without gamma, which has no place for a factor. */
  | { readonly code: 'no-gamma'; readonly layer: string }
  /** A call in training mode, with the statistics of the batch. */
  | { readonly code: 'training-mode'; readonly layer: string }
  /** Nothing but batch norms that stay: no kernel that could make up for a factor. */
  | { readonly code: 'no-other-kernel' };

/** The reason that a weight of the layer at `path` is. */
export function faultReason(
  layers: readonly string[],
  path: string,
  fault: WeightFault | BatchNormFault,
): Extract<SkipReason, { code: 'non-finite' | 'not-float' | 'negative-variance' }> {
  switch (fault.kind) {
    case 'non-finite':
      return { code: fault.kind, layers, where: `${path}/${fault.where}` };
    case 'not-float':
      return { code: fault.kind, layers, where: `${path}/${fault.where}`, dtype: fault.dtype };
    case 'negative-variance':
      return { code: fault.kind, layers, channel: fault.channel, variance: fault.variance };
  }
}

/** The reason in a sentence. */
export function describeSkip(reason: SkipReason): string {
  if (reason.code === 'changes-function') {
    return (
      `${reason.layers.join(', ')}: left alone; the edit changed the function by ` +
      `${reason.maxRelative.toPrecision(2)} of the largest output value, which is a fault: please report it`
    );
  }
  return `${whatStays(reason)}: ${because(reason)}`;
}

/** What was not done. */
function whatStays({ code, edit, layers: [first = '', other] }: SkipReason): string {
  switch (edit) {
    case 'absorb':
      // What pads stands in the way, and would not take the bias.
      return `the bias of ${first} is not absorbed${other === undefined || code === 'padding' ? '' : ` into ${other}`}`;
    case 'correct':
      return `the bias of ${first} is not corrected`;
    case 'carry':
      return `${first} keeps its scale`;
    case undefined:
  }
  switch (code) {
    case 'several-consumers':
    case 'shared-layer':
    case 'model-output':
    case 'non-finite':
    case 'not-float':
    case 'quantized-by-keras':
    case 'negative-variance':
    case 'training-mode':
      return `${first} is left alone`;
    case 'data-format':
    case 'nested-model':
    case 'consecutive-depthwise':
      return `${first} is not scaled with ${other}`;
    case 'layer-between':
    case 'activation-between':
      return `${first} is not scaled with what follows`;
    case 'no-partner':
    case 'layer-kind':
    case 'region':
      return `${first} is not scaled`;
    case 'no-batch-norm':
    case 'no-bias':
      return `the bias of ${first} is not absorbed into ${other}`;
    case 'hard-swish':
      return `${first} keeps its maximum`;
    default:
      return `${first} stays`;
  }
}

/** Why, behind a colon. */
function because(reason: Exclude<SkipReason, { code: 'changes-function' }>): string {
  const {
    edit,
    layers: [, other],
  } = reason;
  switch (reason.code) {
    case 'no-neighbour':
      return `it stands between ${reason.before} and ${reason.after}, neither of which can take it`;
    case 'fused-activation':
      return edit === 'carry'
        ? `${reason.activation} is fused into it`
        : `${other} applies ${reason.activation} before it`;
    case 'several-consumers': {
      const consumers = reason.consumers.join(', ');
      return edit === undefined
        ? `what lies between it and ${other} is also read by ${consumers}`
        : `its output goes to ${consumers} as well`;
    }
    case 'shared-layer':
      return `${other ?? 'it'} is used ${reason.calls} times, and a change would reach every use`;
    case 'model-output':
      return edit === 'absorb'
        ? 'its output, or what activations and poolings make of it, is one of the model'
        : `what lies between it and ${other} is an output of the model`;
    case 'wrong-axis':
      return edit === 'carry'
        ? `${other} normalizes axis ${reason.axis}, but its channels lie on ${reason.expected}`
        : `it normalizes axis ${reason.axis}, but the channels of ${other} lie on ${reason.expected}`;
    case 'padding':
      return edit === 'absorb'
        ? `${other} pads with zeros (${reason.padding}) behind it, so that the border would not get the shift`
        : `${other} pads with zeros (${reason.padding}) after it, so that the border would change`;
    case 'transposed-convolution':
      return `no output of the transposed convolution ${other} sees the whole kernel, so that its shift has no place in the bias`;
    case 'input-is-output':
      return 'without it an input of the model would be its output';
    case 'non-finite':
      return `NaN or Inf in ${reason.where}`;
    case 'not-float':
      return `${reason.where} is ${reason.dtype}, and only real numbers can be scaled`;
    case 'quantized-by-keras':
      return `quantized by Keras (${reason.mode}): give the model before quantize()`;
    case 'negative-variance':
      return `the moving variance of channel ${reason.channel}${edit === 'carry' ? ` of ${other}` : ''} is ${reason.variance}`;
    case 'training-mode':
      return `${edit === 'carry' ? other : 'it'} is called with training=True, and then has other statistics for each batch`;
    case 'several-inputs':
      return `${edit === 'carry' ? other : 'it'} is called with ${reason.inputs} tensors (a mask, perhaps)`;
    case 'unknown-rank':
      if (edit === 'carry')
        return `${other} normalizes axis ${reason.axis}, and nothing tells whether its channels lie there`;
      return `it normalizes axis ${reason.axis}, and nothing tells whether that is the last one of the output of ${other}`;
    case 'data-format':
      return edit === 'absorb'
        ? 'their channels lie on different axes or differ in number'
        : 'their channels lie on different axes (data_format)';
    case 'overflow':
      return edit === 'carry'
        ? `the parameters of ${other} would be too large for ${reason.dtype}`
        : `folded into ${other}, a weight would be too large for ${reason.dtype}`;
    case 'layer-between':
      return `${reason.between} stands behind it${edit === 'absorb' ? ', through which no shift is carried' : ''}`;
    case 'activation-between':
      return `${reason.activation} in ${reason.between} ${edit === 'absorb' ? 'does not pass it on as it is' : 'changes with the scale'}`;
    case 'nested-model':
      return `the reference's search does not enter ${reason.model}`;
    case 'consecutive-depthwise':
      return 'two depthwise convolutions in a row make no set';
    case 'no-partner':
      return 'no convolution stands before or behind it that could take the factor';
    case 'layer-kind':
      return `the sets take no ${reason.className}`;
    case 'hard-swish':
      return `with ${reason.between} it is part of a hard-swish, which needs it`;
    case 'region':
      return `before it stands ${borderText(reason.before)}; behind it, ${borderText(reason.behind)}`;
    case 'no-batch-norm':
      return 'no batch norm was folded into its output, so nothing tells its distribution';
    case 'no-bias':
      return `${reason.without} has none`;
    case 'no-smaller-range':
      return `the expected range of its output, ${rangeText(reason.before)}, would be ${rangeText(reason.after)}, which gains nothing`;
    case 'no-batch-norm-behind':
      return `no batch norm stands behind it, but ${reason.behind}`;
    case 'shared-batch-norm':
      return `${other} also normalizes the outputs of others`;
    case 'unknown-input':
      return `nothing tells the means of what it reads, from ${reason.end} on`;
    case 'unknown-activation':
      return `its output cannot be seen before ${reason.activation}`;
  }
}

function borderText(border: RegionBorder): string {
  switch (border.code) {
    case 'model-input':
      return `${border.layer}, an input of the model`;
    case 'model-output':
      return `the output of ${border.layer}, which is the model's`;
    case 'activation':
      return `${border.activation} in ${border.layer}, which a factor changes`;
    case 'layer':
      return `${border.layer} (${border.className}), through which a factor does not go`;
    case 'weights':
      return `${border.layer}, whose ${border.where} cannot be scaled`;
    case 'layout':
      return `${border.layer}, where channels lie on different axes or their number is not known`;
    case 'no-gamma':
      return `${border.layer}, a batch norm without gamma to take the factor`;
    case 'training-mode':
      return `${border.layer}, which is called in training mode`;
    case 'no-other-kernel':
      return 'no other kernel, but a batch norm that stays';
  }
}

function rangeText([min, max]: readonly [number, number]): string {
  return `${min.toPrecision(3)} to ${max.toPrecision(3)}`;
}

/** A reason as reports have it: what it is, and in a sentence. */
export interface DescribedReason {
  readonly code: string;
  readonly message: string;
}

/** The sentences of reasons of one kind together, in the order in which the kinds come. */
export function messagesByCode(reasons: readonly DescribedReason[]): Map<string, string[]> {
  const kinds = new Map<string, string[]>();
  for (const { code, message } of reasons) kinds.set(code, [...(kinds.get(code) ?? []), message]);
  return kinds;
}
