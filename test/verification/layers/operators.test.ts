import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseModelConfig } from '../../../src/formats/keras-config/parse-model.ts';
import { buildGraph, type GraphTensor } from '../../../src/model/graph.ts';
import type { JsonObject } from '../../../src/model/layer.ts';
import { Layer } from '../../../src/model/layer.ts';
import { Call } from '../../../src/model/model.ts';
import { customLayers } from '../../../src/verification/layers/custom-layers.ts';
import { operatorAsLayer } from '../../../src/verification/layers/operator-call.ts';
import { type ModelCase, readFixture, relativeDifference, runLayer, type Values } from './run-layer.ts';

/** Sums of up to a hundred float32 products in another order, and exponentials of another library. */
const TOLERANCE = 1e-5;

const cases: ModelCase[] = ['keras-3.15.1.json.gz', 'tfkeras-2.15.0.json.gz'].flatMap((file) =>
  readFixture(file).models.map((one) => ({ ...one, name: `${file.split('.')[0]} ${one.name}` })),
);

describe.each(['cpu', 'wasm'])('operators on the %s backend', (backend) => {
  beforeAll(async () => {
    tf.env().set('PROD', true);
    expect(await tf.setBackend(backend)).toBe(true);
  });

  it.each(cases)('$name: are what Keras computes', async ({ model, inputs, outputs }) => {
    const before = tf.memory().numTensors;
    const made = await runOperators(model, inputs);
    expect(made).toHaveLength(outputs.length);
    made.forEach((output, index) => {
      expect(relativeDifference(output, outputs[index] as Values)).toBeLessThanOrEqual(TOLERANCE);
    });
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('operatorAsLayer', () => {
  const layer = (entry: JsonObject): Layer =>
    new Layer({
      name: 'op',
      className: String(entry['class_name']),
      operation: { kind: 'opaque' },
      origin: { config: entry, operation: { kind: 'opaque' }, weights: new Map() },
    });
  const asLayer = (entry: JsonObject): Layer | undefined => {
    const made = layer(entry);
    return operatorAsLayer(made, new Call(made, []));
  };

  it('leaves a layer as it is', () => {
    expect(asLayer({ class_name: 'Multiply', config: { name: 'op' } })).toBeUndefined();
  });

  it('knows the class of Keras 3 and the function of TensorFlow as one operator', () => {
    const keras3 = asLayer({
      module: 'keras.src.ops.numpy',
      class_name: 'Mean',
      config: { name: 'op', axis: [1] },
    });
    const keras2 = asLayer({
      class_name: 'TFOpLambda',
      config: { name: 'op', function: 'math.reduce_mean' },
    });
    expect(keras3?.origin?.config['config']).toMatchObject({
      operator: 'mean',
      options: { axis: { value: [1] } },
    });
    expect(keras2?.origin?.config['config']).toMatchObject({ operator: 'mean', options: {} });
  });

  it('makes nothing of an operator that cannot be run', () => {
    expect(asLayer({ class_name: 'TFOpLambda', config: { function: 'signal.fft' } })).toBeUndefined();
    expect(asLayer({ class_name: 'TFOpLambda', config: { function: 'constructor' } })).toBeUndefined();
  });
});

/** Runs a model of operators, each as a layer alone. */
async function runOperators(config: unknown, inputs: readonly Values[]): Promise<Values[]> {
  const graph = buildGraph(parseModelConfig(config, 'fixture'));
  const values = new Map<GraphTensor, Values>(
    graph.inputs.map((tensor, index) => [tensor, inputs[index] as Values]),
  );
  for (const call of graph.calls) {
    if (call.layer.operation.kind === 'input') continue;
    const layer = operatorAsLayer(call.layer, call.call);
    if (!layer?.origin) throw new Error(`${call.path} is no known operator`);
    const entry = layer.origin.config as { class_name: string; config: Record<string, unknown> };
    const fed = call.inputs.map((tensor) => values.get(tensor) as Values);
    const outputs = Math.max(1, call.outputs.length);
    const made = await runLayer({ entry, inputs: fed, weights: [] }, customLayers, outputs);
    made.forEach((output, index) => {
      values.set(call.output(index), output);
    });
  }
  return graph.outputs.map((tensor) => values.get(tensor) as Values);
}
