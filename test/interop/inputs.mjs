/**
 * The models to read.
 *
 * An input is `{ name, path, commands, readers, reference }`: `readers` has, for each ending to write, the environments
 * that must open the result, or `REFUSED` where the command must not write it, or a sentence why it is left out.
 * `reference` is the file with inputs and the original's outputs. Where the original has to be run for it first:
 * - `record`: the environment to do so;
 * - `original`: the file to open there instead of `path`; with `convert`, the command makes it of `path`;
 * - `network`: the name in keras.applications of what has to be made before.
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

/** What is made of a `.keras` of Keras 3; of an HDF5 file of Keras 3; of one of Keras 2, or of TF.js. */
const KERAS3 = { '.keras': ['keras3'], '.h5': ['keras2'] };
const KERAS3_H5 = { '.keras': ['keras3'], '.h5': ['keras3'] };
const KERAS2_H5 = { '.keras': ['keras3'], '.h5': ['keras2'] };
/** The same by Keras 2.12 or before; and where the HDF5 file has the name `.keras`, which it keeps. */
const OLD_H5 = { '.keras': ['keras3'], '.h5': ['keras2', 'tf212'] };
const OLD_H5_AS_KERAS = { '.keras': ['tf212'], '.h5': ['keras2'] };
/** A `.keras` stays in the version that wrote it, and no release reads those of Keras 2 but the same. */
const KERAS2_ZIP = { '.keras': ['keras2'], '.h5': ['keras2'] };
const OLD_ZIP = { '.keras': 'Keras 2.15 does not open what Keras 2.12 to 2.14 wrote', '.h5': ['keras2'] };

/** By the first expression that a fixture's name matches. */
const FIXTURE_READERS = [
  [/^keras-3.*custom\.keras$/, { '.keras': ['keras3'], '.h5': REFUSED }],
  [/^keras-3.*\.h5$/, KERAS3_H5],
  [/^(keras-3|odd).*\.keras$/, KERAS3],
  [/^keras-2\.0\.5.(functional|nested)/, { ...OLD_H5, '.h5': 'Keras 2.15 does not open its LeakyReLU' }],
  [/^keras-2\.0\.5/, OLD_H5],
  [/\.hdf5\.keras$/, OLD_H5_AS_KERAS],
  [/^tfkeras.*(custom|ops)\.h5$/, { '.keras': REFUSED, '.h5': ['keras2'] }],
  [/^tfkeras-2\.15.*\.keras$/, KERAS2_ZIP],
  [/^tfkeras.*\.keras$/, OLD_ZIP],
  [/./, KERAS2_H5],
];

const BOTH = ['equalize', 'convert'];

/** Names in keras.applications. */
const APPLICATIONS = ['ResNet50', 'MobileNet', 'MobileNetV2', 'EfficientNetB0', 'DenseNet121'];

/** Networks as users have them; see the README beside them. */
const NETWORKS = [
  'mobilenet_v1_imagenet.h5',
  'mobilenet_v2_dogs.h5',
  'mini_xception_emotion.hdf5',
  'mobilenet_v1_person.h5',
];
const TFJS_NETWORK = 'mobilenet_v2_nsfw';

/** What golden cases do not share with the others, by the endings of what is written. */
const GOLDEN_EXCEPTIONS = {
  channels_first: { '.keras': 'Keras 3 adds a bias along the width where that equals the filters' },
  lambda_between: {
    '.keras': 'the bytecode of its lambda is of another Python',
    '.h5': 'the bytecode of its lambda is of another Python',
  },
};

/** Every input there is, and a sentence for each that is left out; `folder` is for what is made on the spot. */
export function allInputs(folder) {
  const all = [
    ...goldenInputs(folder),
    ...fixtureInputs(),
    ...applicationInputs(folder),
    ...networkInputs(folder),
  ];
  const inputs = all.filter(({ path, network }) => network !== undefined || existsSync(path));
  const leftOut = [
    ...(GOLDEN ? [] : ['golden: no such folder']),
    ...all.filter((input) => !inputs.includes(input)).map(({ name }) => `${name}: no such file`),
    ...inputs.flatMap(({ name, readers }) =>
      Object.entries(readers)
        .filter(([, reason]) => typeof reason === 'string')
        .map(([ending, reason]) => `${name} as ${ending}: ${reason}`),
    ),
  ];
  return { inputs, leftOut };
}

/** Keras 2.10's HDF5 is equalized; Keras 2.12's, which it names .keras, is converted. */
function goldenInputs(folder) {
  if (!GOLDEN) return [];
  const cases = JSON.parse(readFileSync(join(GOLDEN, 'cases.json'), 'utf8'));
  return cases
    .flatMap(({ name }) => [
      {
        file: `${name}/input.h5`,
        commands: ['equalize'],
        readers: { ...OLD_H5, ...GOLDEN_EXCEPTIONS[name] },
      },
      { file: `${name}/input.keras`, commands: ['convert'], readers: OLD_H5_AS_KERAS },
    ])
    .filter(({ file }) => existsSync(join(GOLDEN, file)))
    .map(({ file, ...rest }) => ({
      name: `golden/${file}`,
      path: join(GOLDEN, file),
      ...rest,
      ...goldenReference(file, folder),
    }));
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
      const [, readers] = FIXTURE_READERS.find(([expression]) => expression.test(name));
      return { name, path: join(FORMATS, name), commands: BOTH, readers, reference };
    });
}

/** keras.applications in both formats of both generations. */
function applicationInputs(folder) {
  return [
    { record: 'keras2', ending: '.h5', readers: KERAS2_H5 },
    { record: 'keras2', ending: '.keras', readers: KERAS2_ZIP },
    { record: 'keras3', ending: '.h5', readers: KERAS3_H5 },
    { record: 'keras3', ending: '.keras', readers: KERAS3 },
  ].flatMap(({ record, ending, readers }) =>
    APPLICATIONS.map((network) => {
      const name = `${record}/${network}${ending}`;
      const path = join(folder, name);
      return { name, path, commands: ['equalize'], readers, reference: `${path}.npz`, record, network };
    }),
  );
}

/** The example of this repository and the networks beside it. */
function networkInputs(folder) {
  const example = {
    path: join(ROOT, 'examples', 'fashion-mobilenetv2.keras'),
    readers: KERAS3,
    record: 'keras3',
  };
  const networks = NETWORKS.map((name) => ({
    path: join(SHARED, 'models', name),
    readers: KERAS2_H5,
    record: 'keras2',
  }));
  // No Keras opens a TF.js model: what `convert` makes of it stands for it.
  const tfjs = {
    path: join(SHARED, 'models', TFJS_NETWORK),
    readers: KERAS2_H5,
    record: 'keras2',
    original: join(folder, `${TFJS_NETWORK}.h5`),
    convert: true,
  };
  return [example, ...networks, tfjs].map((input) => {
    const name = basename(input.path);
    return { name, commands: BOTH, reference: join(folder, `${name}.npz`), ...input };
  });
}
