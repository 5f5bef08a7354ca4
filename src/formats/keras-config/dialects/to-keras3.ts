/**
 * From the configurations of Keras 2 (and TF.js) to those of Keras 3.
 *
 * @module
 */

import { UnsupportedModelError } from '../../../errors.ts';
import { isObject, type JsonObject, type JsonValue } from '../../../json/value.ts';
import type { Layer } from '../../../model/layer.ts';
import { presentClassName } from '../layer-classes.ts';
import { classNameOf, configOf, isSerialized, mapSerialized } from '../serialized-objects.ts';
import { keras3Name } from './keras3-names.ts';
import { isOperator, operatorRefusal } from './operator-layers.ts';
import { type RemovedEntry, removeEntries } from './removed-entries.ts';
import { isDivision } from './replaced-operators.ts';

const TARGET = 'Keras 3';
const FACTORED = /^(Depthwise|Separable)Conv/;

/** What Keras 2 writes and Keras 3 does not take. */
const REMOVED: Readonly<Record<string, readonly RemovedEntry[]>> = {
  // Shapes of inputs are the InputLayer's or the model's in Keras 3.
  batch_input_shape: [{ neutral: 'any' }],
  input_dtype: [{ neutral: 'any' }],
  input_length: [{ neutral: 'any' }],
  groups: [{ neutral: [1], classes: /^(Depthwise|Separable)Conv|Transpose$/ }],
  kernel_initializer: [{ neutral: 'any', classes: FACTORED }],
  kernel_regularizer: [{ neutral: [null], classes: FACTORED }],
  kernel_constraint: [{ neutral: [null], classes: FACTORED }],
  implementation: [{ neutral: 'any' }],
  time_major: [{ neutral: [false] }],
  reset_after: [{ neutral: [false], classes: /^LSTM/ }],
  trainable: [{ neutral: 'any', classes: /^SpatialDropout/ }],
  noise_shape: [{ neutral: [null], classes: /^SpatialDropout/ }],
  query_shape: [{ neutral: 'any', classes: /Attention$/ }],
  key_shape: [{ neutral: 'any', classes: /Attention$/ }],
  value_shape: [{ neutral: 'any', classes: /Attention$/ }],
  causal: [{ neutral: [false], classes: /^(Additive)?Attention$/ }],
  // How a batch normalization trains.
  fused: [{ neutral: 'any', classes: /^BatchNormalization$/ }],
  virtual_batch_size: [{ neutral: 'any', classes: /^BatchNormalization$/ }],
  adjustment: [{ neutral: 'any', classes: /^BatchNormalization$/ }],
  renorm: [{ neutral: 'any', classes: /^BatchNormalization$/ }],
  renorm_clipping: [{ neutral: 'any', classes: /^BatchNormalization$/ }],
  renorm_momentum: [{ neutral: 'any', classes: /^BatchNormalization$/ }],
};

/** Keras 3.0 knows them by these names alone, and later versions by both. */
const INITIALIZERS: ReadonlyMap<string, string> = new Map([
  ['Orthogonal', 'OrthogonalInitializer'],
  ['Identity', 'IdentityInitializer'],
]);

/** Classes that networks of keras.applications have for themselves, and where. */
const OF_APPLICATIONS: ReadonlyMap<string, string> = new Map([
  ['LayerScale', 'convnext'],
  ['StochasticDepth', 'convnext'],
  ['CustomScaleLayer', 'inception_resnet_v2'],
]);

/** Classes that Keras 3 dropped, with what stands for them. */
const GONE: ReadonlyMap<string, string> = new Map([
  ['CuDNNLSTM', 'load the model in Keras 2 as an LSTM and save it again'],
  ['CuDNNGRU', 'load the model in Keras 2 as a GRU and save it again'],
  ['LocallyConnected1D', 'write the model as .h5 or TF.js'],
  ['LocallyConnected2D', 'write the model as .h5 or TF.js'],
  ['ThresholdedReLU', 'write the model as .h5 or TF.js'],
]);

/**
 * The entry of a layer (`class_name`, `config`, …, without `inbound_nodes`) as Keras 3 writes it.
 *
 * The entries of a nested model's own layers are converted already.
 *
 * @throws UnsupportedModelError where Keras 3 has no form for it, or the same form means another function.
 */
export function toKeras3Entry(layer: Layer, entry: JsonObject): JsonObject {
  const { name } = layer;
  if (layer.model) {
    const config = entry['config'] ?? {};
    if (layer.model.kind === 'sequential') return { ...registered('Sequential', config, 'keras'), name };
    const module = 'keras.src.models.functional';
    return { module, class_name: 'Functional', config, registered_name: 'Functional', name };
  }
  if (isDivision(entry)) return { ...entry, name };
  if (isOperator(entry)) throw operatorRefusal(name, entry, TARGET);
  const converted = mapSerialized(entry, 'layer', (object, key) => convertObject(object, key, name));
  return { ...(isObject(converted) ? builtActivation(layer, converted) : {}), name };
}

/**
 * Keras 3 builds a layer that is another's activation from what stands beside its configuration, before it reads the
 * weights: the slopes of a PReLU have the shape of its input, with 1 along the axes that share them.
 */
