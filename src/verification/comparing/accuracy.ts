import { UnsupportedModelError } from '../../errors.ts';
import type { FloatValues } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { largestColumn } from './compare-outputs.ts';
import type { ModelRun } from './model-run.ts';

/** How often a model is right. */
export interface Accuracy {
  /** The output that was taken for the classes. */
  readonly output: string;
  /** The share of samples whose largest class is the label; with a sigmoid of one column, on the label's side of 0.5. */
  readonly accuracy: number;
}

/**
 * The accuracy of a run on labelled samples, by the first output that looks like classes: `[samples, classes]`, or one
 * column that ends in a sigmoid. Null where none does.
 *
 * @param labels the index of the class, one a sample.
 * @param source where they come from, for messages.
 * @throws RangeError where there are more or fewer labels than samples; UnsupportedModelError where a label is past the
 * classes.
 */
export function accuracyOf(run: ModelRun, labels: Int32Array, source = 'labels'): Accuracy | null {
  for (const [index, output] of run.outputs.entries()) {
    const [samples = 0] = output.shape;
    const classes = samples === 0 ? 0 : output.size / samples;
    const decides = classes === 1 && run.sources[index]?.kind === 'sigmoid';
    if (!decides && (classes < 2 || output.columns !== classes)) continue;
    if (labels.length !== samples) {
      throw new RangeError(`${source}: ${labels.length} labels for ${samples} samples; give one for each`);
    }
    const name = run.names[index] ?? '';
    requireClasses(labels, decides ? 2 : classes, name, source);
    // The logits, where there are any: two classes may both be 1 behind a softmax in float32.
    const scores = run.scores[index] ?? output;
    return { output: name, accuracy: shareRight(scores, classes, labels) };
  }
  return null;
}

function requireClasses(labels: Int32Array, classes: number, output: string, source: string): void {
  const wrong = labels.findIndex((label) => label >= classes);
  if (wrong < 0) return;
  const reason =
    `${source}: the label of sample ${wrong} is ${labels[wrong]}, but ${output} has the classes 0 to ${classes - 1}; ` +
    'count them from 0';
  throw new UnsupportedModelError('labels', reason);
}

function shareRight(scores: Tensor, classes: number, labels: Int32Array): number {
  const values = scores.values() as FloatValues;
  let right = 0;
  for (const [sample, label] of labels.entries()) {
    const found =
      classes === 1 ? Number((values[sample] ?? 0) >= 0.5) : largestColumn(values, sample * classes, classes);
    if (found === label) right++;
  }
  return right / labels.length;
}
