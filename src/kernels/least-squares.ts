/**
 * Weighted least squares with few unknowns.
 *
 * @module
 */

/** What fits best, and how well. */
export interface LeastSquaresFit {
  /** `[unknowns]`. */
  readonly solution: Float64Array;
  /** `targets[o] - sum over i of columns[i][o] solution[i]`, `[equations]`. */
  readonly residuals: Float64Array;
  /** The diagonal of the inverse of the normal matrix: times the variance of a residual that of the solution, `[unknowns]`. */
  readonly inverseDiagonal: Float64Array;
}

/** A pivot below this part of its diagonal is rounding: a column is as good as a sum of the ones before. */
const SMALLEST_PIVOT = 1e-10;

/**
 * The x with the smallest `sum over o of weights[o] (targets[o] - sum over i of columns[i][o] x[i])²`, by Cholesky's
 * decomposition of the normal equations. NaN and Inf give no fit.
 *
 * @param columns for each unknown its factor in each equation, `[unknowns][equations]`
 * @returns undefined where the columns do not determine x.
 */
export function leastSquares(
  columns: readonly Float64Array[],
  targets: Float64Array,
  weights: Float64Array,
): LeastSquaresFit | undefined {
  const lower = choleskyOf(columns.map((one) => columns.map((other) => product(one, other, weights))));
  if (!lower) return undefined;
  const right = Float64Array.from(columns, (column) => product(column, targets, weights));
  const solution = solveUpper(lower, solveLower(lower, right));
  const residuals = Float64Array.from(targets);
  for (let o = 0; o < residuals.length; o++) {
    for (let i = 0; i < columns.length; i++) residuals[o] = residuals[o]! - columns[i]![o]! * solution[i]!;
  }
  if (!solution.every(Number.isFinite)) return undefined;
  const inverseDiagonal = solution.map((_, unknown) => {
    const unit = new Float64Array(columns.length);
    unit[unknown] = 1;
    return solveLower(lower, unit).reduce((sum, value) => sum + value * value, 0);
  });
  return { solution, residuals, inverseDiagonal };
}

function product(one: Float64Array, other: Float64Array, weights: Float64Array): number {
  let sum = 0;
  for (let o = 0; o < weights.length; o++) sum += weights[o]! * one[o]! * other[o]!;
  return sum;
}

/** `L` with `L L^T = matrix`, by rows; undefined where the matrix is not positive definite. */
function choleskyOf(matrix: readonly (readonly number[])[]): Float64Array[] | undefined {
  const lower = matrix.map(({ length }) => new Float64Array(length));
  for (let row = 0; row < matrix.length; row++) {
    for (let column = 0; column <= row; column++) {
      let left = matrix[row]![column]!;
      for (let at = 0; at < column; at++) left -= lower[row]![at]! * lower[column]![at]!;
      if (column < row) lower[row]![column] = left / lower[column]![column]!;
      else if (left > SMALLEST_PIVOT * matrix[row]![row]! && left < Infinity)
        lower[row]![row] = Math.sqrt(left);
      else return undefined;
    }
  }
  return lower;
}

/** x with `L x = right`. */
function solveLower(lower: readonly Float64Array[], right: Float64Array): Float64Array {
  const solution = Float64Array.from(right);
  for (let row = 0; row < lower.length; row++) {
    for (let at = 0; at < row; at++) solution[row] = solution[row]! - lower[row]![at]! * solution[at]!;
    solution[row] = solution[row]! / lower[row]![row]!;
  }
  return solution;
}

/** x with `L^T x = right`. */
function solveUpper(lower: readonly Float64Array[], right: Float64Array): Float64Array {
  const solution = Float64Array.from(right);
  for (let row = lower.length - 1; row >= 0; row--) {
    for (let at = row + 1; at < lower.length; at++) {
      solution[row] = solution[row]! - lower[at]![row]! * solution[at]!;
    }
    solution[row] = solution[row]! / lower[row]![row]!;
  }
  return solution;
}
