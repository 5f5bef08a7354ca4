/**
 * The choices before equalizing, each with what it is expected to bring and to cost.
 *
 * @module
 */

import type { Choice, Preview } from '../../protocol.ts';
import { button, byId, element, setEnabled, setText } from '../dom.ts';
import { checkField, type Field, selectField } from '../fields.ts';
import {
  forChoice,
  forHardware,
  isUsual,
  partsThatMatter,
  type Settings,
  USUAL_SETTINGS,
} from '../settings.ts';
import { hasChanged, type KnownPreviews, type State } from '../state.ts';
import { groupOf, optionsOf, showChosen, whenChosen } from './choice-cards.ts';
import {
  ACTIVATION_TEXTS,
  isPossible,
  needsPolicy,
  OBJECTIVE_TEXTS,
  previewOf,
  previewText,
  RELU6_TEXTS,
  ROUNDING_TEXTS,
  TARGET_TEXTS,
} from './choice-texts.ts';
import { HARDWARE, needsOf } from './hardware.ts';

/** What the choices lead to. */
export interface ChoiceActions {
  equalize(): void;
  /** Called with the settings as they are to be, made of those as they are. */
  change(to: (settings: Settings) => Settings): void;
  /** Called where the person wants to see what was left out. */
  look(): void;
}

