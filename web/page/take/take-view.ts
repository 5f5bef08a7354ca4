/**
 * Downloads: one for each form of the model, and the report.
 *
 * @module
 */

import type { Dialect } from 'crosslayer/quantization';
import type { TakeAsked, TakenForm } from '../../protocol.ts';
import { button, byId, element, setEnabled, setText } from '../dom.ts';
import { type Field, type SelectTexts, selectField, textField } from '../fields.ts';
import { type Settings, words } from '../settings.ts';
import { hasChanged, type State } from '../state.ts';
import { savedLink } from './saved-download.ts';

interface Form {
  readonly form: TakenForm;
  readonly title: string;
  readonly text: string;
}

/** The forms, in the order of the page. */
const FORMS: readonly Form[] = [
  { form: 'as-it-came', title: 'In the format it came in', text: '' },
  {
    form: 'keras-v3',
    title: 'As .keras',
    text: 'For Keras 3.5 and later; what came as .keras of Keras 2 stays one.',
  },
  { form: 'keras-h5', title: 'As .h5', text: 'One HDF5 file.' },
  {
    form: 'tfjs-float',
    title: 'For TensorFlow.js, in floats',
    text: 'A zip of model.json and its weights, as they are.',
  },
  {
    form: 'tfjs-packed',
    title: 'For TensorFlow.js, in few bits',
    text: 'A zip of model.json and its weights in few bits each, made from the model as you opened it.',
  },
  {
    form: 'report',
    title: 'The report',
    text: 'One HTML page of what was found and done, which opens without a connection.',
  },
];

const DIALECT_TEXTS: SelectTexts<Dialect | 'own'> = [
  ['own', 'the one that the model came from'],
  ['keras2', 'Keras 2 (tf.keras of TensorFlow before 2.16)'],
  ['keras3', 'Keras 3'],
];

const DTYPE_TEXTS: SelectTexts<Settings['packing']['dtype']> = [
  ['uint8', 'uint8: a quarter of the size'],
  ['uint16', 'uint16: half of it, as good as float'],
  ['float16', 'float16: half of it'],
  ['budget', 'what fits into the size below'],
];

/** What the section leads to. */
export interface TakeActions {
  take(form: TakenForm): void;
  change(to: (settings: Settings) => Settings): void;
}

/** The section of downloads. */
export class TakeView {
  readonly #what = element('p');
  readonly #cards: ReadonlyMap<TakenForm, Card>;
  readonly #dialect: Field<Dialect | 'own'>;
  readonly #packing: PackingFields;

  constructor({ take, change }: TakeActions) {
    this.#dialect = selectField('dialect', 'For which Keras', DIALECT_TEXTS, (to) =>
      change((settings) => ({ ...settings, dialect: to === 'own' ? undefined : to })),
    );
    this.#packing = packingFields((part) =>
      change((settings) => ({ ...settings, packing: { ...settings.packing, ...part } })),
    );
    const fields: ReadonlyMap<TakenForm, readonly HTMLElement[]> = new Map([
      ['keras-h5', [this.#dialect.element]],
      ['tfjs-packed', this.#packing.elements],
    ]);
    this.#cards = new Map(
      FORMS.map((form) => [form.form, new Card(form, fields.get(form.form) ?? [], () => take(form.form))]),
    );
    byId('take', HTMLElement).append(
      this.#what,
      element('div', { class: 'cards' }, ...[...this.#cards.values()].map(({ element: card }) => card)),
    );
  }

  /** Shows what can be taken, and what was. */
  render(state: State, before: State | undefined): void {
    const { opened, equalized, taken, settings, isBusy } = state;
    if (hasChanged(state, before, 'opened', 'equalized')) {
      setText(
        this.#what,
        equalized
          ? `What you take is the model equalized for ${equalized.target}.`
          : 'The model was not equalized yet: what you take now is as you opened it.',
      );
      setText(this.#cards.get('as-it-came')?.text ?? this.#what, opened?.format ?? '');
    }
    this.#dialect.show(settings.dialect ?? 'own');
    this.#packing.show(settings.packing);
    for (const [form, { opener, result }] of this.#cards) {
      setEnabled(opener, !isBusy);
      const saved = taken.get(form);
      if (saved !== before?.taken.get(form)) result.replaceChildren(...(saved ? savedLink(saved) : []));
    }
  }
}

/** A card with a button that makes a download, and what came of it. */
class Card {
  readonly text: HTMLElement;
  readonly opener: HTMLButtonElement;
  readonly result = element('div', { class: 'taken' });
  readonly element: HTMLElement;

  constructor({ form, title, text }: Form, fields: readonly HTMLElement[], take: () => void) {
    this.opener = button(title, take, { 'data-form': form });
    this.text = element('p', { class: 'card-text' }, text);
    this.element = element('div', { class: 'card' }, this.opener, this.text, ...fields, this.result);
  }
}

interface PackingFields {
  readonly elements: readonly HTMLElement[];
  show(packing: Settings['packing']): void;
}

function packingFields(change: (part: Partial<Settings['packing']>) => void): PackingFields {
  const dtype = selectField('dtype', 'Kernels as', DTYPE_TEXTS, (to) => change({ dtype: to }));
  const budget = textField(
    'budget',
    'Size of all weights, in MB',
    'Such as 1.5; a MB is 1,000,000 bytes.',
    (to) => change({ budget: to }),
  );
  const include = textField(
    'include',
    'Only these layers',
    'Names, such as head backbone/*; all if left empty.',
    (to) => change({ include: to }),
  );
  const exclude = textField(
    'exclude',
    'Layers that stay in float32',
    'Names, where * stands for any characters.',
    (to) => change({ exclude: to }),
  );
  return {
    elements: [
      dtype.element,
      element(
        'details',
        {},
        element('summary', {}, 'Size and layers'),
        ...[budget, include, exclude].map((field) => field.element),
      ),
    ],
    show(packing) {
      dtype.show(packing.dtype);
      budget.show(packing.budget, packing.dtype !== 'budget');
      include.show(packing.include);
      exclude.show(packing.exclude);
    },
  };
}

/** What is asked for; a sentence where fields do not say it. */
export function takeAsked(form: TakenForm, { dialect, packing }: Settings): TakeAsked | string {
  switch (form) {
    case 'keras-h5':
      return { form, ...(dialect ? { dialect } : {}) };
    case 'tfjs-packed': {
      const { dtype, budget } = packing;
      const megabytes = Number(budget.trim() || NaN);
      if (dtype === 'budget' && !(megabytes > 0 && megabytes < Infinity)) {
        return `Size of all weights: '${budget}' is no number above 0; write one, such as 1.5.`;
      }
      const [include, exclude] = [words(packing.include), words(packing.exclude)];
      return {
        form,
        ...(dtype === 'budget' ? { plan: { budget: Math.round(megabytes * 1e6) } } : { dtype }),
        ...(include.length === 0 ? {} : { include }),
        ...(exclude.length === 0 ? {} : { exclude }),
      };
    }
    default:
      return { form };
  }
}