function builtActivation(layer: Layer, entry: JsonObject): JsonObject {
  const config = configOf(entry);
  const { activation } = config;
  const alpha = layer.weights.get('alpha');
  if (!alpha || !isSerialized(activation)) return entry;
  const built = { ...activation, build_config: { input_shape: [null, ...alpha.shape] } };
  return { ...entry, config: { ...config, activation: built } };
}

/** The name that Keras 3 has for a class of Keras 2; with its package where the user registered it. */
export function keras3ClassName(className: string): string {
  // Of InceptionResNetV2, which Keras 2 registers and Keras 3 does not.
  if (className === 'Custom>CustomScaleLayer') return 'CustomScaleLayer';
  // `Model` is what Keras before 2.3 called a Functional.
  return className === 'Model' ? 'Functional' : presentClassName(className);
}

function convertObject(object: JsonObject, key: string, where: string): JsonValue {
  const className = classNameOf(object);
  if (className === 'Policy' || className === 'PolicyV1') {
    return registered('DTypePolicy', { name: configOf(object)['name'] ?? 'float32' }, 'keras');
  }
  if (className === 'function') return keras3Activation(String(object['config']), where);
  const kind = /_(initializer|regularizer|constraint)$/.exec(key)?.[1];
  if (kind !== undefined) {
    return registered(INITIALIZERS.get(className) ?? className, object['config'] ?? {}, `keras.${kind}s`);
  }
  const gone = GONE.get(className);
  if (gone !== undefined) {
    throw new UnsupportedModelError(className, `${where}: Keras 3 has no ${className}; ${gone}`);
  }
  const renamedClass = keras3ClassName(className);
  const config = convertConfig(renamedClass, configOf(object), where);
  return registered(renamedClass, config, moduleOf(object, renamedClass));
}

/** The module that Keras 3 finds the class in; null for a class of the user's. */
function moduleOf({ module }: JsonObject, className: string): string | null {
  if (className.includes('>')) return null;
  if (typeof module === 'string' && !/^(keras|tf_keras|tensorflow)(\.|$)/.test(module)) return module;
  const application = OF_APPLICATIONS.get(className);
  return application === undefined ? 'keras.layers' : `keras.src.applications.${application}`;
}

/** An object in the form that Keras 3 looks up: `package>Class` is registered by the user. */
function registered(className: string, config: JsonValue, module: string | null): JsonObject {
  const isCustom = className.includes('>');
  return {
    module: isCustom ? null : module,
    class_name: isCustom ? className.slice(className.indexOf('>') + 1) : className,
    config,
    registered_name: isCustom || module === null ? className : null,
  };
}

/** The configuration of an object whose inner objects are converted. */
function convertConfig(className: string, config: JsonObject, where: string): JsonObject {
  let result = removeEntries(config, className, REMOVED, `${where} (${className})`, TARGET);
  for (const key of ['activation', 'recurrent_activation'] as const) {
    const value = result[key];
    if (typeof value === 'string') result = { ...result, [key]: keras3Activation(value, where) };
  }
  if (typeof result['name'] === 'string') result = { ...result, name: keras3Name(result['name']) };
  switch (className) {
    case 'InputLayer':
      return { batch_shape: config['batch_input_shape'] ?? config['batch_shape'] ?? null, ...result };
    case 'LeakyReLU':
      return leakySlope(result);
    case 'BatchNormalization':
      return singleAxis(result, where);
    case 'Lambda':
      return convertLambda(result);
    default:
      return result;
  }
}

/** `hard_sigmoid` is one function in Keras 2 and another in Keras 3. */
function keras3Activation(name: string, where: string): string {
  if (name !== 'hard_sigmoid') return name === 'swish' ? 'silu' : name;
  throw new UnsupportedModelError(
    'hard_sigmoid',
    `${where}: hard_sigmoid is max(0, min(1, 0.2 x + 0.5)) in Keras 2 and max(0, min(1, x / 6 + 0.5)) in Keras 3; ` +
      'write the model as .h5 or TF.js',
  );
}

function leakySlope(config: JsonObject): JsonObject {
  const { alpha, ...rest } = config;
  return alpha === undefined ? config : { ...rest, negative_slope: alpha };
}

/** Keras 2 writes `[3]` once the layer is built. */
function singleAxis(config: JsonObject, where: string): JsonObject {
  const axis = config['axis'];
  if (!Array.isArray(axis)) return config;
  const [only, ...others] = axis;
  if (only !== undefined && others.length === 0) return { ...config, axis: only };
  throw new UnsupportedModelError(
    'axis',
    `${where}: a BatchNormalization over the axes ${JSON.stringify(axis)} has no form in Keras 3; write the model as .h5`,
  );
}

/** Python bytecode, which only the Python version that made it can run, in either dialect. */
function convertLambda(config: JsonObject): JsonObject {
  const {
    function_type: type,
    module: _,
    output_shape_type: __,
    output_shape_module: ___,
    function: value,
    ...rest
  } = config;
  if (isSerialized(value) || value === undefined) return { ...rest, function: value ?? null };
  if (!Array.isArray(value) || type !== 'lambda') return { ...rest, function: value };
  const [code, defaults, closure] = value;
  return {
    ...rest,
    function: {
      class_name: '__lambda__',
      config: { code: code ?? null, defaults: defaults ?? null, closure: closure ?? null },
    },
  };
}
