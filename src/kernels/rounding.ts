/**
 * Rounding to whole numbers.
 *
 * @module
 */

/**
 * What becomes of a number that lies halfway between two whole ones: the even one (NumPy, IEEE 754), or the one further
 * from zero (C's `round`, which AIMET and TensorFlow Lite use).
 */
export type Rounding = 'half-even' | 'half-away';

/** The nearest whole number, ties to the even one. NaN and Inf stay. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest < 0.5) return floor;
  if (rest > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** The nearest whole number, ties away from zero. NaN and Inf stay. */
export function roundHalfAway(value: number): number {
  // Math.round takes ties up.
  return value < 0 ? -Math.round(-value) : Math.round(value);
}
