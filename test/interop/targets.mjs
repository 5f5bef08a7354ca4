/**
 * What `equalize` makes for each target, of a few of the inputs: those with ReLU6 in its different forms.
 *
 * Every result is written for Keras 2, for Keras 3 and for TF.js, whatever the input was.
 *
 * @module
 */

import { join } from 'node:path';

/**
 * Corrected biases are off by what a quantizer is going to change, and kernels whose errors cancel are rounded already; without
 * the two every recipe keeps the function.
 */
const EXACT = { biasCorrection: 'none', rounding: 'nearest' };

/** Options of `equalize` by the name of the recipe. */
const RECIPES = {
  'int8-per-tensor': { target: 'int8-per-tensor', ...EXACT },
  'tfjs-uint8': { target: 'tfjs-uint8', ...EXACT },
  'int8-per-channel': { target: 'int8-per-channel', ...EXACT },
  float: { target: 'float', ...EXACT },
  'float relu6 keep': { target: 'float', relu6: 'keep', ...EXACT },
  'float relu6 relu': { target: 'float', relu6: 'relu', ...EXACT },
};

/** The recipe that changes the function: its reference is the original with ReLU for ReLU6. */
const WITHOUT_RELU6 = 'float relu6 relu';

/** Of large networks; what is left out differs in no step from one of these. */
const FEW = ['int8-per-tensor', 'tfjs-uint8', WITHOUT_RELU6];
const SOME = [...FEW, 'int8-per-channel', 'float relu6 keep'];
const ALL = [...SOME, 'float'];
const KEEPING = ALL.filter((recipe) => recipe !== WITHOUT_RELU6);

/** Where a model is written, for which Keras, and what opens it. */
const WRITES = [
  { ending: '.h5', dialect: 'keras2', reader: 'keras2' },
  { ending: '.keras', dialect: 'keras3', reader: 'keras3' },
  { ending: '/model.json', reader: 'tfjs' },
];

/**
 * Inputs by name: their recipes, and the Keras that records their originals, on inputs from -range to range that go beyond 6
 * before some ReLU6. What TF.js cannot open or computes otherwise, of which the writer tells, has the reason as `notTfjs`.
 */
const CHOSEN = {
  'golden/act_relu6_string/input.h5': { recipes: SOME, record: 'keras2', range: 8 },
  'golden/act_relu_max6_negslope/input.h5': {
    ...{ recipes: SOME, record: 'keras2', range: 8 },
    notTfjs: 'its ReLU has no negative slope',
  },
  'golden/fused_relu6_depthwise/input.h5': { recipes: SOME, record: 'keras2', range: 8 },
  // Its ReLU6 is a gate, which no recipe replaces.
  'golden/hard_swish_relu6/input.h5': { recipes: KEEPING, record: 'keras2', range: 8 },
  'tfkeras-2.15/functional.keras': { recipes: ALL, record: 'keras2', range: 32 },
  'tfkeras-2.15/nested.h5': {
    ...{ recipes: SOME, record: 'keras2', range: 32 },
    notTfjs: 'weights of layers with the same name in different nested models would have the same name',
  },
  'keras-3.15.1/functional.keras': { recipes: ALL, record: 'keras3', range: 32 },
  'keras-3.15.1/nested.keras': {
    ...{ recipes: SOME, record: 'keras3', range: 32 },
    notTfjs: 'weights of layers with the same name in different nested models would have the same name',
  },
  'keras-3.15.1/multi.keras': {
    ...{ recipes: SOME, record: 'keras3', range: 32 },
    notTfjs: 'it has no Subtract',
  },
  'keras3/MobileNetV2.keras': { recipes: FEW, record: 'keras3', range: 8 },
  'fashion-mobilenetv2.keras': { recipes: FEW, record: 'keras3', range: 1 },
  'mobilenet_v2_dogs.h5': { recipes: FEW, record: 'keras2', range: 1 },
  mobilenet_v2_nsfw: { recipes: FEW, record: 'keras2', range: 1 },
};

/**
 * The inputs to equalize for targets, each with its `tasks`: what to write, and how; and a sentence on what is left out.
 * Their originals are recorded once more, with the ReLU6 that they have and without.
 *
 * @param inputs all there are
 */
export function targetInputs(inputs, folder) {
  return inputs
    .filter(({ name }) => name in CHOSEN)
    .map((input) => {
      const { recipes, record, range, notTfjs } = CHOSEN[input.name];
      const base = join(folder, 'references', input.name.replaceAll('/', '-'));
      const target = {
        ...input,
        ...{ name: `targets/${input.name}`, record, range },
        ...{ reference: `${base}.npz`, withoutRelu6: `${base}-without-relu6.npz` },
      };
      const writes = WRITES.filter(({ reader }) => reader !== 'tfjs' || notTfjs === undefined);
      const tasks = recipes.flatMap((recipe) => writes.map((write) => taskOf(target, recipe, write, folder)));
      const leftOut = notTfjs && `${target.name} for TF.js: ${notTfjs}`;
      return { ...target, tasks, leftOut };
    });
}

function taskOf(target, recipe, { ending, dialect, reader }, folder) {
  const { name, path, reference, withoutRelu6 } = target;
  return {
    name: `${name} for ${recipe} ${ending}`,
    recipe,
    path,
    options: RECIPES[recipe],
    dialect,
    output: join(folder, recipe.replaceAll(' ', '-'), `${name}${ending}`),
    readers: [reader],
    input: { reference: recipe === WITHOUT_RELU6 ? withoutRelu6 : reference },
  };
}
