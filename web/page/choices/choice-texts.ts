/**
 * What can be chosen, in words, and what a choice is expected to bring.
 *
 * @module
 */

import type { Relu6Policy, Target } from 'crosslayer';
import type { Choice, Preview } from '../../protocol.ts';
import type { State } from '../state.ts';

/** A choice with what it is good for. */
export interface ChoiceText<Value extends string> {
  readonly value: Value;
  readonly title: string;
  readonly text: string;
}

/** What the model is made ready for. */
export const TARGET_TEXTS: readonly ChoiceText<Target>[] = [
  {
    value: 'int8-per-tensor',
    title: 'One 8-bit scale for each layer',
    text: 'Microcontrollers, NPUs and converters that give a whole kernel one grid. Here equalizing matters most.',
  },
  {
    value: 'tfjs-uint8',
    title: 'TensorFlow.js with 8-bit weights',
    text: 'A download of a quarter of the size for browsers. Batch norms stay, and take up the factors.',
  },
  {
    value: 'int8-per-channel',
    title: 'One 8-bit scale for each channel',
    text: 'Converters such as that of TensorFlow Lite. Uneven channels do no harm there; biases are corrected.',
  },
  {
    value: 'float',
    title: 'No 8-bit target yet',
    text: 'Evens out the channels, changes nothing else, and leaves the rounding to whatever comes later.',
  },
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

/** The preview of a choice; a target that the policy makes no difference to has one for all. */
export function previewOf(previews: readonly Preview[], { target, relu6 }: Choice): Preview | undefined {
  const ofTarget = previews.filter((one) => one.target === target);
  return ofTarget.find((one) => one.relu6 === relu6) ?? (ofTarget.length === 1 ? ofTarget[0] : undefined);
}

/** What is asked for: what is chosen, with the policy of its preview where there is but one. */
export function askedChoice({ choice, previews: known }: Pick<State, 'choice' | 'previews'>): Choice {
  const preview = known.kind === 'known' ? previewOf(known.previews, choice) : undefined;
  return { ...choice, relu6: preview?.relu6 ?? choice.relu6 };
}

/** Whether the policy makes a difference to a target; undefined where nothing is known yet. */
export function needsPolicy(previews: readonly Preview[], target: Target): boolean {
  return previews.filter((one) => one.target === target).length > 1;
}

/** What a choice is expected to bring: its gain, and its cost. */
export function previewText(preview: Preview | undefined): { readonly gain: string; readonly cost: string } {
  if (preview === undefined) return { gain: 'Nothing is known of this choice.', cost: '' };
  if (preview.obstacle !== null) return { gain: `Not possible: ${preview.obstacle}`, cost: '' };
  return { gain: gainText(preview), cost: preview.cost };
}

function gainText({ target, gainDb }: Preview): string {
  if (gainDb === null) return 'Expected gain: not known.';
  if (Math.abs(gainDb) < 0.05) return 'Expected gain: none.';
  const grid = target === 'float' ? ' on a grid for each layer' : '';
  const amount = Math.abs(gainDb).toFixed(1);
  return gainDb > 0
    ? `Expected gain: ${amount} dB less damage${grid}, ${timesText(gainDb)}.`
    : `Expected loss: ${amount} dB more damage${grid}.`;
}

function timesText(gainDb: number): string {
  const times = 10 ** (gainDb / 10);
  return times < 9.5 ? `${times.toFixed(1)} times less` : `${Number(times.toPrecision(2))} times less`;
}

/** Whether the choice can be made. */
export function isPossible(preview: Preview | undefined): boolean {
  return preview === undefined || preview.obstacle === null;
}
