/**
 * From the configurations of Keras 3 to those of Keras 2.15, which TF.js layers reads as well.
 *
 * @module
 */

import { UnsupportedModelError } from '../../../errors.ts';
import { isObject, type JsonObject, type JsonValue, ownEntry } from '../../../json/value.ts';
import { kerasQuantization, policyOf, rejectQuantized } from '../../../model/keras-quantized.ts';
import type { Layer } from '../../../model/layer.ts';
import { classNameOf, configOf, isSerialized, mapSerialized } from '../serialized-objects.ts';
import { isOperator, operatorRefusal } from './operator-layers.ts';
import { type RemovedEntry, removeEntries } from './removed-entries.ts';

const TARGET = 'Keras 2';
const RECURRENT = /(RNN|LSTM|GRU|LSTM2D|Cell|Cells|Bidirectional|Attention)$/;

/** What Keras 3 writes and Keras 2.15 does not take. */
const REMOVED: Readonly<Record<string, readonly RemovedEntry[]>> = {
  antialias: [{ neutral: [false] }],
  build_config: [{ neutral: 'any' }],
  data_format: [{ neutral: ['channels_last'], classes: /^(CenterCrop|Resizing|ZeroPadding1D|Random.*)$/ }],
  dilation_rate: [{ neutral: [[1, 1, 1], 1], classes: /^Conv3DTranspose$/ }],
  fill_mode: [{ neutral: 'any', classes: /^Resizing$/ }],
  fill_value: [{ neutral: 'any', classes: /^Resizing$/ }],
  lora_alpha: [{ neutral: [null] }],
  lora_rank: [{ neutral: [null] }],
  optional: [{ neutral: [false], classes: /^InputLayer$/ }],
  pad_to_aspect_ratio: [{ neutral: [false] }],
  quantization_config: [{ neutral: [null] }],
  quantization_mode: [{ neutral: [null] }],
  // Renormalization and synchronization are of training alone.
  renorm: [{ neutral: 'any' }],
  renorm_clipping: [{ neutral: 'any' }],
  renorm_momentum: [{ neutral: 'any' }],
  rms_scaling: [{ neutral: [false] }],
  seed: [{ neutral: 'any', classes: RECURRENT }],
  sliding_window: [{ neutral: [null] }],
  synchronized: [{ neutral: 'any', classes: /BatchNormalization$/ }],
  use_cudnn: [{ neutral: 'any' }],
  use_gate: [{ neutral: [false] }],
  value_range: [{ neutral: 'any', classes: /^Random/ }],
};

/** Names that Keras 3 has for initializers of Keras 2. */
const INITIALIZERS: ReadonlyMap<string, string> = new Map([
  ['OrthogonalInitializer', 'Orthogonal'],
  ['IdentityInitializer', 'Identity'],
]);

/**
 * The entry of a layer (`class_name`, `config`, …, without `inbound_nodes`) as Keras 2.15 writes it.
 *
 * The entries of a nested model's own layers are converted already.
 *
 * @throws UnsupportedModelError where Keras 2 has no form for it, or the same form means another function.
 */
export function toKeras2Entry(layer: Layer, entry: JsonObject): JsonObject {
  const { name } = layer;
  if (layer.model) return { class_name: classNameOf(entry), config: entry['config'] ?? {}, name };
  if (isOperator(entry)) throw operatorRefusal(name, entry, TARGET);
  rejectQuantized(layer);
  const config = configOf(entry);
  const own = 'dtype' in config ? { ...entry, config: { ...config, dtype: policyOf(config) } } : entry;
  const converted = mapSerialized(own, 'layer', (object, key) => convertObject(object, key, name));
  return { ...(isObject(converted) ? converted : {}), name };
}

function convertObject(object: JsonObject, key: string, where: string): JsonValue {
  const className = classNameOf(object);
  switch (className) {
    case '__tuple__':
      return object['items'] ?? [];
    case '__lambda__':
      return { class_name: className, config: object['config'] ?? null };
    case 'function':
      return keras2Activation(String(object['config']), where);
  }
  if (/DTypePolicy/.test(className)) return policyName(className, object, where);
  if (key.endsWith('_initializer')) return convertInitializer(className, configOf(object));
  const config = convertConfig(className, configOf(object), where);
  if (className !== 'MultiHeadAttention') return { class_name: className, config };
  return { class_name: className, config: { ...attentionShapes(object['build_config']), ...config } };
}

