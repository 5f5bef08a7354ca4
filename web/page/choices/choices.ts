/**
 * The choices before equalizing, each with what it is expected to bring and to cost.
 *
 * @module
 */

import type { Choice, OpenedModel, Preview } from '../../protocol.ts';
import { button, byId, element, setEnabled, setText } from '../dom.ts';
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
  equalize(choice: Choice, verify: boolean): void;
  /** Called when something else was chosen. */
  changed(choice: Choice): void;
  /** Called where the person wants to see what was left out. */
  look(): void;
}

/** What is known of previews. */
type KnownPreviews =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'left-out' }
  | { readonly kind: 'known'; readonly previews: readonly Preview[] }
  | { readonly kind: 'unknown'; readonly reason: string };

/** The form of choices. */
export class Choices {
  readonly #actions: ChoiceActions;
  readonly #targets = optionsOf('target', TARGET_TEXTS);
  readonly #policies = optionsOf('relu6', RELU6_TEXTS);
  readonly #policySet: HTMLFieldSetElement;
  readonly #policyNote = element('p', { class: 'soft' });
  readonly #verify = element('input', { type: 'checkbox', id: 'verify', checked: true });
  readonly #button: HTMLButtonElement;
  readonly #look: HTMLButtonElement;
  #known: KnownPreviews = { kind: 'waiting' };
  #hasRelu6 = true;

  constructor(actions: ChoiceActions) {
    this.#actions = actions;
    this.#policySet = groupOf(
      'ReLU6: what happens to it',
      'A ReLU6 is an activation that makes everything below 0 a 0, and everything above 6 a 6. A channel that is scaled needs another maximum than 6.',
      this.#policies,
      RELU6_TEXTS,
    );
    this.#policySet.append(this.#policyNote);
    this.#button = button('Equalize', () => actions.equalize(this.choice(), this.#verify.checked), {
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
        this.#draw();
        this.#actions.changed(this.choice());
      });
    }
  }

  /** What is chosen; the policy is that of the preview where there is but one. */
  choice(): Choice {
    const target = chosen(this.#targets) ?? 'int8-per-tensor';
    const relu6 = chosen(this.#policies) ?? 'exact';
    const preview =
      this.#known.kind === 'known' ? previewOf(this.#known.previews, { target, relu6 }) : undefined;
    return { target, relu6: preview?.relu6 ?? relu6 };
  }

  /** Begins anew for a model. */
  show({ inspect }: OpenedModel): void {
    this.#hasRelu6 = inspect.relu6.length > 0;
    this.#known = { kind: 'waiting' };
    this.#draw();
  }

  /** Shows what choices are expected to do. */
  setPreviews(previews: readonly Preview[]): void {
    this.#known = { kind: 'known', previews };
    this.#draw();
  }

  /** Whether there is nothing more to look at. */
  get arePreviewsKnown(): boolean {
    return this.#known.kind === 'known' || this.#known.kind === 'unknown';
  }

  /** Shows that it was not looked at, and offers to. */
  setLeftOut(): void {
    this.#known = { kind: 'left-out' };
    this.#draw();
  }

  /** Shows why that is not known. */
  setNoPreviews(reason: string): void {
    this.#known = { kind: 'unknown', reason };
    this.#draw();
  }

  /** Whether something else is being done. */
  setBusy(isBusy: boolean): void {
    for (const one of [this.#button, this.#look]) setEnabled(one, !isBusy);
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

  #draw(): void {
    const choice = this.choice();
    for (const { value, input, preview } of this.#targets) {
      const relu6 = chosen(this.#policies) ?? 'exact';
      this.#drawPreview({ target: value, relu6 }, input, preview);
    }
    const matters =
      this.#hasRelu6 && (this.#known.kind !== 'known' || needsPolicy(this.#known.previews, choice.target));
    for (const { value, input, preview } of this.#policies) {
      if (matters) this.#drawPreview({ target: choice.target, relu6: value }, input, preview);
      else preview.replaceChildren();
    }
    this.#look.hidden = this.#known.kind !== 'left-out';
    this.#policySet.disabled = !matters;
    this.#policySet.hidden = !this.#hasRelu6;
    setText(this.#policyNote, matters ? '' : 'For what is chosen above it makes no difference.');
  }

  #drawPreview(choice: Choice, input: HTMLInputElement, target: HTMLElement): void {
    target.classList.toggle('placeholder', this.#known.kind !== 'known');
    if (this.#known.kind !== 'known') {
      target.replaceChildren(element('span', {}, placeholderText(this.#known)));
      input.disabled = false;
      return;
    }
    const preview = previewOf(this.#known.previews, choice);
    const { gain, cost } = previewText(preview);
    input.disabled = !isPossible(preview);
    target.replaceChildren(element('span', { class: 'gain' }, gain), element('span', {}, cost));
  }
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
