/**
 * Activations as Keras serializes them: names, functions, and layers used as functions.
 *
 * @module
 */

import { UnsupportedModelError } from '../../../errors.ts';
import { isObject, type JsonObject, type JsonValue } from '../../../json/value.ts';
import { type Activation, LINEAR } from '../../../model/operation.ts';
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
  const config = isObject(value['config']) ? value['config'] : {};
  return parseActivationLayer(className, config) ?? { kind: 'other', name: className };
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
    case 'Softmax':
    case 'ThresholdedReLU':
      return { kind: 'other', name: className };
    default:
      return undefined;
  }
}

/**
 * The `activation` entry for `activation`, in the form that `value` had.
 *
 * @throws UnsupportedModelError where no such form can say it.
 */
export function patchActivation(value: JsonValue | undefined, activation: Activation): JsonValue {
  if (isObject(value) && functionName(value) === undefined) {
    const config = isObject(value['config']) ? value['config'] : {};
    return { ...value, config: patchActivationLayer(String(value['class_name']), config, activation) };
  }
  const name = activationName(activation);
  if (name === undefined) {
    throw new UnsupportedModelError('activation', `no name for the activation ${JSON.stringify(activation)}`);
  }
  if (!isObject(value)) return name;
  return { ...value, config: name, ...('registered_name' in value ? { registered_name: name } : {}) };
}

/** The configuration of an activation layer of that class, changed to `activation`. */
export function patchActivationLayer(
  className: string,
  config: JsonObject,
  activation: Activation,
): JsonObject {
  if (className === 'Activation') {
    return { ...config, activation: patchActivation(config['activation'], activation) };
  }
  if (className === 'ReLU' && activation.kind === 'relu') {
    return {
      ...config,
      max_value: activation.maxValue ?? null,
      negative_slope: activation.negativeSlope,
      threshold: activation.threshold,
    };
  }
  throw new UnsupportedModelError(
    'activation',
    `a ${className} layer cannot become ${JSON.stringify(activation)}; replace the layer instead`,
  );
}

/** The function name that Keras has for an activation. */
export function activationName(activation: Activation): string | undefined {
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
