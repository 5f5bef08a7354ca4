/**
 * The open model beside another file: whether both compute the same.
 *
 * @module
 */

import type { VerifyReport } from 'crosslayer';
import { decibels, percent, small } from 'crosslayer/report';
import type { Operations, PickedFile } from '../../protocol.ts';
import { byId, element, list, setEnabled } from '../dom.ts';
import { filePicker } from '../open/file-picker.ts';
import { hasChanged, type State } from '../state.ts';
import { PictureChoice } from './picture-choice.ts';
import { tableOf } from './table.ts';

type Asked = Omit<Operations['verify']['asked'], 'normalization'>;

/** The section of the comparison. */
export class VerifyView {
  readonly #pictures = new PictureChoice(undefined);
  readonly #about = element('div');
  readonly #result = element('div', { id: 'verify-result' });
  readonly #openers: readonly HTMLButtonElement[];

  constructor(verify: (asked: Asked) => void) {
    const ask = (files: readonly PickedFile[]): void => {
      const read = this.#pictures.read();
      verify({ files, pictures: read.kind === 'pictures' ? read.pictures : [] });
    };
    const files = filePicker('Choose the other file', ask, { multiple: true, id: 'other-files' });
    const folder = filePicker('Choose its folder', ask, { webkitdirectory: true });
    this.#openers = [files.opener, folder.opener, this.#pictures.opener];
    byId('verify-files', HTMLElement).append(
      element(
        'p',
        {},
        'Runs the model that is open and another file on the same inputs: what a converter or a colleague made of it, or a ',
        element('code', {}, '.tflite'),
        ' file, which LiteRT runs in this page. The command does it as ',
        element('code', {}, 'crosslayer verify'),
        '.',
      ),
      this.#about,
      element('div', { class: 'buttons' }, files.opener, files.input, folder.opener, folder.input),
      this.#result,
    );
  }

  /** Takes pictures that were dropped on the page. */
  takePictures(files: readonly PickedFile[]): void {
    this.#pictures.take(files);
  }

  /** Shows what it is run on, and what came of it. */
  render(state: State, before: State | undefined): void {
    const { opened, verified, isBusy } = state;
    if (hasChanged(state, before, 'opened') && opened) {
      const on = opened.isExample ? 'the first pictures of the example' : 'inputs that are made up';
      this.#about.replaceChildren(
        ...(opened.pictures
          ? [element('p', {}, `Both run on ${on}, or on pictures of your own:`), ...this.#pictures.controls()]
          : [element('p', {}, `Both run on ${on}.`)]),
      );
    }
    if (hasChanged(state, before, 'verified')) {
      this.#result.replaceChildren(...(verified ? resultOf(verified.fileName, verified.report) : []));
    }
    for (const one of this.#openers) setEnabled(one, !isBusy);
  }
}

function resultOf(fileName: string, report: VerifyReport): HTMLElement[] {
  const { isGood, text } = verifyVerdict(report);
  return [
    element('h3', { id: 'verified-title', tabindex: -1 }, `Beside ${fileName}`),
    element('p', { class: isGood ? 'verdict good' : 'verdict open' }, text),
    element('p', {}, `Run on ${report.inputsDescription}.`),
    ...(report.outputs.length === 0 ? [] : [outputTable(report)]),
    ...(report.notes.length === 0 ? [] : [list(report.notes, { class: 'soft' })]),
  ];
}

/** The verdict in a sentence, and whether it is good news. */
export function verifyVerdict({ verdict, reason, tolerances, leastSqnrDb, backend }: VerifyReport): {
  readonly isGood: boolean;
  readonly text: string;
} {
  switch (verdict) {
    case 'same': {
      const by = backend === null ? '' : ` (${backend})`;
      if (leastSqnrDb !== undefined) {
        return {
          isGood: true,
          text: `It works with 8 bits: every output has an SQNR of ${leastSqnrDb} dB or more${by}.`,
        };
      }
      const { rtol, atol, weights } = tolerances;
      const rounded = weights === 'float32' ? '' : `; weights that differ are ${weights}`;
      return {
        isGood: true,
        text: `The same function: no output differs by more than ${small(rtol)} of its largest value, plus ${small(atol)}${by}${rounded}.`,
      };
    }
    case 'different':
      return { isGood: false, text: `Different: ${reason}.` };
    case 'not-verified':
      return { isGood: false, text: `Not verified: ${reason}.` };
  }
}

function outputTable({ outputs, sampleNames }: VerifyReport): HTMLElement {
  const head = [
    'Output',
    'Largest difference',
    'Of the largest value',
    'SQNR',
    'Same top-1',
    'Worst input',
    'Verdict',
  ];
  const numeric = new Set([1, 2, 3, 4]);
  const rows = outputs.map((output) => {
    const cells = [
      small(output.maxAbsolute),
      small(output.maxRelative),
      Number.isFinite(output.sqnrDb) ? decibels(output.sqnrDb) : 'no difference',
      output.top1Agreement === null ? '' : percent(output.top1Agreement),
      output.worstInput === null ? '' : (sampleNames[output.worstInput] ?? `sample ${output.worstInput + 1}`),
      output.same ? 'same' : 'different',
    ];
    return element(
      'tr',
      {},
      element('th', { scope: 'row' }, output.name),
      ...cells.map((cell, index) =>
        element('td', { class: numeric.has(index + 1) ? 'number' : undefined }, cell),
      ),
    );
  });
  return tableOf('Outputs of both', head, rows);
}