/** Keras 2 keeps in the configuration what Keras 3 keeps beside it. */
function attentionShapes(buildConfig: JsonValue | undefined): JsonObject {
  const shapes = isObject(buildConfig) ? (buildConfig['shapes_dict'] ?? buildConfig) : {};
  const names = ['query_shape', 'key_shape', 'value_shape'];
  const given = isObject(shapes) ? shapes : {};
  return Object.fromEntries(names.map((name) => [name, ownEntry(given, name) ?? null]));
}

function policyName(className: string, object: JsonObject, where: string): string {
  const { name } = configOf(object);
  if (typeof name === 'string' && /^(DTypePolicy|FloatDTypePolicy)$/.test(className)) return name;
  const isQuantized = kerasQuantization({ dtype: object }) !== undefined;
  const remedy = isQuantized
    ? 'quantized by Keras: give the model as it was before model.quantize()'
    : 'write the model in the format that it was read from';
  throw new UnsupportedModelError(
    isQuantized ? 'quantized layers' : className,
    `${where}: a ${className} has no form in Keras 2; ${remedy}`,
  );
}

function convertInitializer(className: string, config: JsonObject): JsonObject {
  const { input_axes: _, output_axes: __, ...rest } = config;
  return { class_name: INITIALIZERS.get(className) ?? className, config: rest };
}

/** The configuration of an object whose inner objects are converted. */
function convertConfig(className: string, config: JsonObject, where: string): JsonObject {
  const label = `${where} (${className})`;
  let result = removeEntries(config, className, REMOVED, label, TARGET);
  // Keras 2 takes it, but writes it only where it is true.
  if (result['zero_output_for_mask'] === false) delete result['zero_output_for_mask'];
  for (const key of ['activation', 'recurrent_activation'] as const) {
    const value = result[key];
    if (typeof value === 'string') result = { ...result, [key]: keras2Activation(value, where) };
  }
  switch (className) {
    case 'InputLayer':
      return renamed(result, 'batch_shape', 'batch_input_shape');
    case 'LeakyReLU':
      return renamed(result, 'negative_slope', 'alpha');
    case 'Bidirectional':
      return convertBidirectional(result);
    case 'Lambda':
      return convertLambda(result);
    default:
      return result;
  }
}

/** `hard_sigmoid` is one function in Keras 2 and another in Keras 3. */
function keras2Activation(name: string, where: string): string {
  if (name !== 'hard_sigmoid') return name === 'silu' ? 'swish' : name;
  throw new UnsupportedModelError(
    'hard_sigmoid',
    `${where}: hard_sigmoid is max(0, min(1, x / 6 + 0.5)) in Keras 3 and max(0, min(1, 0.2 x + 0.5)) in Keras 2; ` +
      'write the model as .keras',
  );
}

/** Keras 3 always writes the backward layer, under the name that it gave it; Keras 2 makes it from the forward one. */
function convertBidirectional(config: JsonObject): JsonObject {
  const { backward_layer: backward, layer, ...rest } = config;
  if (!isSerialized(layer)) return config;
  const forward = { ...configOf(layer) };
  const plainName = String(forward['name']).replace(/^forward_/, '');
  // What Keras 2 sets by itself.
  delete forward['zero_output_for_mask'];
  const result = { ...rest, layer: { ...layer, config: { ...forward, name: plainName } } };
  if (!isSerialized(backward) || isMirrored(configOf(layer), configOf(backward))) return result;
  return { ...result, backward_layer: backward };
}

function isMirrored(forward: JsonObject, backward: JsonObject): boolean {
  const plain = (config: JsonObject): string =>
    JSON.stringify({ ...config, name: '', go_backwards: false, zero_output_for_mask: false });
  return plain(forward) === plain(backward) && forward['go_backwards'] !== backward['go_backwards'];
}

/** Python bytecode, which only the Python version that made it can run, in either dialect. */
function convertLambda(config: JsonObject): JsonObject {
  const value = config['function'];
  if (!isSerialized(value) || value['class_name'] !== '__lambda__') return config;
  const { code, defaults, closure } = configOf(value);
  return {
    ...config,
    function: [code ?? null, defaults ?? null, closure ?? null],
    function_type: 'lambda',
    module: '__main__',
    output_shape_type: 'raw',
    output_shape_module: null,
  };
}

function renamed(config: JsonObject, from: string, to: string): JsonObject {
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [key === from ? to : key, value]));
}
