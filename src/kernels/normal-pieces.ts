/**
 * Moments of piecewise linear functions of normal variables.
 *
 * @module
 */

import { normalCdf, normalDensity } from './normal-distribution.ts';

/** `E[y]` and `E[y^2]` as they add up, each `[channels]`. */
export interface MomentSums {
  readonly first: Float64Array;
  readonly second: Float64Array;
}

/** A normal variable for each channel that is cut off at both ends: `min(high, max(low, X))`, X ~ N(mean, variance). */
export interface ClippedNormals {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  readonly low: Float64Array;
  readonly high: Float64Array;
}

/** A function `slope[c] x + offset[c]` on `[from, to)`. */
export interface LinearPiece {
  readonly from: number;
  readonly to: number;
  readonly slope: Float64Array;
  readonly offset: Float64Array;
}

/**
 * Adds what a piece contributes to the moments of `y = f(min(high, max(low, X)))`, with what is cut off below and above
 * where it falls on the piece. With a = (from - mean) / sigma and b = (to - mean) / sigma:
 * `P = Φ(b) - Φ(a)`, `E[X; piece] = mean P - sigma (φ(b) - φ(a))`,
 * `E[X²; piece] = mean² P - 2 mean sigma (φ(b) - φ(a)) + sigma² (P - b φ(b) + a φ(a))`.
 *
 * A variance of 0 is a constant. NaN gives NaN; no channels add nothing.
 */
export function addPiece(normals: ClippedNormals, piece: LinearPiece, sums: MomentSums): void {
  for (let channel = 0; channel < sums.first.length; channel++) {
    const mean = normals.mean[channel]!;
    const sigma = Math.sqrt(normals.variance[channel]!);
    const low = normals.low[channel]!;
    const high = normals.high[channel]!;
    const slope = piece.slope[channel]!;
    const offset = piece.offset[channel]!;
    if (!(sigma > 0)) {
      const value = Math.min(high, Math.max(low, mean));
      if (value >= piece.from && value < piece.to) addAtom(slope * value + offset, 1, channel, sums);
      if (Number.isNaN(value)) addAtom(value, 1, channel, sums);
      continue;
    }
    const from = Math.max(piece.from, low);
    const to = Math.min(piece.to, high);
    if (from < to) {
      const a = (from - mean) / sigma;
      const b = (to - mean) / sigma;
      const share = probability(a, b);
      const rise = sigma * (normalDensity(b) - normalDensity(a));
      const first = mean * share - rise;
      const second = mean * first - mean * rise + sigma * sigma * (share - edge(b) + edge(a));
      sums.first[channel]! += slope * first + offset * share;
      sums.second[channel]! += slope * slope * second + 2 * slope * offset * first + offset * offset * share;
    }
    if (low > -Infinity && low >= piece.from && low < piece.to) {
      addAtom(slope * low + offset, normalCdf((low - mean) / sigma), channel, sums);
    }
    if (high < Infinity && high >= piece.from && high < piece.to) {
      addAtom(slope * high + offset, normalCdf((mean - high) / sigma), channel, sums);
    }
  }
}

function addAtom(value: number, share: number, channel: number, { first, second }: MomentSums): void {
  first[channel]! += value * share;
  second[channel]! += value * value * share;
}

/** `Φ(b) - Φ(a)`, from the tail in which it keeps its digits. */
function probability(a: number, b: number): number {
  return a > 0 ? normalCdf(-a) - normalCdf(-b) : normalCdf(b) - normalCdf(a);
}

/** `x φ(x)`, 0 at either end. */
function edge(x: number): number {
  return Number.isFinite(x) ? x * normalDensity(x) : 0;
}

/**
 * Adds `E[f(X)]` and `E[f(X)²]` of normals cut off at both ends, for a smooth f: Gauss-Hermite quadrature,
 * `E ≈ sum of weights[k] f(mean + sigma nodes[k])`.
 */
export function addQuadrature(
  normals: ClippedNormals,
  f: (x: number) => number,
  rule: { readonly nodes: Float64Array; readonly weights: Float64Array },
  sums: MomentSums,
): void {
  const { nodes, weights } = rule;
  for (let channel = 0; channel < sums.first.length; channel++) {
    const mean = normals.mean[channel]!;
    const sigma = Math.sqrt(normals.variance[channel]!);
    for (let node = 0; node < nodes.length; node++) {
      const x = Math.min(
        normals.high[channel]!,
        Math.max(normals.low[channel]!, mean + sigma * nodes[node]!),
      );
      addAtom(f(x), weights[node]!, channel, sums);
    }
  }
}

/**
 * Nodes and weights for the standard normal distribution, exact for polynomials up to degree `2 count - 1`: the roots of
 * the Hermite polynomial `He`, each found between two roots of the polynomial below it.
 */
export function gaussHermite(count: number): { nodes: Float64Array; weights: Float64Array } {
  let roots: number[] = [0];
  for (let degree = 2; degree <= count; degree++) {
    const reach = 2 * Math.sqrt(degree) + 1;
    const fences = [-reach, ...roots, reach];
    roots = Array.from({ length: degree }, (_, index) =>
      rootBetween(degree, fences[index]!, fences[index + 1]!),
    );
  }
  // w = (n-1)! / (n He_{n-1}(x)²), and h = He / sqrt(n!) keeps the numbers small.
  const weights = roots.map((root) => 1 / (count * scaledHermite(count - 1, root) ** 2));
  return { nodes: Float64Array.from(roots), weights: Float64Array.from(weights) };
}

/** `He_n(x) / sqrt(n!)`. */
function scaledHermite(degree: number, x: number): number {
  let [before, value] = [0, 1];
  for (let n = 0; n < degree; n++) {
    [before, value] = [value, (x * value - Math.sqrt(n) * before) / Math.sqrt(n + 1)];
  }
  return value;
}

/** By bisection, which roots that are fenced in cannot escape. */
function rootBetween(degree: number, from: number, to: number): number {
  let [low, high] = [from, to];
  const sign = Math.sign(scaledHermite(degree, low));
  for (let step = 0; step < 80; step++) {
    const middle = (low + high) / 2;
    if (Math.sign(scaledHermite(degree, middle)) === sign) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
