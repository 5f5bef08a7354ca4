import { parseModelConfig } from '../../../src/formats/keras-config/parse/parse-model.ts';
import { isTrainableWeight, weightsInGroup } from '../../../src/formats/keras-h5/weight-order.ts';
import type { Layer } from '../../../src/model/layer.ts';
import { weightNamesOf } from '../../../src/model/layer-weights.ts';
import type { Dialect, Model } from '../../../src/model/model.ts';
import type { DType } from '../../../src/tensor/dtype.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { type LayerCase, type ModelCase, readFixture, type Values } from './run-layer.ts';

/** A case and the Keras that it is of. */
export interface DialectCase extends LayerCase {
  readonly dialect: Dialect;
}

const FILES = [
  ['keras3', 'keras-3.15.1.json.gz'],
  ['keras2', 'tfkeras-2.15.0.json.gz'],
] as const;

/** The layers of both dialects, their names with the dialect in front. */
export function layerCases(): DialectCase[] {
  return FILES.flatMap(([dialect, file]) =>
    readFixture(file).layers.map((one) => ({ ...one, name: `${dialect} ${one.name}`, dialect })),
  );
}

/** The models of both dialects, their names with the dialect in front. */
export function modelCases(): ModelCase[] {
  return FILES.flatMap(([dialect, file]) =>
    readFixture(file).models.map((one) => ({ ...one, name: `${dialect} ${one.name}` })),
  );
}

/** A functional model of the inputs and the layer of a case, as a file of its dialect has it. */
export function layerModel({ entry, inputs, weights, dialect }: DialectCase): Model {
  const names = inputs.map((_, index) => `input${index}`);
  const isKeras3 = dialect === 'keras3';
  const inputEntries = inputs.map(({ shape, dtype }, index) => ({
    class_name: 'InputLayer',
    name: names[index],
    config: { name: names[index], [isKeras3 ? 'batch_shape' : 'batch_input_shape']: openBatch(shape), dtype },
    inbound_nodes: [],
  }));
  const node = isKeras3 ? keras3Node(inputs, names) : names.map((name) => [name, 0, 0, {}]);
  const config = { ...entry.config, name: 'layer' };
  const model = parseModelConfig(
    {
      class_name: 'Functional',
      config: {
        name: 'alone',
        layers: [...inputEntries, { ...entry, name: 'layer', config, inbound_nodes: [node] }],
        input_layers: names.map((name) => [name, 0, 0]),
        output_layers: [['layer', 0, 0]],
      },
    },
    'fixture',
  );
  giveWeights(model.layer('layer'), weights);
  return model;
}

/** The model of a case, with its weights. */
export function modelOf({ model: config, weights }: ModelCase): Model {
  const model = parseModelConfig(config, 'fixture');
  for (const [name, values] of Object.entries(weights)) giveWeights(model.layer(name), values);
  return model;
}

function giveWeights(layer: Layer, values: readonly Values[]): void {
  const { weights, operation } = layer;
  if (layer.model) {
    const order = weightsInGroup(layer, isTrainableWeight, (one) => weightNamesOf(one.operation) ?? []);
    for (const [index, { layer: inner, weight }] of order.entries()) {
      inner.weights.set(weight, tensorOf(values[index] as Values));
    }
    return;
  }
  const known = weightNamesOf(operation);
  for (const [index, value] of values.entries()) {
    weights.set(known?.[index] ?? `weight${index}`, tensorOf(value));
  }
}

/** The values as a tensor of ours. */
export function tensorOf({ shape, dtype, values }: Values): Tensor {
  if (dtype === 'int64') return Tensor.of(dtype, shape, BigInt64Array.from(values, BigInt));
  return Tensor.fromNumbers(dtype as DType, shape, values);
}

function openBatch(shape: readonly number[]): (number | null)[] {
  return [null, ...shape.slice(1)];
}

function keras3Node(inputs: readonly Values[], names: readonly string[]): object {
  const tensors = inputs.map(({ shape, dtype }, index) => ({
    class_name: '__keras_tensor__',
    config: { shape: openBatch(shape), dtype, keras_history: [names[index], 0, 0] },
  }));
  return { args: tensors.length === 1 ? tensors : [tensors], kwargs: {} };
}
