/**
 * The models to read, as `{ name, path, reference, written }`.
 *
 * `reference` is the file with inputs and the original's outputs; with `record`, an environment's name, it is made
 * there first, from `original` (else from `path`). `written` says by which Keras: `keras2`, `keras3`, or `tf212`,
 * which is Keras 2.12 or older. With `convert`, `original` is made of `path` by the command.
 *
 * @module
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';

const ROOT = new URL('../../', import.meta.url).pathname;
const SHARED = join(ROOT, '..', 'shared');
const FORMATS = join(ROOT, 'test', 'fixtures', 'formats');
const GOLDEN = [join(SHARED, 'golden'), join(ROOT, 'test', 'fixtures', 'golden')].find((folder) =>
  existsSync(join(folder, 'cases.json')),
);

/** Names of `make_originals.py`. */
const APPLICATIONS = ['ResNet50', 'MobileNet', 'MobileNetV2', 'EfficientNetB0', 'DenseNet121'];

/** Networks as users have them; see the README beside them. */
const NETWORKS = [
  'mobilenet_v1_imagenet.h5',
  'mobilenet_v2_dogs.h5',
  'mobilenet_v2_nsfw',
  'mini_xception_emotion.hdf5',
  'mobilenet_v1_person.h5',
];

/** Golden cases that Python 3.11 cannot run: the bytecode of their lambdas is of another Python. */
const LAMBDAS = ['lambda_between'];

/** Every input there is, and a sentence for each that is left out; `folder` is for what is made on the spot. */
export function allInputs(folder) {
  const missing = [];
  const inputs = [
    ...goldenInputs(folder, missing),
    ...fixtureInputs(),
    ...applicationInputs(folder),
    ...fileInputs(folder, missing),
  ];
  return { inputs, missing };
}

/** Keras 2.10's HDF5, and Keras 2.12's, which it names .keras. */
function goldenInputs(folder, missing) {
  if (!GOLDEN) {
    missing.push('golden: no such folder');
    return [];
  }
  missing.push(...LAMBDAS.map((name) => `golden/${name}: the bytecode of its lambda is of another Python`));
  const cases = JSON.parse(readFileSync(join(GOLDEN, 'cases.json'), 'utf8'));
  return cases
    .filter(({ name }) => !LAMBDAS.includes(name))
    .flatMap(({ name }) => ['input.h5', 'input.keras'].map((file) => `${name}/${file}`))
    .filter((file) => existsSync(join(GOLDEN, file)))
    .map((file) => ({
      name: `golden/${file}`,
      path: join(GOLDEN, file),
      written: 'tf212',
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
    .map((file) => ({ file, reference: join(FORMATS, file) }))
    .filter(({ reference }) => JSON.parse(readFileSync(reference, 'utf8')).outputs)
    .map(({ file, reference }) => {
      const name = file.slice(0, -suffix.length);
      return { name, path: join(FORMATS, name), reference, written: writerOfFixture(name) };
    });
}

function writerOfFixture(name) {
  if (/^keras-3|^odd.*\.keras$/.test(name)) return 'keras3';
  return /^(tfkeras-2\.12|keras-2\.0)/.test(name) ? 'tf212' : 'keras2';
}

/** keras.applications in both formats of both Keras generations. */
function applicationInputs(folder) {
  return ['keras2', 'keras3'].flatMap((written) =>
    APPLICATIONS.flatMap((name) =>
      ['.h5', '.keras'].map((ending) => {
        const path = join(folder, written, name + ending);
        return {
          name: `${written}/${name}${ending}`,
          path,
          reference: `${path}.npz`,
          written,
          record: written,
        };
      }),
    ),
  );
}

/** The example of this repository and the networks beside it. */
function fileInputs(folder, missing) {
  const files = [
    { path: join(ROOT, 'examples', 'fashion-mobilenetv2.keras'), written: 'keras3' },
    ...NETWORKS.map((name) => ({ path: join(SHARED, 'models', name), written: 'keras2' })),
  ];
  return files.flatMap(({ path, written }) => {
    const name = basename(path);
    if (!existsSync(path)) {
      missing.push(`${name}: no such file`);
      return [];
    }
    // A TF.js model has no Keras that opens it: what `convert` makes of it stands for it.
    const original = extname(name) === '' ? { convert: true, original: join(folder, `${name}.h5`) } : {};
    return [{ name, path, reference: join(folder, `${name}.npz`), written, record: written, ...original }];
  });
}
