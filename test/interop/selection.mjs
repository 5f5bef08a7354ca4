/**
 * What of the inputs is checked in CI: of every kind one. A kind is who wrote it, what it exercises, and each way with what
 * opens the result; {@link kindsLacking} holds the selection to that.
 *
 * The READMEs of the fixtures say what is in each.
 *
 * @module
 */

import { REFUSED } from './inputs.mjs';

/** One of each format, which takes all ways; those that are refused; whose ways are like nobody else's. */
const IN_ALL_WAYS = [
  'keras-2.0.5/sequential.h5',
  'tfkeras-2.12/sequential.hdf5.keras',
  'tfkeras-2.15/functional.h5',
  'tfkeras-2.15/functional.keras',
  'keras-3.15.1/functional.h5',
  'keras-3.15.1/functional.keras',
  'keras-3.15.1/custom.keras',
  'tfkeras-2.15/custom.h5',
];

/** These take one way to each Keras that opens what is made of them. */
const TO_EACH_KERAS = {
  'each Keras that wrote configurations in another manner': [
    'golden/nested_model/input.h5',
    'tfkeras-2.12/nested.keras',
    'tfkeras-2.13/sequential.keras',
    'tfkeras-2.14/sequential.keras',
    'keras-3.0.5/sequential.keras',
  ],
  'models as people write them': [
    'keras-3.15.1/siamese.keras',
    'keras-3.15.1/masks.keras',
    'tfkeras-2.15/masks.h5',
    'tfkeras-2.15/heads.h5',
    'keras-3.15.1/steps.keras',
    'tfkeras-2.15/steps_deep.h5',
    'tfkeras-2.15/steps_layers.h5',
    'keras-3.15.1/own_class.keras',
    'tfkeras-2.15/own_nested.h5',
  ],
  'models in models, layers that are called twice': [
    'keras-2.0.5/nested.h5',
    'keras-3.15.1/nested.keras',
    'tfjs/nested',
    'golden/bn_shared/input.h5',
    'tfkeras-2.15/tail.h5',
  ],
  'weights in another order or under other names, and more than those of the model': [
    'tfkeras-2.15/renamed.h5',
    'keras-3.15.1/frozen.h5',
    'keras-3.5.0/sequential_trained.keras',
  ],
  'each kind of layer and of call': [
    'keras-3.15.1/multi.keras',
    'keras-3.15.1/ops.keras',
    'keras-3.15.1/capped.keras',
    'keras-3.15.1/shortcuts.keras',
    'tfkeras-2.15/shortcuts.h5',
    'keras-3.15.1/spelled_layers.keras',
    'keras-3.15.1/spelled_operators.keras',
    'tfkeras-2.15/spelled_operators.h5',
    'tfkeras-2.15/slices.h5',
    'keras-3.15.1/keywords.keras',
    'tfkeras-2.15/capped.h5',
    'tfkeras-2.15/rnn.h5',
    'keras-3.15.1/conv1d3d.keras',
    'golden/separable_conv/input.h5',
  ],
  'each form of bytes': [
    'odd/bigendian.h5',
    'odd/deflated.keras',
    'odd/extra_entries.keras',
    'odd/float16.h5',
    'odd/float64.h5',
    'odd/gzip.h5',
    'odd/gzip_shuffle_fletcher.h5',
    'odd/latest.h5',
    'odd/split_names.h5',
    'odd/userblock.h5',
    'tfjs/functional_float16',
    'tfjs/functional_groups',
    'tfjs/functional_mixed',
    'tfjs/functional_shards',
    'tfjs/functional_uint16',
    'tfjs/functional_uint8',
    'keras-3.15.1/sharded',
    'keras-3.15.1/unpacked',
  ],
  'folders that TF.js does not open': [
    'tfjs-keras3/recurrent',
    'tfjs-keras3/sequential_uint8',
    'tfjs-lacking/lacking',
    'tfjs-lacking/lacking_uint8',
  ],
  'a whole network': ['fashion-mobilenetv2.keras'],
  'of the fair': ['keras2/ssd.h5', 'keras3/transformer.keras'],
};

/** ReLU6 by name, fused, as a gate and as a layer. */
const TARGETS = [
  'targets/golden/act_relu6_string/input.h5',
  'targets/golden/fused_relu6_depthwise/input.h5',
  'targets/golden/hard_swish_relu6/input.h5',
  'targets/tfkeras-2.15/functional.keras',
  'targets/keras-3.15.1/nested.keras',
];

/** Of all inputs and all targets those to check in CI, with the ways that they take there. */
export function selected(inputs, targets) {
  const toEachKeras = Object.values(TO_EACH_KERAS).flat();
  return {
    inputs: inputs.flatMap((input) => {
      if (IN_ALL_WAYS.includes(input.name)) return [input];
      return toEachKeras.includes(input.name) ? [{ ...input, ways: waysToEachKeras(input.ways) }] : [];
    }),
    targets: targets.filter(({ name }) => TARGETS.includes(name)),
  };
}

/** The first ways, without those that lead to no other reader than the ways before them. */
function waysToEachKeras(ways) {
  const reached = new Set();
  return Object.fromEntries(
    Object.entries(ways).filter(([, readers]) => {
      const isNew = readersOf(readers).some((reader) => !reached.has(reader));
      for (const reader of readersOf(readers)) reached.add(reader);
      return isNew;
    }),
  );
}

/** Kinds that `all` has and `chosen` has not, each as a sentence; none where the selection is what it says. */
export function kindsLacking(all, chosen) {
  const has = new Set([...chosen.inputs.flatMap(kindsOf), ...chosen.targets.flatMap(kindsOfTarget)]);
  const wanted = new Set([...all.inputs.flatMap(kindsOf), ...all.targets.flatMap(kindsOfTarget)]);
  return [...wanted].filter((kind) => !has.has(kind));
}

function kindsOf({ name, ways }) {
  const [, writer, model] = /^([^/]+)\/([^.]+)/.exec(name) ?? [];
  const isFixture = /^(keras-|tfkeras-|tfjs|odd)/.test(name);
  return [
    ...(writer ? [`an input of ${writer}`] : []),
    ...(isFixture ? [`a fixture called ${model}`] : []),
    ...Object.entries(ways).flatMap(([way, readers]) =>
      readersOf(readers).map((reader) => `${way} for ${reader}`),
    ),
  ];
}

function kindsOfTarget({ tasks }) {
  return tasks.map(({ recipe, readers }) => `${recipe} for ${readers}`);
}

/** None for a sentence why a way is left out. */
function readersOf(readers) {
  if (readers === REFUSED) return ['nobody: it is refused'];
  return typeof readers === 'string' ? [] : readers;
}
