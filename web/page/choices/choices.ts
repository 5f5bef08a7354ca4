/**
 * The choices before equalizing, each with what it is expected to bring and to cost.
 *
 * @module
 */

import type { Choice } from '../../protocol.ts';
import { button, byId, element, setEnabled, setText } from '../dom.ts';
import { hasChanged, type KnownPreviews, type State, USUAL_CHOICE } from '../state.ts';
import { chosen, groupOf, optionsOf } from './choice-cards.ts';
import {
  isPossible,
  needsPolicy,
  previewOf,
  previewText,
  RELU6_TEXTS,
  TARGET_TEXTS,
} from './choice-texts.ts';

/** What the choices lead to. */
export interface ChoiceActions {
  equalize(verify: boolean): void;
  choose(choice: Choice): void;
  /** Called where the person wants to see what was left out. */
  look(): void;
}

/** The form of choices. */
export class Choices {
  readonly #targets = optionsOf('target', TARGET_TEXTS);
  readonly #policies = optionsOf('relu6', RELU6_TEXTS);
  readonly #policySet: HTMLFieldSetElement;
  readonly #policyNote = element('p', { class: 'soft' });
  readonly #verify = element('input', { type: 'checkbox', id: 'verify', checked: true });
  readonly #button: HTMLButtonElement;
  readonly #look: HTMLButtonElement;

  constructor(actions: ChoiceActions) {
    this.#policySet = groupOf(
      'ReLU6: what happens to it',
      'A ReLU6 is an activation that makes everything below 0 a 0, and everything above 6 a 6. A channel that is scaled needs another maximum than 6.',
      this.#policies,
      RELU6_TEXTS,
    );
    this.#policySet.append(this.#policyNote);
    this.#button = button('Equalize', () => actions.equalize(this.#verify.checked), {
      class: 'primary',
      id: 'equalize',
    });
    this.#look = button('Look at what each choice brings', () => actions.look());
    const targetSet = groupOf(
      'What the model is for',
      'What will run the model decides how its weights are rounded to 8 bits.',
      this.#targets,
      TARGET_TEXTS,
    );
    byId('choices', HTMLElement).append(targetSet, this.#policySet, this.#look, this.#start());
    for (const { input } of [...this.#targets, ...this.#policies]) {
      input.addEventListener('change', () => {
        actions.choose({
          target: chosen(this.#targets) ?? USUAL_CHOICE.target,
          relu6: chosen(this.#policies) ?? USUAL_CHOICE.relu6,
        });
      });
    }
  }

  /** Shows what is chosen, and what each choice is expected to bring. */
  render(state: State, before: State | undefined): void {
    if (hasChanged(state, before, 'opened', 'choice', 'previews')) this.#draw(state);
    for (const one of [this.#button, this.#look]) setEnabled(one, !state.isBusy);
  }

  #start(): HTMLElement {
    const label = element(
      'label',
      { class: 'check' },
      this.#verify,
      ' Check that the model still computes the same',
    );
    return element(
      'div',
      { class: 'start' },
      label,
      element(
        'p',
        { class: 'soft' },
        'The check runs the model before and after each step, and takes longest.',
      ),
      this.#button,
    );
  }

  #draw({ opened, choice, previews: known }: State): void {
    for (const { value, input, preview } of this.#targets) {
      input.checked = value === choice.target;
      drawPreview(known, { ...choice, target: value }, input, preview);
    }
    const hasRelu6 = opened === undefined || opened.inspect.relu6.length > 0;
    const matters = hasRelu6 && (known.kind !== 'known' || needsPolicy(known.previews, choice.target));
    for (const { value, input, preview } of this.#policies) {
      input.checked = value === choice.relu6;
      if (matters) drawPreview(known, { ...choice, relu6: value }, input, preview);
      else preview.replaceChildren();
    }
    this.#look.hidden = known.kind !== 'left-out';
    this.#policySet.disabled = !matters;
    this.#policySet.hidden = !hasRelu6;
    setText(this.#policyNote, matters ? '' : 'For what is chosen above it makes no difference.');
  }
}

function drawPreview(
  known: KnownPreviews,
  choice: Choice,
  input: HTMLInputElement,
  target: HTMLElement,
): void {
  target.classList.toggle('placeholder', known.kind !== 'known');
  if (known.kind !== 'known') {
    target.replaceChildren(element('span', {}, placeholderText(known)));
    input.disabled = false;
    return;
  }
  const preview = previewOf(known.previews, choice);
  const { gain, cost } = previewText(preview);
  input.disabled = !isPossible(preview);
  target.replaceChildren(element('span', { class: 'gain' }, gain), element('span', {}, cost));
}

function placeholderText(known: Exclude<KnownPreviews, { kind: 'known' }>): string {
  switch (known.kind) {
    case 'waiting':
      return 'Looking at what it would bring\u2026';
    case 'left-out':
      return 'Not looked at.';
    case 'unknown':
      return known.reason;
  }
}
