/**
 * Resizing along an axis, as a matrix: what each value adds to each sample. Samples are taken at the middles of pixels, as
 * TensorFlow 2 and Keras do.
 *
 * @module
 */

/** The part of an axis that is sampled, and how many samples are taken of it. */
export interface Sampling {
  /** Values along the axis. */
  readonly size: number;
  /** The first value of the part. */
  readonly first: number;
  /** Values in the part. */
  readonly part: number;
  readonly samples: number;
}

/** How samples are taken, by Keras' names. */
export type Interpolation = 'nearest' | 'bilinear' | 'bicubic';

/** Steps between two pixels at which TensorFlow knows the weights of `bicubic`. */
const CUBIC_STEPS = 1024;

/** Whether {@link resamplingMatrix} knows an interpolation. */
export function isInterpolation(name: unknown): name is Interpolation {
  return name === 'nearest' || name === 'bilinear' || name === 'bicubic';
}

/** `[size, samples]`, each column with the sum 1. */
export function resamplingMatrix(
  { size, first, part, samples }: Sampling,
  interpolation: Interpolation,
): Float32Array {
  const values = new Float32Array(size * samples);
  for (let sample = 0; sample < samples; sample++) {
    const middle = ((sample + 0.5) * part) / samples;
    for (const [position, share] of sharesOf(middle, part, interpolation)) {
      const index = (first + position) * samples + sample;
      values[index] = (values[index] ?? 0) + share;
    }
  }
  return values;
}

/** The pixels that a sample is made of, and their shares in it. */
function sharesOf(
  middle: number,
  part: number,
  interpolation: Interpolation,
): (readonly [position: number, share: number])[] {
  if (interpolation === 'nearest') return [[Math.min(part - 1, Math.floor(middle)), 1]];
  if (interpolation === 'bicubic') return cubicShares(middle - 0.5, part);
  const at = Math.min(part - 1, Math.max(0, middle - 0.5));
  const below = Math.floor(at);
  return at > below
    ? [
        [below, 1 - (at - below)],
        [below + 1, at - below],
      ]
    : [[below, 1]];
}

/** Pixels outside have no share, and the others have it all between them. */
function cubicShares(at: number, part: number): (readonly [position: number, share: number])[] {
  const below = Math.floor(at);
  const offset = Math.round((at - below) * CUBIC_STEPS) / CUBIC_STEPS;
  const taken = [-1, 0, 1, 2]
    .filter((step) => below + step >= 0 && below + step < part)
    .map((step) => [below + step, keysCubic(Math.abs(offset - step))] as const);
  const sum = taken.reduce((total, [, share]) => total + share, 0);
  return taken.map(([position, share]) => [position, share / sum]);
}

/** Keys' cubic convolution with a = -1/2, at a distance in pixels (Keys 1981, "Cubic convolution interpolation"). */
function keysCubic(distance: number): number {
  if (distance <= 1) return (1.5 * distance - 2.5) * distance * distance + 1;
  if (distance < 2) return ((-0.5 * distance + 2.5) * distance - 4) * distance + 2;
  return 0;
}
