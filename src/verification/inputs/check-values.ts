import type { UnsupportedModelError } from '../../errors.ts';
import { isFloat, largestFinite } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { dimensionsText } from '../../text/numbers.ts';
import { embeddingEntries } from './embedding-entries.ts';
import { type ModelInput, unfit } from './model-inputs.ts';

/**
 * Checks the values of an array for an input: finite as float32, and where an Embedding reads them, among its entries.
 *
 * @throws UnsupportedModelError, with the array, the index and the value, where one is not.
 */
export function checkValues(array: Tensor, name: string, { tensor }: ModelInput): void {
  const values = array.values();
  if (isFloat(array.dtype)) {
    const most = largestFinite('float32');
    // False for a NaN too.
    const wrong = indexOf(values, (value) => !(Math.abs(value) <= most));
    if (wrong >= 0) throw notFinite(array, name, wrong);
  }
  const embedding = embeddingEntries(tensor);
  if (!embedding) return;
  const { layer, entries } = embedding;
  const wrong = indexOf(values, (value) => Math.trunc(value) < 0 || Math.trunc(value) >= entries);
  if (wrong < 0) return;
  throw unfit(
    `${name}: the value at ${placeOf(wrong, array.shape)} is ${values[wrong]}, but the layer ${layer} takes 0 to ` +
      `${entries - 1}; number the entries as in training`,
  );
}

function notFinite(array: Tensor, name: string, index: number): UnsupportedModelError {
  const value = Number(array.values()[index]);
  const advice = Number.isFinite(value)
    ? 'which float32 cannot hold; scale the array'
    : 'and inputs are finite numbers; leave that sample out, or replace it: np.nan_to_num(array)';
  return unfit(`${name}: the value at ${placeOf(index, array.shape)} is ${value}, ${advice}`);
}

function indexOf(values: ReturnType<Tensor['values']>, isWrong: (value: number) => boolean): number {
  for (let index = 0; index < values.length; index++) if (isWrong(Number(values[index]))) return index;
  return -1;
}

/** A flat index as numpy has it: `[3, 0, 17]`. */
function placeOf(index: number, shape: readonly number[]): string {
  const place: number[] = [];
  let rest = index;
  for (const size of shape.toReversed()) {
    place.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return dimensionsText(place);
}
