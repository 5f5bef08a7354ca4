/**
 * From the configurations of Keras 2 to those that tfjs-layers 4.22 loads.
 *
 * @module
 */

import { isObject, type JsonObject, type JsonValue } from '../../../json/value.ts';
import { AUGMENTATIONS, presentClassName } from '../layer-classes.ts';
import { classNameOf, configOf, isSerialized, plainNumbers } from '../serialized-objects.ts';
import { convertParts, type Warn } from './config-entries.ts';
import { FAILS, opensWith, REFUSED, tfjsDifference } from './differences-from-keras.ts';
import { TFJS_LAYERS } from './registered-classes.ts';

/**
 * The configuration of a model, `{"class_name": …, "config": …}` in the dialect of Keras 2, as tfjs-layers reads it.
 *
 * @param warn is told, in a sentence that names the layer, of what TF.js will not load or computes differently.
 */
export function toTfjsConfig(model: JsonObject, warn: Warn): JsonObject {
  const plain = configOf({ config: plainNumbers(model['config'] ?? {}) });
  return { class_name: classNameOf(model), config: convertModel(plain, '', warn) };
}

function convertModel(config: JsonObject, path: string, warn: Warn): JsonObject {
  const layers = Array.isArray(config['layers']) ? config['layers'] : [];
  const converted = { ...config, layers: layers.map((layer) => convertEntry(layer, path, warn)) };
  if (!('input_layers' in config)) return converted;
  return {
    ...converted,
    input_layers: referenceList(config['input_layers']),
    output_layers: referenceList(config['output_layers']),
  };
}

/** A list of references, whatever structure the model's inputs or outputs have in Python. */
function referenceList(value: JsonValue | undefined): JsonValue[] {
  if (Array.isArray(value)) {
    const isReference = value.length === 3 && typeof value[0] === 'string' && Number.isInteger(value[1]);
    return isReference ? [value] : value.flatMap(referenceList);
  }
  return isObject(value) ? Object.values(value).flatMap(referenceList) : [];
}

function convertEntry(value: JsonValue, path: string, warn: Warn): JsonValue {
  if (!isObject(value)) return value;
  const name = String(value['name'] ?? configOf(value)['name']);
  const where = path === '' ? name : `${path}/${name}`;
  const { module: _, registered_name: __, build_config: ___, ...entry } = value;
  const className = classNameOf(value);
  // Keras before 2.2.3 wrote the layers of a Sequential alone.
  const config = Array.isArray(value['config']) ? { name, layers: value['config'] } : configOf(value);
  if (Array.isArray(config['layers'])) {
    return { ...entry, class_name: className, config: convertModel(config, where, warn) };
  }
  const layer = convertLayer(className, config, where, warn);
  return { ...entry, ...layer };
}

/** A layer, also one that is wrapped in another. */
function convertLayer(className: string, config: JsonObject, where: string, warn: Warn): JsonObject {
  const [known, renamedConfig] = equivalent(presentClassName(className), config, where, warn);
  let converted = convertParts(known, renamedConfig, where, warn);
  for (const key of ['layer', 'cell', 'cells', 'backward_layer', 'activation'] as const) {
    const inner = converted[key];
    if (inner === undefined || inner === null) continue;
    const convertInner = (one: JsonValue): JsonValue => {
      if (!isSerialized(one)) return one;
      const isModel = Array.isArray(configOf(one)['layers']);
      return isModel
        ? convertEntry(one, where, warn)
        : convertLayer(classNameOf(one), configOf(one), where, warn);
    };
    converted = { ...converted, [key]: Array.isArray(inner) ? inner.map(convertInner) : convertInner(inner) };
  }
  const isKnown = TFJS_LAYERS.has(known);
  const difference = isKnown
    ? (tfjsDifference(known, converted) ?? brokenInside(known, converted))
    : `TF.js has no class ${known}; the page must register one with tf.serialization.registerClass() before it loads the model`;
  if (difference !== undefined) {
    const opens = isKnown && opensWith(difference);
    const { interpolation } = converted;
    warn(`${where} (${className}): ${difference}`, {
      ...{ path: where, className: known, opens },
      ...(typeof interpolation === 'string' ? { interpolation } : {}),
    });
  }
  return { class_name: known, config: converted };
}

/** What TF.js does not do with the layers inside of a layer that it has; each of them alone it runs. */
function brokenInside(className: string, { layer, cell }: JsonObject): string | undefined {
  const inside = [layer, cell].flatMap((one) => (isSerialized(one) ? classNameOf(one) : []));
  if (inside.includes('StackedRNNCells')) return `several cells: ${FAILS}`;
  const isTwice = className === 'TimeDistributed' && inside.includes('TimeDistributed');
  return isTwice ? `a TimeDistributed inside, whose weights TF.js does not find: ${REFUSED}` : undefined;
}

/** A class that TF.js has for one that it lacks, where it computes the same in inference. */
function equivalent(
  className: string,
  config: JsonObject,
  where: string,
  warn: Warn,
): [className: string, config: JsonObject] {
  const { name, trainable = true, dtype = 'float32' } = config;
  const own = { name: name ?? where, trainable, dtype };
  if (AUGMENTATIONS.has(className)) return ['Activation', { ...own, activation: 'linear' }];
  switch (className) {
    case 'SpatialDropout2D':
    case 'SpatialDropout3D':
      warn(
        `${where} (${className}): written as Dropout, which drops single values; it differs in training alone`,
      );
      return ['Dropout', { ...own, rate: config['rate'] ?? 0 }];
    case 'ActivityRegularization':
      warn(
        `${where} (${className}): written without its penalty, which TF.js lacks; it differs in training alone`,
      );
      return ['Activation', { ...own, activation: 'linear' }];
    case 'Identity':
      return ['Activation', { ...own, activation: 'linear' }];
    case 'ReLU':
      return equivalentRelu(config);
    default:
      return [className, config];
  }
}

/** TF.js' ReLU knows `max_value` alone; a slope without bound and threshold is a LeakyReLU. */
function equivalentRelu(config: JsonObject): [className: string, config: JsonObject] {
  const { negative_slope: slope, threshold, max_value: maxValue, ...rest } = config;
  const isPlain = (value: JsonValue | undefined): boolean =>
    value === undefined || value === null || value === 0;
  if (isPlain(slope) && isPlain(threshold)) return ['ReLU', { ...rest, max_value: maxValue ?? null }];
  const isLeaky = (maxValue === undefined || maxValue === null) && isPlain(threshold);
  return isLeaky ? ['LeakyReLU', { ...rest, alpha: slope ?? 0 }] : ['ReLU', config];
}
