/**
 * The models to read.
 *
 * An input is `{ name, path, ways, reference }`. `ways` has, for each command with the ending that it writes, the
 * environments that must open the result, or `REFUSED` where the command must not write it, or a sentence why it is
 * left out. `reference` is the file with inputs and the original's outputs; `tolerance` is for these where it is not the
 * usual one. Where the original has to be run for it first:
 * - `record`: the environment to do so;
 * - `original`: the file to open there instead of `path`; with `convert`, the command makes it of `path`;
 * - `network`: the name in keras.applications or fair_networks.py of what has to be made before;
 * - `range`: how large the inputs are; 1 where it is left out;
 * - `withoutRelu6`: a second reference, of the original with ReLU in the place of ReLU6.
 *
 * @module
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

const ROOT = new URL('../../', import.meta.url).pathname;
const SHARED = join(ROOT, '..', 'shared');
const FORMATS = join(ROOT, 'test', 'fixtures', 'formats');
const GOLDEN = [join(SHARED, 'golden'), join(ROOT, 'test', 'fixtures', 'golden')].find((folder) =>
  existsSync(join(folder, 'cases.json')),
);

/** The command must end with the exit code for what is not supported. */
export const REFUSED = Symbol('refused');

/** What is made of a `.keras` file of Keras 3, and of an HDF5 file of Keras 3. */
const KERAS3 = {
  'equalize .keras': ['keras3'],
  'equalize .h5': ['keras3'],
  'convert .keras': ['keras3'],
  'convert --keras 2 .h5': ['keras2'],
};
const KERAS3_H5 = { ...KERAS3, 'convert .h5': ['keras3'] };

/** What is made of an HDF5 file of Keras 2, or of TF.js. */
const KERAS2_H5 = {
  'equalize .keras': ['keras3'],
  'equalize .h5': ['keras2'],
  'convert .keras': ['keras3'],
  'convert .h5': ['keras2'],
  'convert --keras 3 .h5': ['keras3'],
};
/** The same by Keras 2.12 or before; and where the HDF5 file has the name `.keras`, which `equalize` keeps. */
const OLD_H5 = { ...KERAS2_H5, 'equalize .h5': ['keras2', 'tf212'], 'convert .h5': ['keras2', 'tf212'] };
const OLD_H5_AS_KERAS = { ...OLD_H5, 'equalize .keras': ['tf212'] };

/** A `.keras` file stays in the version that wrote it, and only that one reads it. */
const KERAS2_ZIP = {
  'equalize .keras': ['keras2'],
  'equalize .h5': ['keras2'],
  'convert .keras': ['keras2'],
  'convert .h5': ['keras2'],
  'convert --keras 3 .keras': ['keras3'],
};
const NOT_ITS_OWN = 'Keras 2.15 does not open what Keras 2.12 to 2.14 wrote';
const OLD_ZIP = { ...KERAS2_ZIP, 'equalize .keras': NOT_ITS_OWN, 'convert .keras': NOT_ITS_OWN };

const LEAKY_205 = 'Keras 2.15 does not open the LeakyReLU of Keras 2.0.5';

/** By the first expression that a fixture's name matches. */
const FIXTURE_WAYS = [
  [/^keras-3.*\.h5$/, KERAS3_H5],
  [/^keras-3.*custom\.keras$/, { ...KERAS3, 'equalize .h5': REFUSED, 'convert --keras 2 .h5': REFUSED }],
  // They cut by operators, for which Keras 2 has no layers.
  [
    /^keras-3.*slices\.keras$/,
    {
      ...KERAS3,
      'equalize .h5':
        'Keras 3 does not open an .h5 file with an ellipsis among the arguments of a slice, its own included',
      'convert --keras 2 .h5': REFUSED,
    },
  ],
  [/^(keras-3|odd).*(\.keras|sharded|unpacked)$/, KERAS3],
  [/^keras-2\.0\.5.(functional|nested)/, { ...OLD_H5, 'equalize .h5': LEAKY_205, 'convert .h5': LEAKY_205 }],
  [/^keras-2\.0\.5/, OLD_H5],
  [/\.hdf5\.keras$/, OLD_H5_AS_KERAS],
  [
    /renamed\.h5$/,
    {
      ...KERAS2_H5,
      'convert --keras 3 .h5':
        'Keras 3 does not use the statistics of a Normalization in a nested model of an .h5 file',
    },
  ],
  [/^tfjs-keras3/, KERAS3_H5],
  [
    /^tfkeras.*(custom|slices)\.h5$/,
    { ...KERAS2_H5, 'equalize .keras': REFUSED, 'convert .keras': REFUSED, 'convert --keras 3 .h5': REFUSED },
  ],
  [/^tfkeras-2\.15.*\.keras$/, KERAS2_ZIP],
  [/^tfkeras.*\.keras$/, OLD_ZIP],
  [/./, KERAS2_H5],
];

