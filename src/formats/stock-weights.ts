/**
 * Weights of stock layers that no operation stands for, so that they can move from one format to another.
 *
 * @module
 */

import { UnsupportedModelError } from '../errors.ts';
import { isObject, type JsonObject, type JsonValue, ownEntry } from '../json/value.ts';
import { rejectQuantized } from '../model/keras-quantized.ts';
import { isCustomClass, type Layer } from '../model/layer.ts';
import { weightNamesOf } from '../model/layer-weights.ts';
import { parseOperation } from './keras-config/parse/parse-operation.ts';
import { kerasWeightName } from './keras-weight-names.ts';

/** A weight of a layer by its name in each format, below that of the layer. */
export interface StockWeight {
  /** In HDF5 files: `lstm_cell/kernel`. */
  readonly h5: string;
  /** In the layer's group of a `.keras` file: `cell/vars/0`. */
  readonly v3: string;
  /** In TF.js, which leaves out the layers inside: `kernel`. */
  readonly tfjs: string;
}

/** A weight, and the option that leaves it out where it is false. */
type Row = readonly [name: string, option?: string];

const CELL: readonly Row[] = [['kernel'], ['recurrent_kernel'], ['bias', 'use_bias']];
const AFFINE: readonly Row[] = [
  ['gamma', 'scale'],
  ['beta', 'center'],
];

/** In Keras' order. */
const ROWS: ReadonlyMap<string, readonly Row[]> = new Map<string, readonly Row[]>([
  ['Embedding', [['embeddings']]],
  ['GroupNormalization', AFFINE],
  ['LayerNormalization', AFFINE],
  // Of ConvNeXt in keras.applications.
  ['LayerScale', [['gamma']]],
  ['Normalization', [['mean'], ['variance'], ['count']]],
  ['SimpleRNNCell', CELL],
  ['LSTMCell', CELL],
  ['GRUCell', CELL],
  ['ConvLSTM2DCell', CELL],
]);

/** The projections of a MultiHeadAttention, in Keras' order: their names, and the attributes of the layer that they are. */
export const PROJECTIONS: readonly (readonly [name: string, attribute: string])[] = [
  ['query', 'query_dense'],
  ['key', 'key_dense'],
  ['value', 'value_dense'],
  ['attention_output', 'output_dense'],
];
const PROJECTION: readonly Row[] = [['kernel'], ['bias', 'use_bias']];

/** Recurrent layers with a cell of their own, and its name. */
const CELL_NAMES: ReadonlyMap<string, string> = new Map([
  ['SimpleRNN', 'simple_rnn_cell'],
  ['LSTM', 'lstm_cell'],
  ['GRU', 'gru_cell'],
  ['ConvLSTM1D', 'conv_lstm1d_cell'],
  ['ConvLSTM2D', 'conv_lstm2d_cell'],
  ['ConvLSTM3D', 'conv_lstm3d_cell'],
]);

/**
 * The weights of a layer in Keras' order, which is the order of {@link Layer.weights}; undefined where they are not known,
 * or are others than the layer has.
 */
export function stockWeights(layer: Layer): StockWeight[] | undefined {
  const known = configuredWeights(layer);
  return known?.length === layer.weights.size ? known : undefined;
}

/** The weights that a layer has by its configuration; undefined where they are not known. */
export function configuredWeights({ className, origin, readConfig }: Layer): StockWeight[] | undefined {
  return isCustomClass(origin?.config) ? undefined : weightsOf(className, readConfig);
}

/** As {@link stockWeights}. @throws UnsupportedModelError where they are not known. */
export function requireStockWeights(layer: Layer): StockWeight[] {
  const { className, path, weights } = layer;
  const known = weights.size === 0 ? [] : stockWeights(layer);
  if (known) return known;
  rejectQuantized(layer);
  throw new UnsupportedModelError(
    `${className} in another format`,
    `${path}: the order of the ${weights.size} weights of a ${className} is not known; ` +
      'write the model in the format that it was read from',
  );
}

function weightsOf(className: string, config: JsonObject): StockWeight[] | undefined {
  const cell = CELL_NAMES.get(className);
  if (cell !== undefined) return below(cell, 'cell', inRows(CELL, config));
  const rows = ROWS.get(className);
  if (rows) return inRows(rows, config);
  switch (className) {
    case 'RNN':
      return ofInner(config['cell'], 'cell');
    case 'TimeDistributed':
      return ofInner(config['layer'], 'layer');
    case 'Bidirectional':
      return bidirectional(config);
    case 'MultiHeadAttention':
      return PROJECTIONS.flatMap(([name, attribute]) =>
        inRows(PROJECTION, config).map(({ h5, v3 }) => ({
          h5: `${name}/${h5}`,
          v3: `${attribute}/${v3}`,
          tfjs: `${name}/${h5}`,
        })),
      );
    default: {
      const names = weightNamesOf(parseOperation(className, config, { source: className, where: '' }));
      return names && numbered(names.map(kerasWeightName));
    }
  }
}

function inRows(rows: readonly Row[], config: JsonObject): StockWeight[] {
  const present = rows.filter(([, option = '']) => ownEntry(config, option) !== false);
  return numbered(present.map(([name]) => name));
}

function numbered(names: readonly string[]): StockWeight[] {
  return names.map((name, index) => ({ h5: name, v3: `vars/${index}`, tfjs: name }));
}

/** The weights of a layer that another has inside, as that attribute. */
function ofInner(value: JsonValue | undefined, attribute: string): StockWeight[] | undefined {
  if (!isObject(value) || !isObject(value['config'])) return undefined;
  const { config } = value;
  const weights = weightsOf(String(value['class_name']), config);
  return weights && below(String(config['name'] ?? attribute), attribute, weights);
}

/** Both formats name the two copies by direction; TF.js names the backward one by the forward one. */
function bidirectional(config: JsonObject): StockWeight[] | undefined {
  const { layer, backward_layer: backward } = config;
  const directions = [
    ['forward', layer],
    ['backward', backward ?? layer],
  ] as const;
  const both = directions.map(([direction, value]) =>
    ofInner(value, `${direction}_layer`)?.map(({ h5, v3, tfjs }) => ({
      h5: `${direction}_${withoutDirection(h5)}`,
      v3,
      tfjs: `${direction}_${nameOf(layer)}/${tfjs}`,
    })),
  );
  const [ahead, back] = both;
  return ahead && back && [...ahead, ...back];
}

/** Keras 3 stores the copies under the names that it gave them, Keras 2 the layer under its own. */
function withoutDirection(name: string): string {
  return name.replace(/^(forward|backward)_/, '');
}

function nameOf(value: JsonValue | undefined): string {
  const config = isObject(value) ? value['config'] : undefined;
  return withoutDirection(String(isObject(config) ? config['name'] : undefined));
}

function below(name: string, attribute: string, weights: readonly StockWeight[]): StockWeight[] {
  return weights.map(({ h5, v3, tfjs }) => ({ h5: `${name}/${h5}`, v3: `${attribute}/${v3}`, tfjs }));
}
