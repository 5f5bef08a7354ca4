/**
 * What options of the command are called on the page, whose texts come from the library that both have.
 *
 * @module
 */

/** Labels of fields for a `.tflite` file. */
export const TFLITE_LABELS = {
  dense: 'One scale for a Dense layer',
  allowFloat: 'Layers without an int8 form stay in float',
  inputShape: 'Sizes of inputs that the model leaves open',
} as const;

const OPTIONS: readonly (readonly [option: RegExp, label: string])[] = [
  [/--dense per-tensor/g, TFLITE_LABELS.dense],
  [/--allow-float(, allowFloat in programs)?/g, TFLITE_LABELS.allowFloat],
  [/--input-shape(, withInputShapes in programs)?/g, TFLITE_LABELS.inputShape],
];

/** A text of the library, with the fields of the page in place of options. */
export function inWordsOfThePage(text: string): string {
  return OPTIONS.reduce((said, [option, label]) => said.replace(option, `“${label}”`), text);
}
