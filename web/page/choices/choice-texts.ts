/**
 * What can be chosen, in words, and what a choice is expected to bring.
 *
 * @module
 */

import type { Relu6Policy, Target } from 'crosslayer';
import type { Objective, WeightRounding } from 'crosslayer/quantization';
import type { Normalization } from 'crosslayer/verification';
import type { Preview } from '../../protocol.ts';
import type { SelectTexts } from '../fields.ts';

/** A choice with what it is good for. */
export interface ChoiceText<Value extends string> {
  readonly value: Value;
  /** The name of it for the command; the value where it is left out. */
  readonly code?: string;
  readonly title: string;
  readonly text: string;
}

/** What kernels are rounded to, by the names of targets. */
export const TARGET_TEXTS: SelectTexts<Target> = [
  ['int8-per-tensor', 'int8-per-tensor: one scale for each kernel'],
  ['int8-per-tensor-symmetric', 'int8-per-tensor-symmetric: the same, from -127 to 127'],
  ['int8-per-channel', 'int8-per-channel: a scale for each channel'],
  ['tfjs-uint8', 'tfjs-uint8: TensorFlow.js with 8-bit weights'],
  ['float', 'float: no grid yet'],
];

/** What factors are chosen for. */
export const OBJECTIVE_TEXTS: SelectTexts<Objective | 'usual'> = [
  ['usual', 'as usual for the target'],
  ['least-noise', 'least-noise: outputs are disturbed least'],
  ['equal-ranges', 'equal-ranges: what writes and what reads a channel have one range'],
];

/** What activations are where the model runs. */
export const ACTIVATION_TEXTS: SelectTexts<'int8' | 'float'> = [
  ['int8', 'int8: factors suit tensors as well as kernels'],
  ['float', 'float: kernels alone are rounded'],
];

/** How kernels come onto their grid. */
export const ROUNDING_TEXTS: SelectTexts<WeightRounding | 'usual'> = [
  ['usual', 'as usual for the target'],
  ['nearest', 'nearest: the tool that quantizes rounds'],
  ['cancelling', 'cancelling: here, so that errors of a channel cancel each other'],
];

/** What becomes of the bytes of pictures before a model sees them. */
export const NORMALIZATION_TEXTS: SelectTexts<Normalization | 'guessed'> = [
  ['guessed', 'guessed from the model'],
  ['tf', 'tf: x / 127.5 - 1'],
  ['torch', 'torch: mean and deviation of ImageNet'],
  ['caffe', 'caffe: BGR, minus the mean of ImageNet'],
  ['0..1', '0..1: x / 255'],
  ['raw', 'raw: 0 to 255 as they are'],
];

/** What happens to a ReLU6. */
export const RELU6_TEXTS: readonly ChoiceText<Relu6Policy>[] = [
  {
    value: 'exact',
    title: 'A maximum for each channel',
    text: 'Computes the same. An operation is added where the maxima differ; in files for TF.js it is three layers.',
  },
  {
    value: 'keep',
    title: 'Leave it',
    text: 'Computes the same, and adds nothing. Channels are not scaled across it.',
  },
  {
    value: 'relu',
    title: 'Drop the 6',
    text: 'Makes it a plain ReLU. What the model computes changes wherever a value is above 6.',
  },
];

/** What a choice is expected to bring: its gain, and its cost. */
export function previewText(preview: Preview): { readonly gain: string; readonly cost: string } {
  if (preview.obstacle !== null) return { gain: `Not possible: ${preview.obstacle}`, cost: '' };
  return { gain: gainText(preview), cost: preview.cost };
}

function gainText({ target, gainDb }: Preview): string {
  if (gainDb === null) return 'Expected gain: not known.';
  if (Math.abs(gainDb) < 0.05) return 'Expected gain: none.';
  const grid = target === 'float' ? ' on a grid for each layer' : '';
  const amount = Math.abs(gainDb).toFixed(1);
  return gainDb > 0
    ? `Expected gain: ${amount} dB less error${grid}, ${timesText(gainDb)}.`
    : `Expected loss: ${amount} dB more error${grid}.`;
}

function timesText(gainDb: number): string {
  const times = 10 ** (gainDb / 10);
  return times < 9.5 ? `${times.toFixed(1)} times less` : `${Number(times.toPrecision(2))} times less`;
}
