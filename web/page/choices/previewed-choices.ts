/**
 * Which choices are looked at before one of them is made.
 *
 * @module
 */

import type { Relu6Policy, Target } from 'crosslayer';
import type { Choice, OpenedModel, Preview } from '../../protocol.ts';
import { withoutIdleParts } from '../settings.ts';
import type { State } from '../state.ts';
import { RELU6_TEXTS, TARGET_TEXTS } from './choice-texts.ts';

/** What a preview is of. */
export type PreviewedChoice = Pick<Preview, 'target' | 'relu6'>;

/** Whether there is a ReLU6 in a model; in none that is open there may be one. */
export function hasRelu6(opened: Pick<OpenedModel, 'inspect'> | undefined): boolean {
  return opened === undefined || opened.inspect.relu6.length > 0;
}

/** Policies that differ for a target: they do where regions are scaled, and a ReLU6 is there. */
export function policiesOf(target: Target, withRelu6: boolean): readonly Relu6Policy[] {
  const isScaled = target.startsWith('int8-per-tensor') || target === 'float';
  return withRelu6 && isScaled ? RELU6_TEXTS.map(({ value }) => value) : ['exact'];
}

/** The choice whose preview stands for another: that of a grid, and of a policy that makes a difference. */
export function previewedFor({ target, relu6 }: PreviewedChoice, withRelu6: boolean): PreviewedChoice {
  const policies = policiesOf(target, withRelu6);
  return {
    // One grid stands for both that have one range for each kernel.
    target: target === 'int8-per-tensor-symmetric' ? 'int8-per-tensor' : target,
    relu6: policies.includes(relu6) ? relu6 : 'exact',
  };
}

/** All choices that have a preview. */
export function previewedChoices(withRelu6: boolean): PreviewedChoice[] {
  return TARGET_TEXTS.flatMap(([target]) =>
    target === 'int8-per-tensor-symmetric'
      ? []
      : policiesOf(target, withRelu6).map((relu6) => ({ target, relu6 })),
  );
}

/** The preview of a choice; undefined where it is not there yet. */
export function previewOf(
  { previews, opened }: Pick<State, 'previews' | 'opened'>,
  choice: PreviewedChoice,
): Preview | undefined {
  const { target, relu6 } = previewedFor(choice, hasRelu6(opened));
  return previews.find((one) => one.target === target && one.relu6 === relu6);
}

/** What is asked for: what is chosen, without what makes no difference. */
export function askedChoice({ settings, opened }: Pick<State, 'settings' | 'opened'>): Choice {
  const { choice } = settings;
  return withoutIdleParts({ ...choice, relu6: previewedFor(choice, hasRelu6(opened)).relu6 });
}
