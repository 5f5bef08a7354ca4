import type { Tensor } from '../../tensor/tensor.ts';
import { dimensionsText } from '../../text/numbers.ts';
import { unfit } from './model-inputs.ts';

/**
 * Class labels, one a sample: whole numbers `[samples]` or `[samples, 1]`, or one-hot rows `[samples, classes]`, of which
 * the place of the 1 is the class.
 *
 * @param name of the array, for messages.
 * @throws UnsupportedModelError where they are something else.
 */
export function labelsOf(array: Tensor, name: string): Int32Array {
  const { shape } = array;
  const numbers = Float64Array.from(array.values() as ArrayLike<number | bigint>, Number);
  if (shape.length === 2 && array.columns > 1) return fromOneHot(numbers, array.columns, name);
  if (shape.length === 0 || shape.length > 2 || array.columns === 0) {
    throw unfit(
      `${name}: labels are one number a sample, [samples], or one-hot, [samples, classes], and this is ` +
        dimensionsText(shape),
      'labels',
    );
  }
  const labels = Int32Array.from(numbers);
  const wrong = labels.findIndex((label, index) => label !== numbers[index] || label < 0);
  if (wrong < 0) return labels;
  throw unfit(
    `${name}: the label of sample ${wrong} is ${numbers[wrong]}; a class is a whole number from 0`,
    'labels',
  );
}

function fromOneHot(numbers: Float64Array, classes: number, name: string): Int32Array {
  const labels = new Int32Array(numbers.length / classes);
  for (const sample of labels.keys()) {
    const row = numbers.subarray(sample * classes, (sample + 1) * classes);
    const label = row.indexOf(1);
    if (label < 0 || row.some((value, column) => value !== 0 && column !== label)) {
      throw unfit(
        `${name}: the row of sample ${sample} is not one-hot (a single 1 among zeros); give one class a sample, ` +
          'such as np.argmax(array, axis=1)',
        'labels',
      );
    }
    labels[sample] = label;
  }
  return labels;
}
