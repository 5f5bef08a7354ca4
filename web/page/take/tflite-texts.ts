/**
 * A `.tflite` file in words: what can be chosen, and what came of it.
 *
 * @module
 */

import type { IntegerWeights, TfliteIo } from 'crosslayer/quantization';
import {
  byteText,
  checkTexts,
  count,
  farText,
  guessedText,
  named,
  notTakenTexts,
  operatorsText,
  percent,
  rangesText,
  works,
} from 'crosslayer/report';
import { inWordsOfThePage } from '../../option-labels.ts';
import type { TakenTflite } from '../../protocol.ts';
import type { ChoiceText } from '../choices/choice-texts.ts';

/** Which weights share a scale. */
export const WEIGHTS_TEXTS: readonly ChoiceText<IntegerWeights>[] = [
  {
    value: 'per-channel',
    title: 'A scale for each channel',
    text: 'For phones, browsers and most microcontrollers; it loses least. Batch norms are folded, biases corrected.',
  },
  {
    value: 'per-tensor',
    title: 'One scale for each kernel',
    text: 'For NPUs and microcontrollers that have nothing else. Channels are scaled first, and get a maximum each behind a ReLU6.',
  },
];

/** What stands at the ends of the file. */
export const IO_TEXTS: readonly ChoiceText<TfliteIo>[] = [
  {
    value: 'int8',
    title: 'Whole numbers from -128 to 127',
    text: 'For microcontrollers and NPUs: nothing in the file is a float.',
  },
  {
    value: 'uint8',
    title: 'Bytes from 0 to 255',
    text: 'For a phone app that hands over the bytes of the camera. One operator at each end converts them to int8.',
  },
  {
    value: 'float32',
    title: 'Floats',
    text: 'For a phone app that hands over floats, scaled as in training, and for LiteRT.js, which has no int8.',
  },
];

/** The proof in a sentence, and whether it is good news. */
export function tfliteVerdict({ check, notVerified }: Pick<TakenTflite, 'check' | 'notVerified'>): {
  readonly isGood: boolean;
  readonly text: string;
} {
  if (!check) return { isGood: false, text: `Not verified: ${notVerified ?? 'it was not run'}` };
  const far = farText(check);
  const advice =
    far === undefined
      ? ''
      : ` ${capital(far)}; ranges that are measured on inputs of your own may be better.`;
  const shown = checkTexts(check).join('; ');
  const text = `LiteRT ran the file in this browser, beside the float model: ${shown}.${advice}`;
  return { isGood: works(check), text };
}

/** What else there is to say of the file. */
export function tfliteSentences({
  weights,
  dense,
  float,
  io,
  bytes,
  operators,
  inFloat,
  ranges,
  notTaken,
  check,
}: Omit<TakenTflite, 'download' | 'notVerified'>): string[] {
  const guessed = guessedText(ranges);
  const scales = dense === weights ? weights : `${weights}, of Dense layers ${dense}`;
  const held = float ? `float32, made ready for weights ${scales},` : `int8 weights ${scales}`;
  return [
    `Size: ${byteText(bytes.before)} as it was opened, ${byteText(bytes.after)} now (${percent(bytes.after / bytes.before)}), with ${held} and ${io} inputs and outputs.`,
    ...(check ? [`Run on ${check.inputs}.`] : []),
    `Operators ${operatorsText(operators)}.`,
    ...(inFloat.length === 0 ? [] : [`In float ${count(inFloat.length, 'layer')}: ${named(inFloat)}.`]),
    ...(ranges.length === 0 ? [] : [`Ranges ${rangesText(ranges)}.`]),
    ...(guessed === undefined ? [] : [`${capital(guessed)}. On inputs of your own they are measured.`]),
    ...notTakenTexts(notTaken).map((text) => `${capital(inWordsOfThePage(text))}.`),
    ...(notTaken.length === 0
      ? []
      : ['What the hardware does not take is computed by other kernels; that costs time alone.']),
  ];
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
