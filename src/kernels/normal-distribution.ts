/**
 * The standard normal distribution N(0, 1).
 *
 * @module
 */

const SQRT_TWO_PI = Math.sqrt(2 * Math.PI);
/** From here on the tail is computed for itself: as 1 minus the rest it would lose its digits. */
const TAIL_FROM = 3;
/** Beyond it the tail is less than the smallest float64. */
const TAIL_TO = 40;
/** The fraction no longer changes after `720 / t² + 8` levels: 88 at {@link TAIL_FROM}, where it converges slowest. */
const TAIL_LEVELS = 720;
const LEAST_LEVELS = 8;

/** `φ(x) = exp(-x²/2) / sqrt(2π)`; 0 for ±Infinity, NaN for NaN. */
export function normalDensity(x: number): number {
  return Math.exp((-x * x) / 2) / SQRT_TWO_PI;
}

/**
 * `Φ(x) = P(X <= x)` to a relative error below 1e-13, in the lower tail too (down to the smallest float64, at -38); 0 and 1
 * for ∓Infinity, NaN for NaN. `1 - Φ(x)` without loss of digits is `Φ(-x)`.
 *
 * Up to |x| = 3 the series `1/2 + φ(x) (x + x³/3 + x⁵/(3·5) + ...)`; past it Laplace's fraction
 * `φ(t) / (t + 1/(t + 2/(t + 3/(t + ...))))` for the tail beyond t.
 */
export function normalCdf(x: number): number {
  if (x <= -TAIL_FROM) return tailBeyond(-x);
  if (x >= TAIL_FROM) return 1 - tailBeyond(x);
  return 0.5 + normalDensity(x) * oddSeries(x);
}

/** `x + x³/3 + x⁵/(3·5) + ...` until a term no longer changes the sum; NaN for NaN. */
function oddSeries(x: number): number {
  let term = x;
  let sum = x;
  for (let divisor = 3, before = Number.NaN; sum !== before && term !== 0; divisor += 2) {
    before = sum;
    term *= (x * x) / divisor;
    sum += term;
    if (Number.isNaN(sum)) return sum;
  }
  return sum;
}

/** `P(X > t)` for t >= {@link TAIL_FROM}. */
function tailBeyond(t: number): number {
  if (t > TAIL_TO) return 0;
  // The fraction as one quotient: `t + level / (above / below) = (t above + level below) / above`.
  let [above, below] = [t, 1];
  for (let level = Math.ceil(TAIL_LEVELS / (t * t)) + LEAST_LEVELS; level > 0; level--) {
    const next = t * above + level * below;
    below = above;
    above = next;
  }
  return (normalDensity(t) * below) / above;
}
