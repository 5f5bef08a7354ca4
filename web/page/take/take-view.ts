/**
 * Downloads: one for each form of the model, and the report.
 *
 * @module
 */

import type { Dialect } from 'crosslayer/quantization';
import type { TakeAsked, TakenForm, TfjsChoice } from '../../protocol.ts';
import { button, byId, element, setEnabled, setText } from '../dom.ts';
import { checkField, type Field, type SelectTexts, selectField, textField } from '../fields.ts';
import { readMegabytes, type Settings, words } from '../settings.ts';
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
    text: 'For Keras 3.5 and later; what came as a .keras of Keras 2 stays one.',
  },
  { form: 'keras-h5', title: 'As .h5', text: 'One HDF5 file.' },
  {
    form: 'tfjs-float',
    title: 'For TensorFlow.js, in float',
    text: 'A zip of model.json and its weights, as they are.',
  },
  {
    form: 'tfjs-packed',
    title: 'For TensorFlow.js, in 8 or 16 bits',
    text: 'A zip of model.json and its quantized weights, made from the model as you opened it.',
  },
  {
    form: 'report',
    title: 'The report',
    text: 'One HTML page with what was found and done; it needs no connection.',
  },
];

const DIALECT_TEXTS: SelectTexts<Dialect | 'own'> = [
  ['own', 'as the model came'],
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
  readonly #packing: FieldGroup<Settings['packing']>;
  readonly #tfjs: FieldGroup<Settings['tfjs']>;

  constructor({ take, change }: TakeActions) {
    this.#dialect = selectField('dialect', 'For which Keras', DIALECT_TEXTS, (to) =>
      change((settings) => ({ ...settings, dialect: to === 'own' ? undefined : to })),
    );
    this.#packing = packingFields((part) =>
      change((settings) => ({ ...settings, packing: { ...settings.packing, ...part } })),
    );
    this.#tfjs = tfjsFields((part) =>
      change((settings) => ({ ...settings, tfjs: { ...settings.tfjs, ...part } })),
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
      ...this.#tfjs.elements,
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
    this.#tfjs.show(settings.tfjs);
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

interface FieldGroup<Shown> {
  readonly elements: readonly HTMLElement[];
  show(shown: Shown): void;
}

/** How both forms for TensorFlow.js are written. */
function tfjsFields(change: (part: Partial<Settings['tfjs']>) => void): FieldGroup<Settings['tfjs']> {
  const shardSize = textField(
    'shard-size',
    'Largest size of a file of weights, in MB',
    'Such as 25; if left empty, as the model came, or 4.19 (4 MiB).',
    (to) => change({ shardSize: to }),
  );
  const layersScript = checkField(
    'layers-script',
    'Add crosslayer-layers.js, with classes for layers that TensorFlow.js lacks, where the model has such',
    (to) => change({ layersScript: to }),
  );
  return {
    elements: [
      element(
        'details',
        {},
        element('summary', {}, 'Files for TensorFlow.js'),
        ...[shardSize, layersScript].map((field) => field.element),
      ),
    ],
    show(tfjs) {
      shardSize.show(tfjs.shardSize);
      layersScript.show(tfjs.layersScript);
    },
  };
}

const PREPARE_TEXTS = [
  ['usual', 'unless they lie on 8 bits already'],
  ['yes', 'always'],
  ['no', 'never: pack them as they are'],
] as const;

function packingFields(
  change: (part: Partial<Settings['packing']>) => void,
): FieldGroup<Settings['packing']> {
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
  const prepare = selectField('prepare', 'Scale channels and correct biases first', PREPARE_TEXTS, (to) =>
    change({ prepare: to === 'usual' ? undefined : to === 'yes' }),
  );
  return {
    elements: [
      dtype.element,
      element(
        'details',
        {},
        element('summary', {}, 'Size, layers and preparation'),
        ...[budget, include, exclude, prepare].map((field) => field.element),
      ),
    ],
    show(packing) {
      dtype.show(packing.dtype);
      budget.show(packing.budget, packing.dtype !== 'budget');
      include.show(packing.include);
      exclude.show(packing.exclude);
      prepare.show(packing.prepare === undefined ? 'usual' : packing.prepare ? 'yes' : 'no');
    },
  };
}

/** What is asked for; a sentence where fields do not say it. */
export function takeAsked(form: TakenForm, { dialect, packing, tfjs }: Settings): TakeAsked | string {
  switch (form) {
    case 'keras-h5':
      return { form, ...(dialect ? { dialect } : {}) };
    case 'tfjs-packed': {
      const { dtype, budget, prepare } = packing;
      const written = tfjsAsked(tfjs);
      if (typeof written === 'string') return written;
      const bytes = readMegabytes(budget);
      if (dtype === 'budget' && bytes === undefined) {
        return `Size of all weights: '${budget}' is no number above 0; write one, such as 1.5.`;
      }
      const [include, exclude] = [words(packing.include), words(packing.exclude)];
      return {
        ...{ form, ...written },
        ...(dtype === 'budget' ? { plan: { budget: bytes ?? 0 } } : { dtype }),
        ...(prepare === undefined ? {} : { prepare }),
        ...(include.length === 0 ? {} : { include }),
        ...(exclude.length === 0 ? {} : { exclude }),
      };
    }
    case 'tfjs-float': {
      const written = tfjsAsked(tfjs);
      return typeof written === 'string' ? written : { form, ...written };
    }
    default:
      return { form };
  }
}

function tfjsAsked({ shardSize, layersScript }: Settings['tfjs']): TfjsChoice | string {
  const shardBytes = readMegabytes(shardSize);
  if (shardBytes === undefined && shardSize.trim() !== '') {
    return `Size of a file of weights: '${shardSize}' is no number above 0; write one, such as 25.`;
  }
  return { ...(shardBytes === undefined ? {} : { shardBytes }), ...(layersScript ? { layersScript } : {}) };
}
