/**
 * The slopes of the noise of a graph, and how they bend.
 *
 * @module
 */

/** Below it the logarithm is not worth its time: what stands for it is off by a thousandth. */
const SMALL_RATIO = 0.1;

/**
 * Derivatives of the noise by the logarithms `x` of the free factors, by place, in parts that change each in their own way; one
 * place more for all factors that are fixed.
 */
export class NoiseSlopes {
  /** What errors of a channel are worth, which goes with `e^2x`, and what its values vary by, with `e^-2x`: as sizes, both. */
  readonly rising: Float64Array;
  readonly falling: Float64Array;
  /** What weights have in ranges, which goes with `e^px` or `e^-px`. */
  readonly steepRising: Float64Array;
  readonly steepFalling: Float64Array;

  /** @param count how many factors are free */
  constructor(count: number) {
    this.rising = new Float64Array(count + 1);
    this.falling = new Float64Array(count + 1);
    this.steepRising = new Float64Array(count + 1);
    this.steepFalling = new Float64Array(count + 1);
  }

  /** Starts from nothing. */
  clear(): void {
    for (const part of [this.rising, this.falling, this.steepRising, this.steepFalling]) part.fill(0);
  }

  /**
   * Adds to `gradient` the derivatives of the logarithm of the noise, which is `total`, and to `curvature` about how much each of
   * them changes. A range hardly feels the weights of a channel until they come near its largest, and then at once: along a step
   * down the gradient they grow until their part has made up for it, `ln(1 + slope / part) / p` away, and what counts is the
   * curvature on average up to there.
   */
  addTo(gradient: Float64Array, curvature: Float64Array, total: number, exponent: number): void {
    const { rising, falling, steepRising, steepFalling } = this;
    const part = 1 / total;
    for (let at = 0; at < gradient.length; at++) {
      const slowUp = part * (rising[at] as number);
      const slowDown = part * (falling[at] as number);
      const up = part * (steepRising[at] as number);
      const down = part * (steepFalling[at] as number);
      const slope = (gradient[at] as number) + slowUp - slowDown + up - down;
      const ahead = slope < 0 ? up : down;
      const ratio = ahead > 0 ? Math.abs(slope) / ahead : 0;
      // ratio / ln(1 + ratio), which is that much for a small one.
      const growth = ratio < SMALL_RATIO ? 1 + ratio / 2 : ratio / Math.log1p(ratio);
      gradient[at] = slope;
      curvature[at] =
        (curvature[at] as number) + 2 * (slowUp + slowDown) + exponent * (up + down - ahead + ahead * growth);
    }
  }
}