/** Of the largest value of an output: float32 through some hundred layers, with weights rounded once more. */
export const TOLERANCE = 1e-4;
/** Weights in a file of float16 are rounded to 11 bits, each by up to 5e-4 of itself. */
const FLOAT16_TOLERANCE = 1e-3;

/** Names in keras.applications. */
const APPLICATIONS = ['ResNet50', 'MobileNet', 'MobileNetV2', 'EfficientNetB0', 'DenseNet121'];
/** Names in fair_networks.py, with the largest inputs; fair.mjs has all of them. */
const FAIR = { unet: 1, ssd: 1, resnet_operators: 1, efficientnet_preprocessing: 255, transformer: 1 };

/** Networks as users have them; see the README beside them. */
const NETWORKS = [
  'mobilenet_v1_imagenet.h5',
  'mobilenet_v2_dogs.h5',
  'mini_xception_emotion.hdf5',
  'mobilenet_v1_person.h5',
];
const TFJS_NETWORK = 'mobilenet_v2_nsfw';

/** There are many golden cases: what Keras 2.10 wrote is equalized, what 2.12 wrote (HDF5 as .keras) is converted. */
const GOLDEN_WAYS = {
  'input.h5': { 'equalize .keras': ['keras3'], 'equalize .h5': ['keras2', 'tf212'] },
  'input.keras': { 'convert .keras': ['keras3'] },
};
/** Cases that differ, by what is different. */
const GOLDEN_REASONS = {
  channels_first: {
    endings: ['.keras'],
    reason: 'Keras 3 adds a bias along the width where that equals the filters',
  },
  lambda_between: { endings: ['.keras', '.h5'], reason: 'the bytecode of its lambda is of another Python' },
};

/** Every input there is, and a sentence for each that is left out; `folder` is for what is made on the spot. */
export function allInputs(folder) {
  const all = [
    ...goldenInputs(folder),
    ...fixtureInputs(),
    ...applicationInputs(folder),
    ...fairInputs(folder),
    ...networkInputs(folder),
  ];
  const inputs = all.filter(({ path, network }) => network !== undefined || existsSync(path));
  const leftOut = [
    ...(GOLDEN ? [] : ['golden: no such folder']),
    ...all.filter((input) => !inputs.includes(input)).map(({ name }) => `${name}: no such file`),
    ...inputs.flatMap(({ name, ways }) =>
      Object.entries(ways)
        .filter(([, reason]) => typeof reason === 'string')
        .map(([way, reason]) => `${name} ${way}: ${reason}`),
    ),
  ];
  return { inputs, leftOut };
}

function goldenInputs(folder) {
  if (!GOLDEN) return [];
  const cases = JSON.parse(readFileSync(join(GOLDEN, 'cases.json'), 'utf8'));
  return cases
    .flatMap(({ name }) => Object.keys(GOLDEN_WAYS).map((file) => ({ name, file })))
    .filter(({ name, file }) => existsSync(join(GOLDEN, name, file)))
    .map(({ name, file }) => ({
      name: `golden/${name}/${file}`,
      path: join(GOLDEN, name, file),
      ways: goldenWays(name, file),
      ...goldenReference(`${name}/${file}`, folder),
    }));
}

