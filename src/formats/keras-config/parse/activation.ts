/**
 * Activations as Keras serializes them: names, functions, and layers used as functions.
 *
 * @module
 */

import { UnsupportedModelError } from '../../../errors.ts';
import { isObject, type JsonObject, type JsonValue } from '../../../json/value.ts';
import { type Activation, activationName, LINEAR } from '../../../model/operation.ts';
import { configOf } from '../serialized-objects.ts';
import { optionalNumber } from './config-numbers.ts';

const RELU: Extract<Activation, { kind: 'relu' }> = {
  kind: 'relu',
  maxValue: undefined,
  negativeSlope: 0,
  threshold: 0,
};

/** Names of activation functions; `leaky_relu` has the slope that Keras gives it. */
function namedActivation(name: string): Activation {
  switch (name) {
    case 'linear':
      return LINEAR;
    case 'relu':
      return RELU;
    case 'relu6':
      return { ...RELU, maxValue: 6 };
    case 'leaky_relu':
      return { ...RELU, negativeSlope: 0.2 };
    default:
      return { kind: 'other', name };
  }
}

/** Parses the value of an `activation` entry; null and a missing one are linear. */
export function parseActivation(value: JsonValue | undefined): Activation {
  if (value === undefined || value === null) return LINEAR;
  if (typeof value === 'string') return namedActivation(value);
  if (!isObject(value)) return { kind: 'other', name: JSON.stringify(value) };
  const name = functionName(value);
  if (name !== undefined) return namedActivation(name);
  const className = String(value['class_name']);
  return parseActivationLayer(className, configOf(value)) ?? { kind: 'other', name: className };
}

/** The function named by `{"class_name": "function", "config": "relu6"}` and its like. */
function functionName(value: JsonObject): string | undefined {
  const { class_name: className, config } = value;
  return className === 'function' && typeof config === 'string' ? config : undefined;
}

/** The activation that a layer of that class is; undefined where the class is no activation layer. */
export function parseActivationLayer(className: string, config: JsonObject): Activation | undefined {
  switch (className) {
    case 'ReLU': {
      const maxValue = optionalNumber(config['max_value']);
      return {
        kind: 'relu',
        maxValue,
        negativeSlope: optionalNumber(config['negative_slope']) ?? 0,
        threshold: optionalNumber(config['threshold']) ?? 0,
      };
    }
    case 'LeakyReLU':
      return {
        ...RELU,
        negativeSlope: optionalNumber(config['negative_slope']) ?? optionalNumber(config['alpha']) ?? 0.3,
      };
    case 'PReLU':
      return { kind: 'prelu' };
    case 'Activation':
      return parseActivation(config['activation']);
    case 'ELU':
      // The usual one is the function of that name.
      return { kind: 'other', name: (optionalNumber(config['alpha']) ?? 1) === 1 ? 'elu' : className };
    case 'Softmax':
    case 'ThresholdedReLU':
      return { kind: 'other', name: className };
    default:
      return undefined;
  }
}

/**
 * The `activation` entry for `activation`, in the form that `value` had where that form can say it, else as a name.
 *
 * @throws UnsupportedModelError where neither can.
 */
export function patchActivation(value: JsonValue | undefined, activation: Activation): JsonValue {
  const isFunction = isObject(value) && functionName(value) !== undefined;
  if (isObject(value) && !isFunction) {
    const config = patchedLayer(String(value['class_name']), configOf(value), activation);
    if (config) return { ...value, config };
  }
  const name = functionNameOf(activation);
  if (name === undefined) throw cannotSay('a name', activation);
  if (!isFunction) return name;
  return { ...value, config: name, ...('registered_name' in value ? { registered_name: name } : {}) };
}

/**
 * The configuration of an activation layer of that class, changed to `activation`.
 *
 * @throws UnsupportedModelError where the class is always another.
 */
export function patchActivationLayer(
  className: string,
  config: JsonObject,
  activation: Activation,
): JsonObject {
  const patched = patchedLayer(className, config, activation);
  if (!patched) throw cannotSay(`a ${className} layer`, activation);
  return patched;
}

function patchedLayer(className: string, config: JsonObject, activation: Activation): JsonObject | undefined {
  if (className === 'Activation') {
    return { ...config, activation: patchActivation(config['activation'], activation) };
  }
  if (className !== 'ReLU' || activation.kind !== 'relu') return undefined;
  const { maxValue, negativeSlope, threshold } = activation;
  return { ...config, max_value: maxValue ?? null, negative_slope: negativeSlope, threshold };
}

function cannotSay(form: string, activation: Activation): UnsupportedModelError {
  return new UnsupportedModelError(
    'activation',
    `${form} cannot say ${activationName(activation)}; put an activation layer in its place`,
  );
}

/** The function name that Keras has for an activation. */
export function functionNameOf(activation: Activation): string | undefined {
  switch (activation.kind) {
    case 'linear':
      return 'linear';
    case 'relu':
      if (activation.negativeSlope !== 0 || activation.threshold !== 0) return undefined;
      if (activation.maxValue === undefined) return 'relu';
      return activation.maxValue === 6 ? 'relu6' : undefined;
    case 'prelu':
      return undefined;
    case 'other':
      return activation.name;
  }
}
