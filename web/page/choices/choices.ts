/**
 * The choices before equalizing, each with what it is expected to bring and to cost.
 *
 * @module
 */

import type { Normalization } from 'crosslayer/verification';
import type { Choice, PickedFile } from '../../protocol.ts';
import { PictureChoice } from '../compare/picture-choice.ts';
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
import { hasChanged, type State } from '../state.ts';
import { groupOf, optionsOf, showChosen, whenChosen } from './choice-cards.ts';
import {
  ACTIVATION_TEXTS,
  NORMALIZATION_TEXTS,
  OBJECTIVE_TEXTS,
  previewText,
  RELU6_TEXTS,
  ROUNDING_TEXTS,
  TARGET_TEXTS,
} from './choice-texts.ts';
import { HARDWARE, needsOf } from './hardware.ts';
import { hasRelu6, type PreviewedChoice, policiesOf, previewOf } from './previewed-choices.ts';

/** What the choices lead to. */
export interface ChoiceActions {
  /** Called with the pictures that settings are tried on. */
  equalize(pictures: readonly PickedFile[]): void;
  /** Called with the settings as they are to be, made of those as they are. */
  change(to: (settings: Settings) => Settings): void;
}

/** The form of choices. */
export class Choices {
  readonly #hardware = optionsOf('hardware', HARDWARE);
  readonly #policies = optionsOf('relu6', RELU6_TEXTS);
  readonly #expected = element('p', { class: 'expected', id: 'expected' });
  readonly #file = element(
    'p',
    {},
    'It takes a .tflite file, which is equalized on the way: ',
    element('a', { href: '#tflite-title' }, 'make it below'),
    ', without equalizing first.',
  );
  readonly #policySet: HTMLFieldSetElement;
  readonly #policyNote = element('p', { class: 'soft' });
  readonly #more: MoreSettings;
  readonly #pictures = new PictureChoice(undefined);
  readonly #pictureParts: HTMLElement;
  readonly #normalization: Field<Normalization | 'guessed'>;
  readonly #verify: Field<boolean>;
  readonly #button: HTMLButtonElement;
  readonly #reset: HTMLButtonElement;
  #takesPictures = false;

  constructor({ equalize, change }: ChoiceActions) {
    const hardwareSet = groupOf(
      'What will run the model',
      'That decides how its numbers are rounded to 8 bits.',
      this.#hardware,
      HARDWARE.map((one) => ({ ...one, code: one.target })),
    );
    this.#policySet = groupOf(
      'ReLU6: what happens to it',
      'A ReLU6 clips values to the range from 0 to 6. A channel that is scaled needs another maximum than 6.',
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
    this.#normalization = selectField('normalization', 'What is done to pixels', NORMALIZATION_TEXTS, (to) =>
      change((settings) => ({ ...settings, normalization: to === 'guessed' ? undefined : to })),
    );
    this.#pictureParts = element(
      'details',
      { id: 'own-pictures' },
      element('summary', {}, 'Pictures of your own'),
      element(
        'p',
        {},
        'With pictures, biases are corrected by what the model makes of them, and what is left as usual above is tried on them: the settings that stay nearest to the float model are taken. That takes several times as long.',
      ),
      ...this.#pictures.controls(),
      this.#normalization.element,
      element(
        'p',
        { class: 'soft' },
        'What is done to pixels holds for all that this page does with pictures.',
      ),
    );
    this.#button = button('Equalize', () => equalize(this.#chosenPictures()), {
      class: 'primary',
      id: 'equalize',
    });
    this.#reset = button('Choose as usual again', () => change(() => USUAL_SETTINGS), { id: 'reset' });
    byId('choices', HTMLElement).append(
      ...[hardwareSet, this.#expected, this.#file, this.#policySet, this.#more.element, this.#pictureParts],
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

  /** Takes pictures that were dropped on the page. */
  takePictures(files: readonly PickedFile[]): void {
    this.#pictures.take(files);
  }

  #chosenPictures(): readonly PickedFile[] {
    const read = this.#pictures.read();
    return this.#takesPictures && read.kind === 'pictures' ? read.pictures : [];
  }

  /** Shows what is chosen, and what each choice is expected to bring. */
  render(state: State, before: State | undefined): void {
    if (hasChanged(state, before, 'opened', 'settings', 'previews')) this.#draw(state);
    for (const one of [this.#button, this.#pictures.opener]) setEnabled(one, !state.isBusy);
    this.#takesPictures = state.opened?.pictures !== null;
    this.#pictureParts.hidden = !this.#takesPictures;
    this.#normalization.show(state.settings.normalization ?? 'guessed');
    setEnabled(this.#reset, !isUsual(state.settings));
  }

  #draw(state: State): void {
    const { opened, settings } = state;
    const { hardware, choice, verify } = settings;
    showChosen(this.#hardware, hardware);
    this.#file.hidden = needsOf(hardware)?.file === undefined;
    this.#expected.replaceChildren(
      ...(hardware === undefined && choice.target === USUAL_SETTINGS.choice.target
        ? ['Nothing is chosen, so this is for one scale for each kernel, the hardest case. ']
        : []),
      ...expectedOf(state, choice),
    );
    const matters = policiesOf(choice.target, hasRelu6(opened)).length > 1;
    showChosen(this.#policies, choice.relu6);
    for (const { value, input, preview } of this.#policies) {
      if (matters) drawPreview(state, { ...choice, relu6: value }, input, preview);
      else preview.replaceChildren();
    }
    this.#policySet.disabled = !matters;
    this.#policySet.hidden = !hasRelu6(opened);
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
    const correction = checkField('correction', 'Correct biases for what rounding changes', (to) =>
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
  state: State,
  choice: PreviewedChoice,
  input: HTMLInputElement,
  target: HTMLElement,
): void {
  const preview = previewOf(state, choice);
  target.classList.toggle('placeholder', preview === undefined);
  input.disabled = typeof preview?.obstacle === 'string';
  target.replaceChildren(...expectedOf(state, choice));
}

/** What a choice is expected to bring and to cost, once that is known. */
function expectedOf(state: State, choice: PreviewedChoice): HTMLElement[] {
  const preview = previewOf(state, choice);
  if (!preview) return [element('span', { class: 'placeholder' }, 'Looking at what it would bring\u2026')];
  const { gain, cost } = previewText(preview);
  return [element('span', { class: 'gain' }, gain), element('span', {}, ` ${cost}`)];
}
