import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import * as tf from '@tensorflow/tfjs-core';
import { models } from '@tensorflow/tfjs-layers';
import type { Dialect } from '../../../src/model/model.ts';

/** Values as the fixtures have them. */
export interface Values {
  readonly shape: number[];
  readonly dtype: string;
  readonly values: number[];
}

/** What Keras computed for one layer. */
export interface LayerCase {
  readonly name: string;
  readonly entry: { readonly class_name: string; readonly config: Record<string, unknown> };
  readonly inputs: readonly Values[];
  readonly weights: readonly Values[];
  readonly output: Values;
}

/** What Keras computed for a model of operators, or of layers that hand on more than a tensor. */
export interface ModelCase {
  readonly name: string;
  readonly model: unknown;
  readonly weights: Readonly<Record<string, readonly Values[]>>;
  readonly inputs: readonly Values[];
  readonly outputs: readonly Values[];
}

export function readFixture(file: string): { layers: LayerCase[]; models: ModelCase[] } {
  const url = new URL(`../../fixtures/layers/${file}`, import.meta.url);
  return JSON.parse(gunzipSync(readFileSync(url)).toString());
}

/** The values as a tensor of TF.js. */
export function tensorOf({ shape, dtype, values }: Values): tf.Tensor {
  return tf.tensor(values, shape, dtype === 'float32' || dtype === 'bool' ? dtype : 'int32');
}

/**
 * The configuration as the runner hands it over: with zeros for initial values, and a name of its own for what Keras 3
 * calls hard_sigmoid, which is another function in Keras 2.
 */
export function prepared(config: object, dialect: Dialect): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => {
      if (key.endsWith('_initializer')) return [key, { class_name: 'Zeros', config: {} }];
      // What TF.js makes initial values of it with is never let go.
      if (key === 'unit_forget_bias') return [key, false];
      if (/activation$/.test(key) && value === 'hard_sigmoid' && dialect === 'keras3') {
        return [key, 'keras3_hard_sigmoid'];
      }
      const inner = (one: unknown): unknown =>
        typeof one === 'object' && one !== null && !Array.isArray(one) ? prepared(one, dialect) : one;
      return [key, Array.isArray(value) ? value.map(inner) : inner(value)];
    }),
  );
}

/**
 * The outputs of a layer alone, as the runner runs it: a model of inputs and one layer, in float32.
 *
 * @throws Error where they have another shape than the layer said that they would.
 */
export async function runLayer(
  { entry, inputs, weights }: Pick<LayerCase, 'entry' | 'inputs' | 'weights'>,
  customObjects: Readonly<Record<string, unknown>>,
  outputs = 1,
): Promise<Values[]> {
  const names = inputs.map((_, index) => `input${index}`);
  const config = { ...entry.config, name: 'layer' };
  const model = await models.modelFromJSON(
    {
      modelTopology: {
        class_name: 'Model',
        config: {
          name: 'alone',
          layers: [
            ...inputs.map(({ shape, dtype }, index) => ({
              class_name: 'InputLayer',
              name: names[index],
              config: { name: names[index], batch_input_shape: [null, ...shape.slice(1)], dtype },
              inbound_nodes: [],
            })),
            {
              class_name: entry.class_name,
              name: 'layer',
              config,
              inbound_nodes: [names.map((name) => [name, 0, 0])],
            },
          ],
          input_layers: names.map((name) => [name, 0, 0]),
          output_layers: Array.from({ length: outputs }, (_, index) => ['layer', 0, index]),
        },
      },
      // biome-ignore lint/suspicious/noExplicitAny: tfjs gives these a type that no tuple has
    } as any,
    // biome-ignore lint/suspicious/noExplicitAny: as above
    customObjects as any,
  );
  try {
    const given = weights.map(tensorOf);
    model.setWeights(given);
    tf.dispose(given);
    const tensors = inputs.map(tensorOf);
    const predicted = model.predict(tensors.length === 1 ? (tensors[0] as tf.Tensor) : tensors);
    tf.dispose(tensors);
    const list = Array.isArray(predicted) ? predicted : [predicted];
    const results = list.map((one) => ({
      shape: one.shape,
      dtype: one.dtype,
      values: Array.from(one.dataSync()),
    }));
    model.outputs.forEach(({ shape }, index) => {
      const real = results[index]?.shape ?? [];
      if (shape.length !== real.length || shape.some((size, axis) => size !== null && size !== real[axis])) {
        throw new Error(`computeOutputShape says [${shape}], the output has [${real}]`);
      }
    });
    tf.dispose(list);
    return results;
  } finally {
    model.dispose();
  }
}

/** The largest difference, as a part of the largest magnitude that is expected. */
export function relativeDifference(actual: Values, expected: Values): number {
  if (actual.shape.join() !== expected.shape.join()) {
    throw new Error(`the shape is [${actual.shape}] instead of [${expected.shape}]`);
  }
  let largest = 0;
  let difference = 0;
  expected.values.forEach((value, index) => {
    largest = Math.max(largest, Math.abs(value));
    const one = Math.abs(value - (actual.values[index] as number));
    difference = Number.isNaN(one) ? Number.POSITIVE_INFINITY : Math.max(difference, one);
  });
  return difference === 0 ? 0 : difference / largest;
}
