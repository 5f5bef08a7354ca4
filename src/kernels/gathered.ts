/**
 * Values that belong to places of another list.
 *
 * @module
 */

/** `values[i] * factors[places[i]]`, written to `products` and returned. */
export function timesGathered(
  values: Float64Array,
  factors: Float64Array,
  places: Int32Array,
  products: Float64Array,
): Float64Array {
  for (let index = 0; index < products.length; index++) {
    products[index] = values[index]! * factors[places[index]!]!;
  }
  return products;
}

/** `target[places[i]] += factor * values[i]`. */
export function addScattered(
  target: Float64Array,
  places: Int32Array,
  values: Float64Array,
  factor: number,
): void {
  for (let index = 0; index < places.length; index++) {
    const place = places[index]!;
    target[place] = target[place]! + factor * values[index]!;
  }
}

/** All values added up. */
export function sumOf(values: Float64Array): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index]!;
  return sum;
}
