import type { Tensor } from 'crosslayer';
import type { ModelRun } from 'crosslayer/verification';
import type { TopClasses } from '../../protocol.ts';

/** Classes that are shown. */
const SHOWN = 3;

/** The first output that looks like classes: several columns, or one that ends in a sigmoid. */
export function classOutput(run: ModelRun): number | undefined {
  const found = run.outputs.findIndex((output, index) => {
    const classes = classesOf(output);
    if (classes === 1) return run.sources[index]?.kind === 'sigmoid';
    return classes > 1 && output.columns === classes;
  });
  return found < 0 ? undefined : found;
}

/** For each sample the likeliest classes, with shares that add up to 1 over all of them. */
export function topClasses(run: ModelRun, output: number): TopClasses[] {
  const tensor = run.outputs[output];
  if (!tensor) return [];
  const classes = classesOf(tensor);
  const values = tensor.toFloat64();
  return Array.from({ length: tensor.shape[0] ?? 0 }, (_, sample) => {
    const row = values.subarray(sample * classes, (sample + 1) * classes);
    return likeliest(sharesOf(row));
  });
}

function classesOf({ shape, size }: Tensor): number {
  const [samples = 0] = shape;
  return samples === 0 ? 0 : size / samples;
}

function likeliest(shares: Float64Array): TopClasses {
  return [...shares]
    .map((share, index) => ({ index, share }))
    .sort((one, other) => other.share - one.share)
    .slice(0, SHOWN);
}

/** A sigmoid is of the second of two classes; scores that are no shares become some by a softmax. */
export function sharesOf(row: Float64Array): Float64Array {
  const [single = 0] = row;
  if (row.length === 1) return Float64Array.of(1 - single, single);
  const sum = row.reduce((total, one) => total + one, 0);
  if (Math.abs(sum - 1) < 1e-3 && row.every((one) => one >= 0)) return row;
  const largest = row.reduce((most, one) => Math.max(most, one), -Infinity);
  const powers = row.map((one) => Math.exp(one - largest));
  const total = powers.reduce((all, one) => all + one, 0);
  return powers.map((one) => one / total);
}