function goldenWays(name, file) {
  const { endings = [], reason } = GOLDEN_REASONS[name] ?? {};
  const ways = Object.entries(GOLDEN_WAYS[file]).map(([way, readers]) => {
    const isLeftOut = endings.some((ending) => way.endsWith(ending));
    return [way, isLeftOut ? reason : readers];
  });
  return Object.fromEntries(ways);
}

/** Recorded by the TensorFlow that wrote the case, except where it had no kernel for it. */
function goldenReference(file, folder) {
  const recorded = join(GOLDEN, dirname(file), 'io.h5');
  if (existsSync(recorded)) return { reference: recorded };
  const original = join(GOLDEN, dirname(file), 'input.h5');
  return { reference: join(folder, `${file.replaceAll('/', '-')}.npz`), record: 'keras2', original };
}

/** What each framework wrote, with the outputs that it computed itself. */
function fixtureInputs() {
  const suffix = '.expected.json';
  return readdirSync(FORMATS, { recursive: true })
    .filter((file) => file.endsWith(suffix))
    .sort()
    .map((file) => ({ name: file.slice(0, -suffix.length), reference: join(FORMATS, file) }))
    .filter(({ reference }) => JSON.parse(readFileSync(reference, 'utf8')).outputs)
    .map(({ name, reference }) => {
      const [, ways] = FIXTURE_WAYS.find(([expression]) => expression.test(name));
      const tolerance = /odd.float16/.test(name) ? FLOAT16_TOLERANCE : TOLERANCE;
      return { name, path: join(FORMATS, name), ways, reference, tolerance };
    });
}

/** keras.applications in both formats of both generations. */
function applicationInputs(folder) {
  return [
    { record: 'keras2', ending: '.h5', ways: withoutPlainConvert(KERAS2_H5) },
    { record: 'keras2', ending: '.keras', ways: withoutPlainConvert(KERAS2_ZIP) },
    { record: 'keras3', ending: '.h5', ways: withoutPlainConvert(KERAS3_H5) },
    { record: 'keras3', ending: '.keras', ways: withoutPlainConvert(KERAS3) },
  ].flatMap(({ record, ending, ways }) =>
    APPLICATIONS.map((network) => {
      const name = `${record}/${network}${ending}`;
      const reference = join(folder, `${record}-${network}.npz`);
      return { name, path: join(folder, name), ways, reference, record, network };
    }),
  );
}

/** Networks as people write them, in the format that each Keras would have them in. */
function fairInputs(folder) {
  return [
    { record: 'keras2', ending: '.h5', ways: KERAS2_H5 },
    { record: 'keras3', ending: '.keras', ways: KERAS3 },
  ].flatMap(({ record, ending, ways }) =>
    Object.entries(FAIR).map(([network, range]) => {
      const name = `${record}/${network}${ending}`;
      const reference = join(folder, `${record}-${network}.npz`);
      return { name, path: join(folder, name), ways, reference, record, network, range };
    }),
  );
}

/** These are large, and what equalizes them converts them too. */
function withoutPlainConvert(ways) {
  return Object.fromEntries(Object.entries(ways).filter(([way]) => !/^convert \./.test(way)));
}

/** The example of this repository and the networks beside it. */
function networkInputs(folder) {
  const example = {
    path: join(ROOT, 'examples', 'fashion-mobilenetv2.keras'),
    ways: KERAS3,
    record: 'keras3',
  };
  const networks = NETWORKS.map((name) => ({
    path: join(SHARED, 'models', name),
    ways: KERAS2_H5,
    record: 'keras2',
  }));
  // No Keras opens a TF.js model: what `convert` makes of it stands for it.
  const tfjs = {
    path: join(SHARED, 'models', TFJS_NETWORK),
    ways: KERAS2_H5,
    record: 'keras2',
    original: join(folder, `${TFJS_NETWORK}.h5`),
    convert: true,
  };
  return [example, ...networks, tfjs].map((input) => {
    const name = basename(input.path);
    return { name, reference: join(folder, `${name}.npz`), ...input };
  });
}
