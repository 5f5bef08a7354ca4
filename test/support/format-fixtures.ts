import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Model } from '../../src/model/model.ts';

/** What the frameworks themselves wrote. */
export const FIXTURES: string = join(import.meta.dirname, '../fixtures/formats');

/** Names of the model files below test/fixtures/formats that have expectations beside them. */
export function formatFixtures(ending: string): string[] {
  return readdirSync(FIXTURES, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending) && existsSync(join(FIXTURES, `${name}.expected.json`)))
    .sort();
}

export function fixtureBytes(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(join(FIXTURES, name)));
}

interface ExpectedWeights {
  readonly shapes: readonly (readonly number[])[];
  readonly sums: readonly number[];
  readonly firsts: readonly number[];
}

/** Compares the weights of all layers with what the framework that made the file says of them. */
export function expectFrameworkWeights(model: Model, name: string): void {
  const { weights } = JSON.parse(readFileSync(join(FIXTURES, `${name}.expected.json`), 'utf8')) as {
    weights: Record<string, ExpectedWeights>;
  };
  const layers = new Map([...model.allLayers()].map(({ path, layer }) => [path, layer]));
  for (const [path, expected] of Object.entries(weights)) {
    const tensors = [...(layers.get(path)?.weights.values() ?? [])];
    expect(
      tensors.map(({ shape }) => shape),
      path,
    ).toEqual(expected.shapes);
    for (const [index, tensor] of tensors.entries()) {
      const values = tensor.toFloat64();
      const magnitude = values.reduce((sum, value) => sum + Math.abs(value), 0);
      const sum = values.reduce((total, value) => total + value, 0);
      // The framework sums in its own order, and prints float32 numbers in full.
      expect(Math.abs(sum - (expected.sums[index] ?? Number.NaN)), path).toBeLessThanOrEqual(
        1e-5 * magnitude,
      );
      expect(Math.fround(values[0] ?? Number.NaN), path).toBe(
        Math.fround(expected.firsts[index] ?? Number.NaN),
      );
    }
  }
  const withWeights = [...layers].filter(([, layer]) => layer.weights.size > 0).map(([path]) => path);
  expect(withWeights.sort()).toEqual(
    Object.keys(weights)
      .filter((path) => (weights[path]?.shapes.length ?? 0) > 0)
      .sort(),
  );
}
