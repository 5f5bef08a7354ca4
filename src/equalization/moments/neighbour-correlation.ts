/**
 * How much neighbouring positions have in common, as the correlation of the values of one channel. No model tells it:
 * docs/accuracy.md has what was measured on published ones.
 *
 * @module
 */

/** Of pictures. */
export const PICTURE_CORRELATION = 0.9;

/** Of what a convolution reads inside of a model, by the variance of what it makes of it. */
export const FEATURE_CORRELATION = 0.25;

/** Of what a pooling reads; between 0 (a pooled maximum then is the largest) and 1 (pooling then changes nothing). */
export const POOLING_CORRELATION = 0.5;

/** Of the errors that quantized weights make: most of an error is the same from one position to the next. */
export const ERROR_CORRELATION = 0.9;