/** The form of choices. */
export class Choices {
  readonly #hardware = optionsOf('hardware', HARDWARE);
  readonly #policies = optionsOf('relu6', RELU6_TEXTS);
  readonly #expected = element('p', { class: 'expected', id: 'expected' });
  readonly #file = element(
    'p',
    {},
    'It takes a .tflite file, which is made ready on the way: ',
    element('a', { href: '#tflite-title' }, 'make it below'),
    ', without equalizing first.',
  );
  readonly #policySet: HTMLFieldSetElement;
  readonly #policyNote = element('p', { class: 'soft' });
  readonly #more: MoreSettings;
  readonly #verify: Field<boolean>;
  readonly #button: HTMLButtonElement;
  readonly #reset: HTMLButtonElement;
  readonly #look: HTMLButtonElement;

  constructor({ equalize, change, look }: ChoiceActions) {
    const hardwareSet = groupOf(
      'What will run the model',
      'That decides how its numbers are rounded to 8 bits.',
      this.#hardware,
      HARDWARE.map((one) => ({ ...one, code: one.target })),
    );
    this.#policySet = groupOf(
      'ReLU6: what happens to it',
      'A ReLU6 is an activation that makes everything below 0 a 0, and everything above 6 a 6. A channel that is scaled needs another maximum than 6.',
      this.#policies,
      RELU6_TEXTS,
    );
    this.#policySet.append(this.#policyNote);
    whenChosen(this.#hardware, (hardware) => change((settings) => forHardware(settings, hardware)));
    const choose = (part: (choice: Choice) => Choice): void =>
      change((settings) => forChoice(settings, part(settings.choice)));
    whenChosen(this.#policies, (relu6) => choose((choice) => ({ ...choice, relu6 })));
    this.#more = new MoreSettings(choose);
    this.#verify = checkField('verify', 'Check that the model still computes the same', (verify) =>
      change((settings) => ({ ...settings, verify })),
    );
    this.#button = button('Equalize', equalize, { class: 'primary', id: 'equalize' });
    this.#reset = button('Choose as usual again', () => change(() => USUAL_SETTINGS), { id: 'reset' });
    this.#look = button('Look at what each choice brings', look);
    byId('choices', HTMLElement).append(
      ...[hardwareSet, this.#expected, this.#file, this.#policySet, this.#look, this.#more.element],
      element(
        'div',
        { class: 'start' },
        this.#verify.element,
        element(
          'p',
          { class: 'soft' },
          'The check runs the model before and after each step, and takes longest.',
        ),
        element('div', { class: 'buttons' }, this.#button, this.#reset),
      ),
    );
  }

  /** Shows what is chosen, and what each choice is expected to bring. */
  render(state: State, before: State | undefined): void {
    if (hasChanged(state, before, 'opened', 'settings', 'previews')) this.#draw(state);
    for (const one of [this.#button, this.#look]) setEnabled(one, !state.isBusy);
    setEnabled(this.#reset, !isUsual(state.settings));
  }

  #draw({ opened, settings, previews: known }: State): void {
    const { hardware, choice, verify } = settings;
    showChosen(this.#hardware, hardware);
    this.#file.hidden = needsOf(hardware)?.file === undefined;
    this.#expected.replaceChildren(
      ...(hardware === undefined && choice.target === USUAL_SETTINGS.choice.target
        ? ['Shown for one scale for each kernel, which asks most of a model. ']
        : []),
      ...expectedOf(known, choice),
    );
    const hasRelu6 = opened === undefined || opened.inspect.relu6.length > 0;
    const matters = hasRelu6 && (known.kind !== 'known' || needsPolicy(known.previews, choice.target));
    showChosen(this.#policies, choice.relu6);
    for (const { value, input, preview } of this.#policies) {
      if (matters) drawPreview(known, { ...choice, relu6: value }, input, preview);
      else preview.replaceChildren();
    }
    this.#look.hidden = known.kind !== 'left-out';
    this.#policySet.disabled = !matters;
    this.#policySet.hidden = !hasRelu6;
    setText(this.#policyNote, matters ? '' : 'For what is chosen above it makes no difference.');
    this.#more.show(choice);
    this.#verify.show(verify);
  }
}

/** What few will choose. */
class MoreSettings {
  readonly element: HTMLElement;
  /** Shows a choice. */
  readonly show: (choice: Choice) => void;

  constructor(choose: (part: (choice: Choice) => Choice) => void) {
    const target = selectField('target', 'Target, by its name', TARGET_TEXTS, (to) =>
      choose((choice) => ({ ...choice, target: to })),
    );
    const objective = selectField('objective', 'Factors of channels', OBJECTIVE_TEXTS, (to) =>
      choose(({ objective: _, ...rest }) => (to === 'usual' ? rest : { ...rest, objective: to })),
    );
    const activations = selectField('activations', 'Activations', ACTIVATION_TEXTS, (to) =>
      choose(({ activations: _, ...rest }) => (to === 'int8' ? rest : { ...rest, activations: to })),
    );
    const rounding = selectField('rounding', 'Rounding of kernels', ROUNDING_TEXTS, (to) =>
      choose(({ rounding: _, ...rest }) => (to === 'usual' ? rest : { ...rest, rounding: to })),
    );
    const correction = checkField('correction', 'Biases make up for what rounding changes', (to) =>
      choose(({ biasCorrection: _, ...rest }) => (to ? rest : { ...rest, biasCorrection: 'none' })),
    );
    this.element = element(
      'details',
      { id: 'more-settings' },
      element('summary', {}, 'More settings'),
      element(
        'div',
        { class: 'fields' },
        ...[target, objective, activations, rounding, correction].map((field) => field.element),
      ),
      element('p', { class: 'soft' }, 'The gains that are expected above are those of the usual settings.'),
    );
    this.show = (choice) => {
      const matters = partsThatMatter(choice.target);
      target.show(choice.target);
      objective.show(choice.objective ?? 'usual', !matters.objective);
      activations.show(matters.activations ? (choice.activations ?? 'int8') : 'float', !matters.activations);
      rounding.show(choice.rounding ?? 'usual', !matters.rounding);
      correction.show(matters.biasCorrection && choice.biasCorrection !== 'none', !matters.biasCorrection);
    };
  }
}

function drawPreview(
  known: KnownPreviews,
  choice: Choice,
  input: HTMLInputElement,
  target: HTMLElement,
): void {
  target.classList.toggle('placeholder', known.kind !== 'known');
  input.disabled = known.kind === 'known' && !isPossible(previewOf(known.previews, choice));
  target.replaceChildren(...expectedOf(known, choice));
}

/** What a choice is expected to bring and to cost, or why that is not known. */
function expectedOf(known: KnownPreviews, choice: Pick<Preview, 'target' | 'relu6'>): HTMLElement[] {
  if (known.kind !== 'known') return [element('span', { class: 'placeholder' }, placeholderText(known))];
  const { gain, cost } = previewText(previewOf(known.previews, choice));
  return [element('span', { class: 'gain' }, gain), element('span', {}, ` ${cost}`)];
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
