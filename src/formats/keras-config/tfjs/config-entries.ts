/**
 * Activations, initializers, regularizers, constraints and dtypes of a layer as tfjs-layers 4.22 reads them.
 *
 * @module
 */

import { isObject, type JsonObject, type JsonValue, mapEntries } from '../../../json/value.ts';
import type { UnsupportedLayer } from '../../format.ts';
import { classNameOf, configOf, isSerialized, numbersIn } from '../serialized-objects.ts';
import { TFJS_ACTIVATIONS, TFJS_INITIALIZERS } from './registered-classes.ts';

/** Takes a sentence for the report, and which class of a layer it is that TF.js lacks or computes otherwise. */
export type Warn = (sentence: string, unsupported?: Omit<UnsupportedLayer, 'warning'>) => void;

const INITIALIZERS: ReadonlyMap<string, string> = new Map([
  ['LecunNormal', 'LeCunNormal'],
  ['LecunUniform', 'LeCunUniform'],
  ['OrthogonalInitializer', 'Orthogonal'],
  ['IdentityInitializer', 'Identity'],
  ['zeros', 'Zeros'],
  ['ones', 'Ones'],
  ['glorot_uniform', 'GlorotUniform'],
  ['glorot_normal', 'GlorotNormal'],
  ['he_normal', 'HeNormal'],
  ['he_uniform', 'HeUniform'],
  ['lecun_normal', 'LeCunNormal'],
  ['lecun_uniform', 'LeCunUniform'],
  ['random_normal', 'RandomNormal'],
  ['random_uniform', 'RandomUniform'],
  ['truncated_normal', 'TruncatedNormal'],
  ['uniform', 'RandomUniform'],
  ['normal', 'RandomNormal'],
  ['orthogonal', 'Orthogonal'],
]);

/** `config` with its parts in the forms that TF.js reads; layers inside are left to the caller. */
export function convertParts(className: string, config: JsonObject, where: string, warn: Warn): JsonObject {
  return mapEntries(withoutUnfactored(className, config), (value, key) =>
    convertPart(className, key, value, where, warn),
  );
}

/** A SeparableConv2D has no kernel of its own; Keras 2 writes entries for one, and TF.js refuses the layer for them. */
export function withoutUnfactored(className: string, config: JsonObject): JsonObject {
  if (className !== 'SeparableConv2D') return config;
  const entries = Object.entries(config);
  const kept = entries.filter(
    ([key, value]) => !/^kernel_(initializer|regularizer|constraint)$/.test(key) || value === null,
  );
  return kept.length === entries.length ? config : Object.fromEntries(kept);
}

function convertPart(className: string, key: string, value: JsonValue, where: string, warn: Warn): JsonValue {
  if (value === null) return null;
  const numbers = numbersIn(value);
  if (numbers !== undefined) return numbers;
  if (key === 'activation' || key === 'recurrent_activation')
    return convertActivation(value, className, where, warn);
  if (key.endsWith('_initializer')) return convertInitializer(key, value, where, warn);
  if (key.endsWith('_regularizer')) return convertRegularizer(key, value, where, warn);
  if (key.endsWith('_constraint')) {
    warn(
      `${where}: left out ${key} (${nameOf(value)}), which TF.js would apply to the weights while it loads them`,
    );
    return null;
  }
  if (key === 'dtype') return convertDType(value);
  if (key === 'axis' && className === 'BatchNormalization' && Array.isArray(value) && value.length === 1) {
    return value[0] ?? -1;
  }
  return value;
}

function convertActivation(value: JsonValue, className: string, where: string, warn: Warn): JsonValue {
  if (isSerialized(value)) {
    if (value['class_name'] === 'function')
      return convertActivation(String(value['config']), className, where, warn);
    return activationOfLayer(value) ?? value;
  }
  if (typeof value !== 'string') return value;
  if (value === 'silu') return 'swish';
  if (value === 'leaky_relu') return { class_name: 'LeakyReLU', config: { alpha: 0.2 } };
  if (!TFJS_ACTIVATIONS.has(value)) {
    warn(
      `${where}: TF.js has no activation ${value}; the page must register one with ` +
        'tf.serialization.registerClass() before it loads the model',
      { path: where, className, activation: value, opens: false },
    );
  }
  return value;
}

/** The name of the function that a layer used as an activation is. */
function activationOfLayer(layer: JsonObject): string | undefined {
  if (layer['class_name'] !== 'ReLU') return undefined;
  const { max_value: maxValue, negative_slope: slope, threshold } = configOf(layer);
  if ((slope ?? 0) !== 0 || (threshold ?? 0) !== 0) return undefined;
  if (maxValue === undefined || maxValue === null) return 'relu';
  return maxValue === 6 ? 'relu6' : undefined;
}

/** Initializers are read even where the weights are loaded; one that TF.js lacks would stop it for nothing. */
function convertInitializer(key: string, value: JsonValue, where: string, warn: Warn): JsonValue {
  const read = nameOf(value);
  const className = INITIALIZERS.get(read) ?? read;
  const config = isObject(value) ? { ...configOf(value) } : {};
  if (!TFJS_INITIALIZERS.has(className)) {
    warn(
      `${where}: ${key} ${read} is written as Zeros, because TF.js lacks it; the weights are loaded anyway`,
    );
    return { class_name: 'Zeros', config: {} };
  }
  if (config['distribution'] === 'untruncated_normal') config['distribution'] = 'normal';
  return { class_name: className, config };
}

/** TF.js has L1L2 alone. */
function convertRegularizer(key: string, value: JsonValue, where: string, warn: Warn): JsonValue {
  const config = isObject(value) ? configOf(value) : {};
  switch (nameOf(value).toLowerCase()) {
    case 'l1l2':
    case 'l1_l2':
      return { class_name: 'L1L2', config: { l1: config['l1'] ?? 0.01, l2: config['l2'] ?? 0.01 } };
    case 'l1':
      return { class_name: 'L1L2', config: { l1: config['l1'] ?? 0.01, l2: 0 } };
    case 'l2':
      return { class_name: 'L1L2', config: { l1: 0, l2: config['l2'] ?? 0.01 } };
    default:
      warn(`${where}: left out ${key} (${nameOf(value)}), which TF.js lacks; it differs in training alone`);
      return null;
  }
}

/** TF.js computes in float32, whatever precision a policy had. */
function convertDType(value: JsonValue): JsonValue {
  const name = isSerialized(value) ? String(configOf(value)['name']) : value;
  return typeof name === 'string' && /float/.test(name) ? 'float32' : name;
}

function nameOf(value: JsonValue): string {
  return isSerialized(value) ? classNameOf(value) : String(value);
}
